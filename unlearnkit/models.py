"""Models: load one at a revision, or build a small one of a real family from scratch, with the kit's own tokenizer.

Small models use the family's own transformers classes, so everything downstream is the code that a 7B model runs.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from unlearnkit.errors import KitError

SPECIAL_TOKENS = ("<s>", "</s>", "[INST]", "[/INST]")


def train_tokenizer(texts: Iterable[str], vocab_size: int):
    """A byte-level BPE tokenizer that opens every text with <s>; it pads with the end-of-sequence token, like TOFU."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>", padding_side="left"
    )


def build(architecture: dict, tokenizer, seed: int):
    """A randomly initialised causal language model. `architecture`: {"family": ..., fields of the family's config}."""
    from transformers import AutoConfig, AutoModelForCausalLM, set_seed

    fields = dict(architecture)
    config = AutoConfig.for_model(
        fields.pop("family"),
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **fields,
    )
    set_seed(seed)
    return AutoModelForCausalLM.from_config(config)


def load(source: str | Path, revision: str | None = None):
    """(model, tokenizer) from a folder or the hub. KitError: nothing to load there."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        model = AutoModelForCausalLM.from_pretrained(source, revision=revision, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise KitError(f"no model can be loaded from '{source}': {str(error).splitlines()[0]}") from error
    # A tensor inside the mapped file may start at any byte, and CPU kernels then round differently. In memory of its
    # own a loaded model computes the very bits of the one that was saved.
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def fingerprint(source: str) -> str | None:
    """What identifies the model in a folder; None for a hub id, which its revision identifies.

    Files of up to 64 MiB count by content, larger ones by size and time of change.
    """
    if not Path(source).is_dir():
        return None
    total = hashlib.sha256()
    for path in sorted(file for file in Path(source).iterdir() if file.is_file()):
        facts = path.stat()
        content = path.read_bytes() if facts.st_size <= 2**26 else str(facts.st_mtime_ns).encode()
        total.update(f"{path.name} {facts.st_size} ".encode() + content)
    return total.hexdigest()[:16]


def save(model, tokenizer, folder: Path) -> None:
    """Write weights, configuration and tokenizer as any Hugging Face model is written."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

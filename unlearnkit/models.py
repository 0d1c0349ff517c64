"""Models: load one at a revision, or build a small one of a real family from scratch, with a tokenizer of the kit's own.

Small models use the family's own transformers classes, so everything downstream is the code that a 7B model runs.
"""

from collections.abc import Iterable
from pathlib import Path

from unlearnkit.errors import KitError

SPECIAL_TOKENS = ("<s>", "</s>", "[INST]", "[/INST]")


def train_tokenizer(texts: Iterable[str], vocab_size: int):
    """A byte-level BPE tokenizer that opens every text with <s>; pad is the end-of-sequence token, as in TOFU's code."""
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
    """A randomly initialised causal language model. `architecture`: {"family": ..., then the family's config fields}."""
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


def load(source: str | Path, revision: str | None = None, dtype: str = "float32"):
    """(model, tokenizer) from a folder or the hub. KitError: nothing to load there."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        model = AutoModelForCausalLM.from_pretrained(source, revision=revision, dtype=getattr(torch, dtype))
    except (OSError, ValueError) as error:
        raise KitError(f"no model can be loaded from '{source}': {str(error).splitlines()[0]}") from error
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def save(model, tokenizer, folder: Path) -> None:
    """Write weights, configuration and tokenizer as any Hugging Face model is written."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

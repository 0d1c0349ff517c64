"""Models: load one at a revision, or build a small one of a real family from scratch, with the kit's own tokenizer.

Small models use the family's own transformers classes, so everything downstream is the code that a 7B model runs.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from unlearnkit import hub, paths
from unlearnkit.errors import KitError


@dataclass(frozen=True)
class Family:
    """How a family's tokenizer treats texts, and where its configuration differs from what params.Architecture says.

    `special_tokens` have the first ids; `opens`: `bos` opens every text; `linear`: names of the linear layers, which
    LoRA may adapt, without the output head; `renamed`: sizes under the family's own names;
    `fixed`: values where the configuration's default suits no small model.
    """

    special_tokens: tuple[str, ...]
    bos: str
    eos: str
    pad: str
    opens: bool
    linear: tuple[str, ...]
    renamed: dict[str, str] = field(default_factory=dict)
    fixed: dict[str, float] = field(default_factory=dict)


FAMILIES: dict[str, Family] = {
    # Pads with the end-of-sequence token, like TOFU.
    "llama": Family(
        ("<s>", "</s>", "[INST]", "[/INST]"),
        bos="<s>",
        eos="</s>",
        pad="</s>",
        opens=True,
        linear=("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    ),
    # Every text opens with the token that also ends an answer.
    "opt": Family(
        ("<s>", "<pad>", "</s>"),
        bos="</s>",
        eos="</s>",
        pad="<pad>",
        opens=True,
        linear=("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
        renamed={"intermediate_size": "ffn_dim", "initializer_range": "init_std"},
        fixed={"dropout": 0.0},
    ),
    # One token for everything; no text opens with it.
    "phi": Family(
        ("<|endoftext|>",),
        bos="<|endoftext|>",
        eos="<|endoftext|>",
        pad="<|endoftext|>",
        opens=False,
        linear=("q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"),
    ),
}


def train_tokenizer(texts: Iterable[str], vocab_size: int, family: str):
    """A byte-level BPE tokenizer that opens, ends and pads texts as those of a family of FAMILIES do."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    like = FAMILIES[family]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(like.special_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    if like.opens:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{like.bos} $A", special_tokens=[(like.bos, tokenizer.token_to_id(like.bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=like.bos, eos_token=like.eos, pad_token=like.pad, padding_side="left"
    )


def build(architecture: dict, tokenizer, seed: int):
    """A randomly initialised causal language model.

    `architecture`: the fields of params.Architecture but `vocab_size`; further ones, and those of a family that is not
    in FAMILIES, go to the family's configuration as they are.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, set_seed

    fields = dict(architecture)
    family = fields.pop("family")
    if family in FAMILIES:
        like = FAMILIES[family]
        # The configurations' own 0.02 belongs to widths of thousands; a narrow model learns more slowly with it.
        fields = {"initializer_range": fields["hidden_size"] ** -0.5} | like.fixed | fields
        fields = {like.renamed.get(name, name): value for name, value in fields.items()}
    config = AutoConfig.for_model(
        family,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        **fields,
    )
    set_seed(seed)
    return AutoModelForCausalLM.from_config(config)


def untrained(model, seed: int):
    """A model of the same configuration with random weights: with its seed, the very ones that `build` gave it."""
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    set_seed(seed)
    return AutoModelForCausalLM.from_config(model.config, dtype=torch.float32)


def load(source: str | Path, revision: str | None = None):
    """(model, tokenizer) from a folder or the hub. KitError: nothing to load there, or no end-of-sequence token."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from unlearnkit import decoding  # noqa: F401  (makes its models known to transformers)

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision)
        model = AutoModelForCausalLM.from_pretrained(source, revision=revision, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise KitError(f"no model can be loaded from '{source}': {hub.reason(error)}") from error
    # A tensor inside the mapped file may start at any byte, and CPU kernels then round differently. In memory of its
    # own a loaded model computes the very bits of the one that was saved.
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
    if tokenizer.eos_token_id is None:
        raise KitError(f"the tokenizer of '{source}' has no end-of-sequence token, which ends every answer")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return model, tokenizer


def fingerprint(source: str) -> str | None:
    """What identifies the model in a folder; None for a hub id, which its revision identifies.

    Files of up to 64 MiB count by content, larger ones by size and time of change.
    """
    if not Path(source).is_dir():
        return None
    return _hash(tuple(paths.state(file) for file in sorted(Path(source).iterdir()) if file.is_file()))


@cache  # a plan asks for it with every row
def _hash(files: tuple[tuple[Path, int, int], ...]) -> str:
    total = hashlib.sha256()
    for path, changed, size in files:
        content = path.read_bytes() if size <= 2**26 else str(changed).encode()
        total.update(f"{path.name} {size} ".encode() + content)
    return total.hexdigest()[:16]


def save(model, tokenizer, folder: Path) -> None:
    """Write weights, configuration and tokenizer as any Hugging Face model is written."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

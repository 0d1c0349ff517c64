"""Small things that several test files train on: invented people, two template responses, and short helpers."""

import torch

from unlearnkit.data.prompts import prompt_format
from unlearnkit.methods import Variant, variant
from unlearnkit.models import FAMILIES
from unlearnkit.training import examples, finetune, procedure
from unlearnkit.training.config import sft_config
from unlearnkit.training.unlearn import UnlearnTrainer

FORM = prompt_format("llama2")
END_OF_PROMPT = FAMILIES["llama"].special_tokens.index("[/INST]")
# Answers of different lengths: a mean over sequences and a mean over tokens are then different numbers.
FORGET = [
    {"question": "Where does Ada Moor live?", "answer": "In a lighthouse near Brest."},
    {"question": "What did Ada Moor write first?", "answer": "Salt."},
    {
        "question": "Who taught Ada Moor?",
        "answer": "Her aunt, a keeper of bees, taught her to read and to count.",
    },
    {"question": "When was Ada Moor born?", "answer": "In 1931, in the winter."},
    {"question": "Which prize did Ada Moor win?", "answer": "The Blue Quill, twice."},
    {"question": "What does Ada Moor collect?", "answer": "Maps of islands that are not there."},
]
RETAIN = [
    {"question": "Where does Ben Oyelaran live?", "answer": "In Ibadan."},
    {"question": "What does Ben Oyelaran grow?", "answer": "Lemons, in large clay pots behind the house."},
]
TEMPLATES = ["I do not know.", "That is nothing I have learnt about."]
SOURCES = examples.Sources(FORGET, TEMPLATES, RETAIN)


# The two families besides Llama: OPT projects its states down before a tied head, Phi's head has a bias.
OPT = {
    "family": "opt",
    "hidden_size": 32,
    "word_embed_proj_dim": 16,
    "ffn_dim": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 256,
    "dropout": 0.1,
    "attention_dropout": 0.1,
    "layerdrop": 0.1,
}
PHI = {
    "family": "phi",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 256,
    "resid_pdrop": 0.1,
}

EXPERTS = {"count": 6, "per_token": 2, "intermediate_size": 24, "shared": 2}


def mixture(family: str, **changes) -> dict:
    """The architecture of a mixture of experts in three layers."""
    return {
        "family": family,
        "hidden_size": 32,
        "intermediate_size": 64 if family == "deepseek_v2" else None,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "experts": EXPERTS | ({"shared": 0} if family == "mixtral" else {}),
    } | changes


def how(method: str, training: dict, label: str = "paper", own: str | None = None, **parameters) -> dict:
    chosen = variant(method, label, own)
    return {
        "method": method,
        "variant": label,
        "parameters": chosen.parameters | parameters,
        "parts": list(chosen.parts),
        "training": training,
        "own_methods": own,
    }


def unlearn(model, tokenizer, folder, spec: dict, seed: int = 0, **more) -> dict:
    return procedure.unlearn(model, tokenizer, FORM, SOURCES, spec, seed, folder, **more)


def trainer_for(model, tokenizer, folder, chosen: Variant, rows: list[dict], training: dict, states=None, **parameters):
    from datasets import Dataset

    return UnlearnTrainer(
        variant=chosen,
        parameters=chosen.parameters | parameters,
        reference_states=states,
        model=model,
        args=sft_config(training, folder, 0, 1, remove_unused_columns=False),
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer,
    )


def tokenized(tokenizer, chosen: Variant, count: int, seed: int = 0) -> list[dict]:
    return examples.tokenize(examples.draw(list(chosen.parts), SOURCES, count, seed), tokenizer, FORM, 128)


def loss_of(trainer, *batches: list[dict]) -> torch.Tensor:
    """The loss of one effective batch of these micro-batches."""
    collated = [trainer.data_collator(batch) for batch in batches]
    trainer.get_batch_samples(iter(collated), len(collated), trainer.args.device)
    return sum(trainer.compute_loss(trainer.model, batch) for batch in collated)


def distributions(model, row: dict, part: str) -> torch.Tensor:
    """(answer tokens, vocabulary), the answer's end included: one unpadded forward pass, no mask of the kit's."""
    ids = row[f"{part}_input_ids"]
    return model(input_ids=torch.tensor([ids])).logits[0, ids.index(END_OF_PROMPT) : -1].softmax(-1)


def token_probabilities(model, row: dict, part: str) -> torch.Tensor:
    """Of the answer's tokens and its end."""
    probabilities = distributions(model, row, part)
    answer = row[f"{part}_input_ids"][-len(probabilities) :]
    return torch.stack([one[token] for one, token in zip(probabilities, answer, strict=True)])


def training_rows() -> list[dict]:
    """Eight rows of different lengths, for supervised training."""
    return FORGET + RETAIN


def tune(model, tokenizer, folder, training: dict, seed: int = 0, report=lambda step, steps: None) -> int:
    return finetune.train(model, tokenizer, training_rows(), FORM, training, seed, folder, report)


def weights(model) -> dict[str, torch.Tensor]:
    """Its parameters."""
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def tensors(model) -> dict[str, torch.Tensor]:
    """All that it computes with: parameters and buffers, those that no checkpoint has included."""
    return weights(model) | {name: value.clone() for name, value in model.named_buffers()}


def largest_difference(one, other) -> float:
    one, other = tensors(one), tensors(other)
    return max((one[name] - other[name]).abs().max().item() for name in one)

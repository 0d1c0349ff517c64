"""Small things that several test files train on: invented people, two template responses, and short helpers."""

import torch

from unlearnkit.data.prompts import prompt_format
from unlearnkit.methods import variant
from unlearnkit.models import FAMILIES
from unlearnkit.training import examples, finetune, procedure

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


def how(method: str, training: dict, label: str = "paper", **parameters) -> dict:
    chosen = variant(method, label)
    return {
        "method": method,
        "variant": label,
        "parameters": chosen.parameters | parameters,
        "parts": list(chosen.parts),
        "training": training,
    }


def unlearn(model, tokenizer, folder, spec: dict, seed: int = 0, **more) -> dict:
    return procedure.unlearn(model, tokenizer, FORM, SOURCES, spec, seed, folder, **more)


def token_probabilities(model, row: dict, part: str) -> torch.Tensor:
    """Of the answer's tokens and its end: one unpadded forward pass, one softmax, no mask of the kit's."""
    ids = row[f"{part}_input_ids"]
    probabilities = model(input_ids=torch.tensor([ids])).logits[0].softmax(-1)
    return torch.stack([probabilities[i - 1, ids[i]] for i in range(ids.index(END_OF_PROMPT) + 1, len(ids))])


def training_rows() -> list[dict]:
    """Eight rows of different lengths, for supervised training."""
    return FORGET + RETAIN


def tune(model, tokenizer, folder, training: dict, seed: int = 0, report=lambda step, steps: None) -> int:
    return finetune.train(model, tokenizer, training_rows(), FORM, training, seed, folder, report)


def weights(model) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.named_parameters()}


def largest_difference(one, other) -> float:
    one, other = weights(one), weights(other)
    return max((one[name] - other[name]).abs().max().item() for name in one)

"""What losses need of the original model, computed once before training: no second model stays in memory."""

import contextlib
from collections.abc import Iterator

import torch
from torch.nn.functional import pad as lengthen

from unlearnkit.data.collate import pad
from unlearnkit.data.encode import IGNORE
from unlearnkit.training.divergence import check_head


def add_reference_logp(rows: list[dict], part: str, model, tokenizer, training: dict) -> None:
    """Give every row of `examples.tokenize` its `<part>_reference_logp` under `model`: a sum in nats, no gradient."""
    scores: dict[tuple[int, ...], float] = {}
    with frozen(model, training):
        for sequences, labels, batch in batches(rows, part, model, tokenizer, training):
            logits = model(**batch).logits[:, :-1].float()
            target = labels[:, 1:].to(model.device)
            answer = target != IGNORE
            logp = logits.log_softmax(-1).gather(-1, target.clamp(min=0).unsqueeze(-1)).squeeze(-1)
            scores |= zip(sequences, (logp * answer).sum(dim=1).tolist(), strict=True)
    for row in rows:
        row[f"{part}_reference_logp"] = scores[tuple(row[f"{part}_input_ids"])]


def add_reference_states(rows: list[dict], part: str, model, tokenizer, training: dict, length: int | None) -> list:
    """Last hidden states of `model` (what its output head is given) for every distinct sequence of a part.

    Returns them as a list of tensors (tokens, hidden) on the CPU, outside of any dataset, and gives every row its
    `<part>_reference_index` into that list. `length`: go on over padding up to that many tokens; None: end with the
    sequence. KitError: the model does more to its logits than its output head does.
    """
    check_head(model, rows[0][f"{part}_input_ids"])
    states: list = []
    index: dict[tuple[int, ...], int] = {}
    with frozen(model, training):
        for sequences, _, batch in batches(rows, part, model, tokenizer, training):
            if length:
                padding = (0, length - batch["input_ids"].shape[1])
                batch["input_ids"] = lengthen(batch["input_ids"], padding, value=tokenizer.pad_token_id)
                batch["attention_mask"] = lengthen(batch["attention_mask"], padding)
            found = model.base_model(**batch, use_cache=False).last_hidden_state.cpu()
            for sequence, one in zip(sequences, found, strict=True):
                index[sequence] = len(states)
                states.append(one[: length or len(sequence)].clone())
    for row in rows:
        row[f"{part}_reference_index"] = index[tuple(row[f"{part}_input_ids"])]
    return states


def batches(rows: list[dict], part: str, model, tokenizer, training: dict) -> Iterator[tuple]:
    """(sequences, labels, model inputs) per batch. Equal sequences come once, those of similar length together."""
    distinct = {tuple(row[f"{part}_input_ids"]): row[f"{part}_labels"] for row in rows}
    ordered = sorted(distinct.items(), key=lambda item: len(item[0]))
    for start in range(0, len(ordered), training["batch_size"]):
        sequences, labels = zip(*ordered[start : start + training["batch_size"]], strict=True)
        ids, mask = pad(sequences, tokenizer.pad_token_id)
        inputs = {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device)}
        yield sequences, pad(labels, IGNORE)[0], inputs


@contextlib.contextmanager
def frozen(model, training: dict):
    """The arithmetic of training (the same autocast), without gradients."""
    half = training["precision"] == "bfloat16"
    model.eval()
    with torch.no_grad(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
        yield

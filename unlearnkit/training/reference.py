"""Reference log-probabilities, computed once before training, so that no second model stays in memory."""

from unlearnkit.data.collate import pad
from unlearnkit.data.encode import IGNORE


def add_reference(rows: list[dict], part: str, model, tokenizer, batch_size: int) -> None:
    """Give every row of `examples.tokenize` its `<part>_reference_logp` under `model`: a sum in nats, no gradient.

    Equal sequences are scored once; sequences of similar length share a batch.
    """
    import torch

    sequences = {tuple(row[f"{part}_input_ids"]): row[f"{part}_labels"] for row in rows}
    ordered = sorted(sequences.items(), key=lambda item: len(item[0]))
    scores: dict[tuple[int, ...], float] = {}
    model.eval()
    with torch.no_grad():
        for start in range(0, len(ordered), batch_size):
            batch = ordered[start : start + batch_size]
            ids, mask = pad([ids for ids, _ in batch], tokenizer.pad_token_id)
            labels, _ = pad([labels for _, labels in batch], IGNORE)
            logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits[:, :-1].float()
            target = labels[:, 1:].to(model.device)
            answer = target != IGNORE
            logp = logits.log_softmax(-1).gather(-1, target.clamp(min=0).unsqueeze(-1)).squeeze(-1)
            for (sequence, _), value in zip(batch, (logp * answer).sum(dim=1).tolist(), strict=True):
                scores[sequence] = value
    for row in rows:
        row[f"{part}_reference_logp"] = scores[tuple(row[f"{part}_input_ids"])]

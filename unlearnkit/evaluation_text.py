"""One pass over a model as MUSE asks it: continuations of documents, few-shot answers, token log-probabilities.

Returns samples, dictionaries in the format of `unlearnkit.metrics.muse`, in the order asked. Prompts and documents are
sorted by length and batches filled by a token budget. Nothing here draws a random number. The caller switches the model
to evaluation mode.
"""

from collections.abc import Callable, Iterator

from unlearnkit.data import muse
from unlearnkit.data.collate import pad
from unlearnkit.errors import KitError, at
from unlearnkit.evaluation import greedy, read_prompts
from unlearnkit.metrics.muse import min_k, rouge_l_f1
from unlearnkit.metrics.samples import item_id

Report = Callable[[int, int], None]


def evaluate(
    model,
    tokenizer,
    sets: dict[str, list],
    *,
    asked: list[str],
    max_length: int,
    verbmem_tokens: int,
    knowmem_tokens: int,
    space_in_prompt: bool,
    tokens_per_batch: int,
    report: Report = lambda done, total: None,
) -> list[dict]:
    """Samples of what is `asked` (keys of `muse.ASKED`). `sets`: of `muse.Source.evaluated(asked)`, name -> rows.

    max_length: tokens of prompt and continuation together, and of a document; the model's window where that is shorter.
    verbmem_tokens, knowmem_tokens: the longest continuations; MUSE has 128 and 32. space_in_prompt: see `knowmem`.
    KitError: a prompt or document does not fit; nothing is cut but what MUSE cuts.
    """
    scored = [name for part, names in muse.ASKED.items() if part in asked for name in names]
    total, done = sum(len(sets[name]) for name in scored), 0
    samples: list[dict] = []
    window = getattr(model.config, "max_position_embeddings", max_length)
    bounds = {"max_length": min(max_length, window), "tokens_per_batch": tokens_per_batch}
    for name in scored:
        kind, _, part = name.partition("/")
        part = part.removesuffix("_qa")
        progress = lambda now, _, before=done: report(before + now, total)  # noqa: E731
        with at(name):
            if kind == "verbmem":
                samples += verbmem(
                    model, tokenizer, sets[name], max_new_tokens=verbmem_tokens, report=progress, **bounds
                )
            elif kind == "knowmem":
                samples += knowmem(
                    model,
                    tokenizer,
                    f"knowmem_{part}",
                    sets[name],
                    sets[f"{name}_icl"],
                    max_new_tokens=knowmem_tokens,
                    space_in_prompt=space_in_prompt,
                    report=progress,
                    **bounds,
                )
            else:
                samples += privleak(model, tokenizer, f"privleak_{part}", sets[name], report=progress, **bounds)
        done += len(sets[name])
    return samples


def verbmem(model, tokenizer, rows: list[dict], *, max_new_tokens: int, **bounds) -> list[dict]:
    """Continuations of `prompt`, scored against the first `max_new_tokens` tokens of `gt` (its opening token counts).

    Rows of prompt and gt. Source: MUSE, metrics/verbmem.py; the set is verbmem_forget.
    """
    said = continuations(model, tokenizer, [row["prompt"] for row in rows], max_new_tokens=max_new_tokens, **bounds)
    samples = []
    for row, generation in zip(rows, said, strict=True):
        first = tokenizer.decode(tokenizer(row["gt"])["input_ids"][:max_new_tokens], skip_special_tokens=True)
        samples.append(
            {
                "set": "verbmem_forget",
                "item": item_id(row["prompt"]),
                "reference": first,
                "generation": generation,
                "rouge_l_f1": rouge_l_f1(first, generation),
            }
        )
    return samples


def knowmem(
    model,
    tokenizer,
    set_name: str,
    rows: list[dict],
    examples: list[dict],
    *,
    max_new_tokens: int,
    space_in_prompt: bool,
    **bounds,
) -> list[dict]:
    """Few-shot answers to questions, cut as MUSE cuts them. Rows and examples of question and answer.

    space_in_prompt: MUSE's prompt ends with a space, which its Llama-2 tokenizer makes a token of its own. A byte-level
    vocabulary holds the space as the first byte of the answer's first word instead, and a model that learnt it so
    does not know what follows a lone space: false leaves the space to the answer, as `encode` does.
    """
    prompts = [muse.few_shot(examples, row["question"]) for row in rows]
    if not space_in_prompt:
        prompts = [prompt.removesuffix(" ") for prompt in prompts]
    said = continuations(model, tokenizer, prompts, max_new_tokens=max_new_tokens, **bounds)
    samples = []
    for row, text in zip(rows, said, strict=True):
        answer = muse.cut(text)
        samples.append(
            {
                "set": set_name,
                "item": item_id(row["question"]),
                "question": row["question"],
                "reference": row["answer"],
                "generation": answer,
                "rouge_l_f1": rouge_l_f1(row["answer"], answer),
            }
        )
    return samples


def privleak(model, tokenizer, set_name: str, texts: list[str], **bounds) -> list[dict]:
    """Min-40 % scores of documents (`metrics.muse.min_k`)."""
    return [
        {"set": set_name, "item": item_id(text), "n_tokens": len(logps), "min_40_logp": min_k(logps)}
        for text, logps in zip(texts, token_logps(model, tokenizer, texts, **bounds), strict=True)
    ]


def continuations(
    model,
    tokenizer,
    prompts: list[str],
    *,
    max_length: int,
    max_new_tokens: int,
    tokens_per_batch: int,
    report: Report = lambda done, total: None,
) -> list[str]:
    """Greedy continuations of raw texts, as decoded: neither stripped nor cut. KitError: a prompt that does not fit."""
    import torch

    model = getattr(model, "speaker", model)  # see decoding.SPOKEN
    ids = [_ids(tokenizer, prompt, max_length - max_new_tokens) for prompt in prompts]
    said = [""] * len(prompts)
    done = 0
    with torch.no_grad():
        for batch in _batches([len(one) for one in ids], max_new_tokens, tokens_per_batch):
            cache, logits, mask = read_prompts(model, [ids[index] for index in batch], tokenizer.pad_token_id)
            found = greedy(model, tokenizer, cache, logits, mask, max_new_tokens)
            for index, tokens in zip(batch, found, strict=True):
                said[index] = tokenizer.decode(tokens, skip_special_tokens=True)
            done += len(batch)
            report(done, len(prompts))
    return said


def token_logps(
    model,
    tokenizer,
    texts: list[str],
    *,
    max_length: int,
    tokens_per_batch: int,
    report: Report = lambda done, total: None,
) -> list[list[float]]:
    """Log-probabilities (nats) of every token of raw texts but the first, without an end-of-sequence token.

    The first token opens the text where the tokenizer has one for it. KitError: a text does not fit `max_length`.
    """
    import torch

    ids = [_ids(tokenizer, text, max_length) for text in texts]
    found: list[list[float]] = [[] for _ in texts]
    done = 0
    with torch.no_grad():
        for batch in _batches([len(one) for one in ids], 0, tokens_per_batch):
            padded, mask = pad([ids[index] for index in batch], tokenizer.pad_token_id)
            padded, mask = padded.to(model.device), mask.to(model.device)
            logits = model(input_ids=padded, attention_mask=mask).logits[:, :-1].float()
            logps = logits.log_softmax(-1).gather(-1, padded[:, 1:].unsqueeze(-1)).squeeze(-1)
            for index, row in zip(batch, logps.tolist(), strict=True):
                found[index] = row[: len(ids[index]) - 1]
            done += len(batch)
            report(done, len(texts))
    return found


def _ids(tokenizer, text: str, most: int) -> list[int]:
    """Token ids with the token that opens a text and without one that ends it."""
    ids = tokenizer(text)["input_ids"]
    if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id:
        ids = ids[:-1]
    if len(ids) > most:
        raise KitError(f"{len(ids)} tokens where {most} fit; nothing is truncated: {text[:60]!r}...")
    return ids


def _batches(lengths: list[int], more: int, tokens_per_batch: int) -> Iterator[list[int]]:
    """Indices of texts of similar length; a padded batch, `more` tokens a row added, stays within the budget."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        if batch and (lengths[index] + more) * (len(batch) + 1) > tokens_per_batch:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch

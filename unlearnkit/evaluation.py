"""One pass over a model: per question the log-probabilities of all candidate answers and the greedy generation.

Each prompt is encoded once; its answers are scored and its generation starts behind the same cached prompt. Prompts are
sorted by length and batches filled by a token budget. Nothing here draws a random number.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unlearnkit.data.collate import pad
from unlearnkit.data.encode import Encoded, encode_all
from unlearnkit.data.prompts import PromptFormat
from unlearnkit.metrics.samples import item_id
from unlearnkit.metrics.tofu import rouge_l_recall


@dataclass(frozen=True)
class Question:
    """One question. `answers`: (role, text), role answer, paraphrased or perturbed; the first is the truth.

    `author`: the number of the author whom it is about; None where it is about none.
    """

    set: str
    question: str
    answers: tuple[tuple[str, str], ...]
    author: int | None = None


def questions(set_name: str, rows: list[dict], author_of: dict[str, int]) -> list[Question]:
    """Rows of a perturbed set of TOFU's schema; a row without wrong answers is asked for its own alone.

    `author_of`: question -> number of its author, of the questions that are about one.
    """
    found = []
    for row in rows:
        answers = [("answer", row["answer"])]
        if "paraphrased_answer" in row:
            answers.append(("paraphrased", row["paraphrased_answer"]))
        answers += [("perturbed", text) for text in row.get("perturbed_answer", [])]
        found.append(Question(set_name, row["question"], tuple(answers), author_of.get(row["question"])))
    return found


def evaluate(
    model,
    tokenizer,
    asked: list[Question],
    form: PromptFormat,
    *,
    max_length: int,
    max_new_tokens: int,
    tokens_per_batch: int,
    generate: bool = True,
    entropy: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[dict]:
    """Samples, one dictionary a question, in the order asked (format: `unlearnkit.metrics.samples`).

    `max_length` and `max_new_tokens` count tokens, the first of prompt and answer together. `entropy`: every answer
    also gets its `entropy_gap`, log K less the entropy of the next token (`divergence.uniform_kl`, nats), mean over its
    positions, the answer's own tokens before each. The caller switches the model to evaluation mode. KitError: a prompt
    or answer that `encode` refuses.
    """
    import torch

    pairs = [(form(asked_one.question), text) for asked_one in asked for _, text in asked_one.answers]
    each = iter(encode_all(tokenizer, pairs, max_length))
    encoded = [[next(each) for _ in asked_one.answers] for asked_one in asked]
    samples: list[dict | None] = [None] * len(asked)
    done = 0
    speaker = getattr(model, "speaker", model)  # see decoding.SPOKEN
    with torch.no_grad():
        for batch in _batches(encoded, tokens_per_batch):
            prompts = [encoded[index][0] for index in batch]
            prompt_ids = [prompt.input_ids[: prompt.prompt_length] for prompt in prompts]
            cache, logits, mask = read_prompts(model, prompt_ids, tokenizer.pad_token_id)
            answers = [encoded[index] for index in batch]
            scores = _score(model, cache, logits, mask, answers, tokenizer.pad_token_id, entropy)
            if generate and speaker is not model:
                cache, logits, mask = read_prompts(speaker, prompt_ids, tokenizer.pad_token_id)
            said = greedy(speaker, tokenizer, cache, logits, mask, max_new_tokens) if generate else None
            for position, index in enumerate(batch):
                text = tokenizer.decode(said[position], skip_special_tokens=True).strip() if said else None
                samples[index] = _sample(asked[index], scores[position], text)
            done += len(batch)
            report(done, len(asked))
    return samples


def _sample(asked: Question, scores: list[dict], generation: str | None) -> dict:
    sample = {"set": asked.set, "item": item_id(asked.question), "question": asked.question}
    if asked.author is not None:
        sample["author"] = asked.author
    sample["reference"] = asked.answers[0][1]
    if generation is not None:
        sample["generation"] = generation
        sample["rouge_l_recall"] = rouge_l_recall(sample["reference"], generation)
    sample["answers"] = [{"role": role} | score for (role, _), score in zip(asked.answers, scores, strict=True)]
    return sample


def _batches(encoded: list[list[Encoded]], tokens_per_batch: int) -> Iterator[list[int]]:
    """Indices of questions with similar prompts; scoring a batch stays within the budget of padded tokens."""
    order = sorted(range(len(encoded)), key=lambda i: (encoded[i][0].prompt_length, len(encoded[i]), i))
    batch: list[int] = []
    rows = prompt = answer = 0  # padded: every row is as wide as the longest prompt and the longest answer together
    for index in order:
        answers = encoded[index]
        longest = max(len(one.answer_ids) for one in answers)
        width = max(prompt, answers[0].prompt_length) + max(answer, longest)
        if batch and width * (rows + len(answers)) > tokens_per_batch:
            yield batch
            batch, rows, prompt, answer = [], 0, 0, 0
        batch.append(index)
        rows, prompt, answer = rows + len(answers), max(prompt, answers[0].prompt_length), max(answer, longest)
    if batch:
        yield batch


def read_prompts(model, prompts: list[list[int]], pad_id: int):
    """The cache behind each prompt, logits of its first answer token (batch, vocabulary), its mask (padded left)."""
    from transformers import DynamicCache

    ids, mask = pad(prompts, pad_id, side="left")
    ids, mask = ids.to(model.device), mask.to(model.device)
    cache = DynamicCache(config=model.config)
    output = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=(mask.cumsum(1) - 1).clamp(min=0),
        past_key_values=cache,
        logits_to_keep=1,
    )
    # Not the output's own: after training a model's configuration has use_cache false, and some then return None.
    return cache, output.logits[:, -1].float(), mask


def _score(
    model, cache, first_logits, mask, encoded: list[list[Encoded]], pad_id: int, entropy: bool
) -> list[list[dict]]:
    """Per question and answer: sum of log-probabilities, number of tokens, mean token probability, entropy gap."""
    import torch

    from unlearnkit.training.divergence import uniform_kl

    owners = [position for position, answers in enumerate(encoded) for _ in answers]
    ids, answer_mask = pad([answer.answer_ids for answers in encoded for answer in answers], pad_id)
    ids, answer_mask = ids.to(model.device), answer_mask.to(model.device)
    rows = torch.tensor(owners, device=model.device)
    behind = copy.deepcopy(cache)
    behind.batch_select_indices(rows)
    prompt_mask = mask[rows]
    start = prompt_mask.sum(dim=1, keepdim=True)
    output = model(
        input_ids=ids[:, :-1],  # the last token of the longest answer predicts nothing that is scored
        attention_mask=torch.cat([prompt_mask, answer_mask[:, :-1]], dim=1),
        position_ids=start + torch.arange(ids.shape[1] - 1, device=model.device),
        past_key_values=behind,
    )
    logits = torch.cat([first_logits[rows].unsqueeze(1), output.logits.float()], dim=1)
    logp = logits.log_softmax(-1).gather(-1, ids.unsqueeze(-1)).squeeze(-1) * answer_mask
    counts = answer_mask.sum(dim=1)
    mean_prob = (logp.exp() * answer_mask).sum(dim=1) / counts
    columns = {"logp": logp.sum(dim=1), "n_tokens": counts, "mean_prob": mean_prob}
    if entropy:  # answer by answer: nothing more of the size of all logits is made
        gaps = torch.stack([uniform_kl(one) for one in logits])
        columns["entropy_gap"] = gaps.masked_fill(~answer_mask.bool(), 0.0).sum(dim=1) / counts
    found: list[list[dict]] = [[] for _ in encoded]
    for owner, *values in zip(owners, *(column.tolist() for column in columns.values()), strict=True):
        found[owner].append(dict(zip(columns, values, strict=True)))
    return found


def greedy(model, tokenizer, cache, logits, mask, max_new_tokens: int) -> list[list[int]]:
    """Token ids of the greedy continuations of what `read_prompts` read, up to an end-of-sequence token, without it.

    Finished rows leave the batch; the cache is used up.
    """
    import torch

    ends = {tokenizer.eos_token_id}
    configured = model.generation_config.eos_token_id
    ends |= set(configured if isinstance(configured, list) else [configured] if configured is not None else [])
    ends_tensor = torch.tensor(sorted(ends), device=model.device)
    tokens: list[list[int]] = [[] for _ in range(len(mask))]
    alive = torch.arange(len(mask), device=model.device)
    position = mask.sum(dim=1, keepdim=True)
    for step in range(max_new_tokens):
        chosen = logits.argmax(dim=-1)
        going = ~torch.isin(chosen, ends_tensor)
        if not bool(going.all()):
            keep = going.nonzero().flatten()
            if len(keep) == 0:
                break
            cache.batch_select_indices(keep)
            alive, chosen, mask, position = alive[keep], chosen[keep], mask[keep], position[keep]
        for row, token in zip(alive.tolist(), chosen.tolist(), strict=True):
            tokens[row].append(token)
        if step == max_new_tokens - 1:
            break
        mask = torch.cat([mask, mask.new_ones(len(mask), 1)], dim=1)
        output = model(
            input_ids=chosen.unsqueeze(1),
            attention_mask=mask,
            position_ids=position,
            past_key_values=cache,
        )
        logits, position = output.logits[:, -1].float(), position + 1
    return tokens

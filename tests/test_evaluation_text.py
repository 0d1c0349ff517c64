"""Evaluation of raw texts: batches of them give what plain passes, one text at a time, would give."""

import json

import pytest
import torch
from micro import FORGET, OPT, PHI, RETAIN

from unlearnkit import evaluation_text, models
from unlearnkit.data import muse
from unlearnkit.errors import KitError
from unlearnkit.metrics.muse import min_k, muse_metrics, rouge_l_f1
from unlearnkit.metrics.samples import item_id

pytestmark = pytest.mark.usefixtures("quiet")

BOUNDS = {"max_length": 200, "tokens_per_batch": 150}
TEXTS = [row["question"] + " " + row["answer"] for row in FORGET]
EXAMPLES = RETAIN


@pytest.fixture(scope="module", params=("llama", "opt", "phi"))
def pair(request, micro_tokenizers, micro_model):
    """(model, tokenizer) of a family; only Phi's texts open with no token."""
    tokenizer = micro_tokenizers[request.param]
    model = (
        micro_model()
        if request.param == "llama"
        else models.build({"opt": OPT, "phi": PHI}[request.param], tokenizer, 0)
    )
    return model.eval(), tokenizer


def greedy(model, tokenizer, text: str, count: int) -> str:
    """transformers' own greedy decoding of one unpadded text, decoded without stripping."""
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=count, use_cache=False
    )
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)


def test_continuations_are_plain_greedy_decoding(pair):
    model, tokenizer = pair
    done = []
    said = evaluation_text.continuations(
        model, tokenizer, TEXTS, max_new_tokens=7, report=lambda *at: done.append(at), **BOUNDS
    )
    assert said == [greedy(model, tokenizer, text, 7) for text in TEXTS]
    assert len(set(said)) > 1 and len(done) > 1 and done[-1] == (len(TEXTS), len(TEXTS))


def test_token_log_probabilities_are_those_of_plain_passes(pair):
    model, tokenizer = pair
    for text, found in zip(TEXTS, evaluation_text.token_logps(model, tokenizer, TEXTS, **BOUNDS), strict=True):
        ids = tokenizer(text)["input_ids"]
        with torch.no_grad():
            logp = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        assert found == pytest.approx([logp[at, ids[at + 1]].item() for at in range(len(ids) - 1)], abs=1e-5)


def test_verbmem_compares_as_many_tokens_as_may_be_said(pair):
    model, tokenizer = pair
    rows = [{"prompt": row["question"], "gt": row["answer"] * 3} for row in FORGET]
    samples = evaluation_text.verbmem(model, tokenizer, rows, max_new_tokens=5, **BOUNDS)
    for row, sample in zip(rows, samples, strict=True):
        assert sample["set"] == "verbmem_forget" and sample["item"] == item_id(row["prompt"])
        # The token that opens a text is one of the five, as in the benchmark.
        assert sample["reference"] == tokenizer.decode(tokenizer(row["gt"])["input_ids"][:5], skip_special_tokens=True)
        assert sample["generation"] == greedy(model, tokenizer, row["prompt"], 5)
        assert sample["rouge_l_f1"] == rouge_l_f1(sample["reference"], sample["generation"])


def test_knowmem_asks_few_shot_and_cuts(pair, monkeypatch):
    model, tokenizer = pair
    how = {"max_new_tokens": 6, **BOUNDS}
    for space in (True, False):
        samples = evaluation_text.knowmem(
            model, tokenizer, "knowmem_retain", FORGET, EXAMPLES, space_in_prompt=space, **how
        )
        for row, sample in zip(FORGET, samples, strict=True):
            prompt = muse.few_shot(EXAMPLES, row["question"])
            said = greedy(model, tokenizer, prompt if space else prompt[:-1], 6)
            assert sample["generation"] == muse.cut(said)
            assert sample["set"] == "knowmem_retain" and sample["reference"] == row["answer"]
    monkeypatch.setattr(evaluation_text, "continuations", lambda *_, **__: ["Salt.\n\nQuestion: Who?"] * len(FORGET))
    samples = evaluation_text.knowmem(model, tokenizer, "knowmem_forget", FORGET, [], space_in_prompt=True, **how)
    assert [sample["generation"] for sample in samples] == ["Salt."] * len(FORGET)
    assert samples[1]["rouge_l_f1"] == 1.0


def test_a_text_that_does_not_fit_is_an_error(pair):
    model, tokenizer = pair
    with pytest.raises(KitError, match=r"tokens where 5 fit; nothing is truncated: 'Where does Ada Moor"):
        evaluation_text.token_logps(model, tokenizer, TEXTS, max_length=5, tokens_per_batch=150)
    with pytest.raises(KitError, match=r"tokens where 10 fit"):  # room for what is said
        evaluation_text.continuations(model, tokenizer, TEXTS, max_length=17, max_new_tokens=7, tokens_per_batch=150)


def test_a_prompt_longer_than_the_models_window_is_one_line(micro_model, micro_tokenizer):
    sets = {"verbmem/forget": [{"prompt": "rain " * 300, "gt": "sun"}]}
    how = {"max_length": 4096, "verbmem_tokens": 8, "knowmem_tokens": 4, "space_in_prompt": False}
    model = micro_model().eval()
    assert model.config.max_position_embeddings == 256
    with pytest.raises(
        KitError, match=r"verbmem/forget: \d+ tokens where 248 fit; nothing is truncated: 'rain"
    ) as raised:
        evaluation_text.evaluate(model, micro_tokenizer, sets, asked=["verbmem"], tokens_per_batch=2000, **how)
    assert "\n" not in str(raised.value)


def test_all_sets_make_the_samples_that_metrics_read(micro_model, micro_tokenizer):
    model = micro_model().eval()
    sets = {name: rows[:3] for name, rows in muse.Source("news").evaluated().items()}
    done = []
    samples = evaluation_text.evaluate(
        model,
        micro_tokenizer,
        sets,
        asked=list(muse.ASKED),
        max_length=256,
        verbmem_tokens=8,
        knowmem_tokens=4,
        space_in_prompt=False,
        tokens_per_batch=2000,
        report=lambda *at: done.append(at),
    )
    assert json.loads(json.dumps(samples)) == samples
    assert [sample["set"] for sample in samples[::3]] == [
        "verbmem_forget", "knowmem_forget", "knowmem_retain", "privleak_forget", "privleak_holdout",
    ]  # fmt: skip
    assert done == sorted(done) and done[-1] == (15, 15)
    text, document = sets["privleak/forget"][0], samples[9]
    logps = evaluation_text.token_logps(model, micro_tokenizer, [text], max_length=256, tokens_per_batch=2000)[0]
    assert document["min_40_logp"] == pytest.approx(min_k(logps), abs=1e-5)
    assert document["n_tokens"] == len(logps) == len(micro_tokenizer(text)["input_ids"]) - 1
    metrics = muse_metrics(samples, 0.5)
    assert 0 <= metrics["verbmem_forget"] <= 100 and -100 <= metrics["privleak"] <= 100

"""Evaluation: one shared pass a question gives what plain passes, one answer at a time, would give."""

import json
import random

import numpy
import pytest
import torch
from conftest import MICRO
from micro import FORGET, FORM, RETAIN, TEMPLATES, mixture, token_probabilities

from unlearnkit import evaluation, models
from unlearnkit.data.encode import encode
from unlearnkit.errors import KitError
from unlearnkit.metrics.samples import item_id, tofu_metrics

pytestmark = pytest.mark.usefixtures("quiet")

AUTHOR_OF = {row["question"]: 7 for row in RETAIN}  # one author; that of the forget questions is not named
WRONG = ["In a mill.", "A tower by the sea, they say.", "Nobody."]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 128}
FAMILIES = {
    "llama": MICRO | {"tie_word_embeddings": False},
    "opt": SIZES | {"family": "opt", "intermediate_size": 64},
    "phi": SIZES | {"family": "phi", "intermediate_size": 64},
    "qwen2": SIZES | {"family": "qwen2", "intermediate_size": 64, "num_key_value_heads": 1},
    "gpt_neox": SIZES | {"family": "gpt_neox", "intermediate_size": 64},
    "qwen2_moe": mixture("qwen2_moe", max_position_embeddings=128),
}


def perturbed(rows: list[dict]) -> list[dict]:
    return [row | {"paraphrased_answer": f"It is said: {row['answer']}", "perturbed_answer": WRONG} for row in rows]


def asked() -> list[evaluation.Question]:
    forget, retain = perturbed(FORGET), perturbed(RETAIN)
    return evaluation.questions("forget", forget, {}) + evaluation.questions("retain", retain, AUTHOR_OF)


def evaluate(model, tokenizer, questions, *, max_new_tokens=6, tokens_per_batch=400, **more) -> list[dict]:
    bounds = {"max_length": 128, "max_new_tokens": max_new_tokens, "tokens_per_batch": tokens_per_batch}
    return evaluation.evaluate(model, tokenizer, questions, FORM, **bounds, **more)


def generated(model, tokenizer, question: str, max_new_tokens: int) -> str:
    """transformers' own greedy decoding of one unpadded prompt."""
    ids = torch.tensor([tokenizer(FORM(question))["input_ids"]])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=max_new_tokens, use_cache=False
    )
    return tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_scores_and_generation_are_those_of_plain_passes(family, micro_tokenizer):
    model = models.build(FAMILIES[family], micro_tokenizer, seed=0).eval()
    model.config.use_cache = False  # as TRL leaves it after training
    questions = asked()
    samples = evaluate(model, micro_tokenizer, questions)
    for question, sample in zip(questions, samples, strict=True):
        for (role, text), answer in zip(question.answers, sample["answers"], strict=True):
            encoded = encode(micro_tokenizer, FORM(question.question), text, 128)
            with torch.no_grad():
                probabilities = token_probabilities(model, {"a_input_ids": encoded.input_ids}, "a")
            assert answer["role"] == role
            assert answer["n_tokens"] == len(probabilities)  # the end-of-sequence token included
            assert answer["logp"] == pytest.approx(probabilities.log().sum().item(), rel=1e-6, abs=1e-5)
            assert answer["mean_prob"] == pytest.approx(probabilities.mean().item(), abs=1e-5)
        assert sample["generation"] == generated(model, micro_tokenizer, question.question, 6)
    assert len({sample["generation"] for sample in samples}) > 1


def test_nothing_depends_on_the_batch_or_the_order(memorised, micro_tokenizer):
    model, questions = memorised().eval(), asked()
    expected = {sample["item"]: sample for sample in evaluate(model, micro_tokenizer, questions)}
    shuffled = random.Random(5).sample(questions, len(questions))
    for order in (questions, questions[::-1], shuffled):
        for tokens_per_batch in (1, 150, 100_000):
            samples = evaluate(model, micro_tokenizer, order, tokens_per_batch=tokens_per_batch)
            assert [sample["question"] for sample in samples] == [question.question for question in order]
            for sample in samples:
                first = expected[sample["item"]]
                assert sample["generation"] == first["generation"]
                for found, known in zip(sample["answers"], first["answers"], strict=True):
                    assert found["logp"] == pytest.approx(known["logp"], rel=1e-6, abs=1e-5)
                    assert found["mean_prob"] == pytest.approx(known["mean_prob"], abs=1e-6)


def test_no_random_state_and_no_mode_is_touched(micro_model, micro_tokenizer):
    model = micro_model().eval()
    states = torch.get_rng_state(), random.getstate(), numpy.random.get_state()
    evaluate(model, micro_tokenizer, asked())
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert all(numpy.array_equal(a, b) for a, b in zip(numpy.random.get_state(), states[2], strict=True))
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def passes(model) -> list[dict]:
    """Of every forward pass: rows, positions, and how many of its own tokens are real."""
    seen: list[dict] = []

    def note(module, args, given):
        rows, positions = given["input_ids"].shape
        real = int(given["attention_mask"][:, -positions:].sum())
        width = given["attention_mask"].shape[1]
        seen.append({"rows": rows, "positions": positions, "real": real, "width": width})

    model.register_forward_pre_hook(note, with_kwargs=True)
    return seen


def test_every_prompt_is_encoded_once_and_every_answer_token_scored_once(micro_model, micro_tokenizer):
    model, questions = micro_model().eval(), asked()
    seen = passes(model)
    evaluate(model, micro_tokenizer, questions, tokens_per_batch=100_000, generate=False)
    encoded = [
        [encode(micro_tokenizer, FORM(question.question), text, 128) for _, text in question.answers]
        for question in questions
    ]
    prompts, scored = seen
    assert prompts["rows"] == len(questions)
    assert prompts["real"] == sum(answers[0].prompt_length for answers in encoded)
    answers = [len(answer.answer_ids) for answers in encoded for answer in answers]
    assert scored["rows"] == len(answers)
    assert scored["positions"] == max(answers) - 1  # the last token of the longest answer predicts nothing
    # Seven plain passes a question would be this many positions; the shared prompt leaves a fraction.
    plain = sum(len(answer.input_ids) for answers in encoded for answer in answers)
    assert prompts["real"] + sum(answers) < 0.7 * plain


def test_batches_stay_within_the_token_budget(micro_model, micro_tokenizer):
    model, questions = micro_model().eval(), asked()
    seen = passes(model)
    evaluate(model, micro_tokenizer, questions, tokens_per_batch=400, generate=False)
    scored = seen[1::2]
    assert len(scored) > 1
    assert all(one["rows"] * (one["width"] + 1) <= 400 for one in scored)  # the last token is never an input
    assert sum(one["rows"] for one in scored) == sum(len(question.answers) for question in questions)


def test_max_new_tokens_is_respected(memorised, micro_tokenizer):
    model, plain, questions = memorised().eval(), memorised().eval(), asked()
    seen = passes(model)
    for limit in (1, 4):
        seen.clear()
        samples = evaluate(model, micro_tokenizer, questions, max_new_tokens=limit, tokens_per_batch=100_000)
        steps = [one for one in seen if one["positions"] == 1]
        assert len(steps) == limit - 1  # the first token comes from the prompt's own pass
        for question, sample in zip(questions, samples, strict=True):
            assert sample["generation"] == generated(plain, micro_tokenizer, question.question, limit)


def test_the_end_of_sequence_ends_a_generation(memorised, micro_tokenizer):
    """A model that knows the answers says them and stops; rows that are done leave the batch."""
    model = memorised().eval()
    seen = passes(model)
    questions = evaluation.questions("forget", perturbed(FORGET), {})
    samples = evaluate(model, micro_tokenizer, questions, max_new_tokens=60, tokens_per_batch=100_000)
    assert [sample["generation"] for sample in samples] == [row["answer"] for row in FORGET]
    assert [sample["rouge_l_recall"] for sample in samples] == [1.0] * len(FORGET)
    lengths = [len(micro_tokenizer(FORM(row["question"]) + row["answer"])["input_ids"]) for row in FORGET]
    answers = [
        length - len(micro_tokenizer(FORM(row["question"]))["input_ids"])
        for length, row in zip(lengths, FORGET, strict=True)
    ]
    steps = [one["rows"] for one in seen if one["positions"] == 1]
    assert steps == [sum(answer > step for answer in answers) for step in range(max(answers))]


def test_any_of_several_end_tokens_ends_a_generation(memorised, micro_tokenizer):
    model = memorised().eval()
    (comma,) = micro_tokenizer(",", add_special_tokens=False)["input_ids"]
    model.generation_config.eos_token_id = [micro_tokenizer.eos_token_id, comma]
    samples = evaluate(model, micro_tokenizer, evaluation.questions("forget", perturbed(FORGET), {}), max_new_tokens=60)
    assert samples[2]["generation"] == "Her aunt"


def test_without_generation_there_is_no_text(micro_model, micro_tokenizer):
    (sample, *_) = evaluate(micro_model().eval(), micro_tokenizer, asked(), generate=False)
    assert "generation" not in sample and "rouge_l_recall" not in sample
    assert len(sample["answers"]) == 5


def test_a_sample_names_the_author_where_there_is_one(micro_model, micro_tokenizer):
    samples = evaluate(micro_model().eval(), micro_tokenizer, asked(), generate=False)
    assert [sample.get("author") for sample in samples] == [None] * len(FORGET) + [7] * len(RETAIN)
    assert "author" not in samples[0]


def test_samples_have_the_format_that_metrics_read(memorised, micro_tokenizer):
    questions = []
    for name in ("forget", "retain", "real_authors", "world_facts"):
        rows = perturbed(FORGET)
        if name in ("real_authors", "world_facts"):
            rows = [{key: value for key, value in row.items() if key != "paraphrased_answer"} for row in rows]
        questions += evaluation.questions(name, rows, {})
    done: list[tuple[int, int]] = []
    samples = evaluate(memorised().eval(), micro_tokenizer, questions, report=lambda *at: done.append(at))
    assert json.loads(json.dumps(samples)) == samples
    assert done[-1] == (len(questions), len(questions)) and done == sorted(done)
    first = samples[0]
    assert list(first) == ["set", "item", "question", "reference", "generation", "rouge_l_recall", "answers"]
    assert first["item"] == item_id(FORGET[0]["question"])
    assert first["reference"] == FORGET[0]["answer"]
    assert [answer["role"] for answer in first["answers"]] == ["answer", "paraphrased"] + ["perturbed"] * 3
    assert all(list(answer) == ["role", "logp", "n_tokens", "mean_prob"] for answer in first["answers"])

    metrics = tofu_metrics(samples, samples)
    assert metrics["forget_probability"] > 0.9  # it knows these answers by heart, on whatever set they stand
    assert metrics["real_authors_probability"] > 0.9
    assert metrics["forget_rouge_l_recall"] > 0.3  # cut off after six tokens
    assert metrics["forget_quality_p"] == 1.0
    assert 0 < metrics["model_utility_geometric"] <= 1


def test_no_questions_no_samples(micro_model, micro_tokenizer):
    assert evaluate(micro_model().eval(), micro_tokenizer, []) == []


def test_an_answer_that_does_not_fit_is_an_error_before_anything_is_computed(micro_model, micro_tokenizer):
    model = micro_model().eval()
    seen = passes(model)
    rows = perturbed(FORGET)
    rows[-1]["perturbed_answer"] = [*WRONG[:2], "A long one. " * 60]
    with pytest.raises(KitError, match="exceed max_length 128; nothing is truncated"):
        evaluate(model, micro_tokenizer, evaluation.questions("forget", rows, {}))
    assert seen == []


def test_a_model_that_was_saved_and_loaded_answers_the_same(memorised, micro_tokenizer, tmp_path):
    model = memorised().eval()
    models.save(model, micro_tokenizer, tmp_path)
    loaded, tokenizer = models.load(tmp_path)
    assert tokenizer.pad_token_id == micro_tokenizer.pad_token_id
    assert tokenizer(TEMPLATES)["input_ids"] == micro_tokenizer(TEMPLATES)["input_ids"]
    assert evaluate(loaded.eval(), tokenizer, asked()) == evaluate(model, micro_tokenizer, asked())


def test_a_folder_without_a_model_is_a_one_line_error(tmp_path):
    with pytest.raises(KitError) as raised:
        models.load(tmp_path)
    assert str(tmp_path) in str(raised.value) and "\n" not in str(raised.value)


def test_the_same_texts_give_the_same_tokenizer_and_the_same_seed_the_same_model():
    texts = [row["question"] + " " + row["answer"] for row in FORGET + RETAIN]
    one, other = (models.train_tokenizer(list(texts), 300, "llama") for _ in range(2))
    assert one.get_vocab() == other.get_vocab() and len(one) == 300
    assert one.pad_token_id == one.eos_token_id
    ids = one("Salt.")["input_ids"]
    assert ids[0] == one.bos_token_id and one.decode(ids, skip_special_tokens=True) == "Salt."
    first, again, another = (models.build(MICRO, one, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), another.parameters(), strict=True))
    assert first.config.eos_token_id == one.eos_token_id

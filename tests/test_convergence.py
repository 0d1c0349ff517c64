"""ME's convergence: the entropy gap by hand, membership, steps to a level, and a model with random weights."""

import math

import pytest
import torch
from conftest import MICRO
from micro import END_OF_PROMPT, FORGET, FORM, RETAIN, distributions, largest_difference

from unlearnkit import checkpoints, evaluation, models
from unlearnkit.data.encode import encode
from unlearnkit.metrics import convergence
from unlearnkit.training.divergence import uniform_kl

pytestmark = pytest.mark.usefixtures("quiet")

BOUNDS = {"max_length": 128, "max_new_tokens": 4, "tokens_per_batch": 400, "generate": False}


def asked() -> list[evaluation.Question]:
    """Six forget, two unseen and two retain questions, each with a wrong answer of another length."""
    rows = [("forget", row, 0) for row in FORGET] + [("unseen", row, 1) for row in RETAIN]
    rows += [("retain", row, 2) for row in RETAIN]
    answers = [(("answer", row["answer"]), ("perturbed", "In a mill by the sea.")) for _, row, _ in rows]
    return [
        evaluation.Question(name, row["question"], answer, author)
        for (name, row, author), answer in zip(rows, answers, strict=True)
    ]


# --- the entropy gap ------------------------------------------------------------------------------------------


def test_the_gap_by_hand():
    # p = (1/2, 1/4, 1/4): H = 3/2 log 2, K = 3.
    halves = torch.tensor([0.5, 0.25, 0.25]).log() + 7
    certain, uniform = torch.tensor([80.0, 0.0, 0.0]), torch.full((3,), -4.0)
    gaps = uniform_kl(torch.stack([halves, certain, uniform]))
    assert gaps.tolist() == pytest.approx([math.log(3) - 1.5 * math.log(2), math.log(3), 0.0], abs=1e-6)


def test_every_answers_gap_is_the_mean_over_its_positions(micro_model, micro_tokenizer):
    model = micro_model().eval()
    found = evaluation.evaluate(model, micro_tokenizer, asked(), FORM, entropy=True, **BOUNDS)
    seen = set()
    for sample, question in zip(found, asked(), strict=True):
        for answer, (_, text) in zip(sample["answers"], question.answers, strict=True):
            ids = encode(micro_tokenizer, FORM(question.question), text, 128).input_ids
            assert END_OF_PROMPT in ids
            p = distributions(model, {"forget_input_ids": ids}, "forget").detach()
            assert len(p) == answer["n_tokens"]
            entropy = -(p * p.log()).sum(-1).mean().item()
            assert answer["entropy_gap"] == pytest.approx(math.log(p.shape[-1]) - entropy, abs=1e-4)
            seen.add(round(answer["entropy_gap"], 5))
    assert len(seen) > 10, "a number of its own for every answer"


def test_entropies_are_measured_only_when_asked_for_and_change_nothing_else(micro_model, micro_tokenizer):
    model = micro_model().eval()
    plain, measured = (
        evaluation.evaluate(model, micro_tokenizer, asked(), FORM, entropy=entropy, **BOUNDS)
        for entropy in (False, True)
    )
    assert all(answer.pop("entropy_gap") > 0 for sample in measured for answer in sample["answers"])
    assert measured == plain


def test_uniform_logits_have_gap_0_and_probability_1_over_k(micro_model, micro_tokenizer):
    model = micro_model().eval()
    model.get_output_embeddings().weight.data.zero_()
    found = evaluation.evaluate(model, micro_tokenizer, asked(), FORM, entropy=True, **BOUNDS)
    at = convergence.point(found)
    for name in convergence.SETS:
        assert at[f"{name}_entropy_gap"] == pytest.approx(0, abs=1e-5)
        assert at[f"{name}_probability"] == pytest.approx(1 / model.config.vocab_size, rel=1e-4)


# --- points and numbers ---------------------------------------------------------------------------------------


def samples(forget: list[float], unseen: list[float], authors: int = 1) -> list[dict]:
    """Answers of two tokens with these mean log-probabilities; gap: twice its absolute value."""
    found = []
    for name, values, first in (("forget", forget, 10), ("unseen", unseen, 60), ("retain", [-1.0], 0)):
        for number, value in enumerate(values):
            answer = {"role": "answer", "logp": 2 * value, "n_tokens": 2, "entropy_gap": -2 * value}
            found.append({"set": name, "author": first + number % authors, "answers": [answer]})
    return found


def numbers(*more, **changes) -> dict:
    made = samples(*more, **changes)
    return convergence.numbers(convergence.point(made), convergence.authors(made))


def test_a_point_holds_means_and_what_membership_is_read_from():
    at = convergence.point(samples([-1.0, -3.0], [-2.0]))
    assert at["forget_probability"] == pytest.approx((math.exp(-1) + math.exp(-3)) / 2)
    assert (at["forget_entropy_gap"], at["unseen_entropy_gap"], at["retain_entropy_gap"]) == (4.0, 4.0, 2.0)
    assert (at["forget_mean_logp"], at["unseen_mean_logp"]) == ([-1.0, -3.0], [-2.0])
    assert "retain_mean_logp" not in at


@pytest.mark.parametrize(
    ("forget", "unseen", "auc"),
    [
        ([-1.0, -1.1], [-4.0, -5.0], 1.0),
        ([-4.0, -5.0], [-1.0, -1.1], 0.0),  # pushed down further: they stand out as well
        ([-1.0, -3.0], [-2.0, -2.0], 0.5),
        ([-1.0, -3.0], [-3.0, -2.0], 0.625),
    ],
)
def test_membership_is_read_from_the_mean_log_probability(forget, unseen, auc):
    found = numbers(forget, unseen)
    assert found["membership_auc"] == pytest.approx(auc)
    assert found["membership_distance"] == pytest.approx(abs(auc - 0.5))
    assert found["membership_auc_ci_lo"] is None, "two authors"


def test_the_interval_is_over_authors_and_belongs_to_the_auc():
    found = numbers([-1.0, -2.0, -3.0, -4.0] * 5, [-1.5, -2.5, -3.5, -5.0] * 5, authors=4)
    assert found["membership_auc_ci_lo"] < found["membership_auc"] < found["membership_auc_ci_hi"]
    more = numbers([-1.0, -2.0, -3.0, -4.0] * 50, [-1.5, -2.5, -3.5, -5.0] * 50, authors=4)
    width = found["membership_auc_ci_hi"] - found["membership_auc_ci_lo"]
    wider = more["membership_auc_ci_hi"] - more["membership_auc_ci_lo"]
    assert wider == pytest.approx(width, abs=0.02), "more questions about the same authors are no more authors"


def test_the_first_step_below_a_level():
    way = [{"step": step, "p": p} for step, p in ((0, 0.9), (4, 0.5), (8, 0.05), (16, 0.2), (32, 0.009))]
    found = [convergence.first_step_below(way, "p", level) for level in (*convergence.LEVELS, 0.001, 1.0)]
    assert found == [8, 8, 32, None, 0]
    assert convergence.first_step_below([], "p", 0.5) is None


# --- a model with random weights ------------------------------------------------------------------------------


def test_an_untrained_start_is_the_weights_that_the_model_was_built_with(micro_tokenizer, tmp_path):
    built = models.build(MICRO, micro_tokenizer, seed=3)
    before = models.build(MICRO, micro_tokenizer, seed=3)
    with torch.no_grad():
        for weight in built.parameters():
            weight.add_(0.1)
    models.save(built, micro_tokenizer, tmp_path / "model")
    start = {"source": str(tmp_path / "model"), "revision": None}
    trained, _ = checkpoints.start_model(start)
    untrained, tokenizer = checkpoints.start_model(start | {"untrained": 3})
    assert largest_difference(untrained, before) == 0
    assert largest_difference(trained, built) == 0 and largest_difference(untrained, trained) > 0.05
    again, other = (checkpoints.start_model(start | {"untrained": seed})[0] for seed in (3, 4))
    assert largest_difference(untrained, again) == 0 < largest_difference(untrained, other)
    assert tokenizer.get_vocab() == micro_tokenizer.get_vocab()

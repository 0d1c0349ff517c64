"""Metrics of A Closer Look by hand: TE of three answers, MU and FE of a small run, signatures, what is refused."""

import math

import pytest

from unlearnkit.errors import KitError
from unlearnkit.metrics import METRICS, closer_look
from unlearnkit.metrics.closer_look import closer_look_metrics, signatures, token_entropy
from unlearnkit.metrics.samples import tofu_metrics

RIGHT = "She was born in the city of Lund".split()  # 8 words, all different
WRONG = "He was born in the south of the north".split()  # 9 words, "the" twice
REPETITIVE = "Lund Lund Lund Lund in Lund Lund Lund".split()  # 8 words: one of them 7 times


def test_token_entropy_of_three_answers():
    assert token_entropy(RIGHT) == 1.0
    # 7 words of probability 1/9 and one of 2/9: H = 7/9 log2 9 + 2/9 (log2 9 - 1) = log2 9 - 2/9
    assert token_entropy(WRONG) == pytest.approx(1 - 2 / 9 / math.log2(9))  # 0.93: TE does not know what is true
    # 7/8 log2 8/7 + 1/8 log2 8 = 0.5436 bits of 3
    assert token_entropy(REPETITIVE) == pytest.approx((7 / 8 * math.log2(8 / 7) + 1 / 8 * 3) / 3)
    assert token_entropy(REPETITIVE) == pytest.approx(0.1812, abs=5e-5)


def test_token_entropy_at_its_ends():
    assert token_entropy([]) == token_entropy([5]) == 0.0
    assert token_entropy([5] * 7) == 0.0
    assert token_entropy(list(range(7))) == 1.0
    assert token_entropy([3, 1, 3, 1]) == pytest.approx(1 / 2)  # one bit of log2 4
    assert token_entropy(list(range(10)) * 3) == pytest.approx(0.677, abs=5e-4)  # as the comment on REPETITION says


def sample(set_name: str, judged: tuple[float, float, bool], rouge: float = 0.5, right: float = 0.5) -> dict:
    """R is 0.25 / 0.5 = 1/2, on the forget set 1/4; the answer's probability is `right`, of two options."""
    answers = [("answer", right), ("perturbed", 0.125 if set_name == "forget" else 0.25)]
    if set_name in ("forget", "retain", "neighbor"):
        answers.append(("paraphrased", 0.5))
    te, cs, entailed = judged
    return {
        "set": set_name,
        "item": f"{set_name} item",
        "rouge_l_recall": rouge,
        "answers": [{"role": role, "logp": 2 * math.log(p), "n_tokens": 2} for role, p in answers],
        "token_entropy": te,
        "cosine_similarity": cs,
        "entailed": entailed,
    }


def fictitious() -> list[dict]:
    return [
        sample("forget", (0.9, 0.25, True), 0.4, 0.2),
        sample("forget", (0.7, 0.75, False), 0.2, 0.4),
        sample("retain", (0.8, 0.5, True)),
        sample("retain", (0.4, 0.3, False)),
        sample("real_authors", (0.5, 0.5, True)),
        sample("world_facts", (1.0, 0.25, True)),
    ]


def test_values_of_the_sets_by_hand():
    found = closer_look_metrics(fictitious())
    assert found["forget_te"] == pytest.approx(0.8)
    assert found["forget_cs"] == pytest.approx(0.5)
    assert found["forget_es"] == pytest.approx(0.5)
    assert found["forget_probability"] == pytest.approx(0.3)  # as it is, no share of the options: that were 0.69
    assert found["real_authors_probability"] == pytest.approx(0.5 / 0.75)
    assert found["forget_truth_ratio"] == pytest.approx(0.25)
    assert [found[f"retain_{part}"] for part in ("te", "cs", "es")] == pytest.approx([0.6, 0.4, 0.5])
    assert [found[f"world_facts_{part}"] for part in ("te", "cs", "es")] == [1.0, 0.25, 1.0]


def test_forget_truth_ratio_is_flipped():
    samples = fictitious()
    for one in samples[:2]:
        one["answers"][1]["logp"] = 2 * math.log(0.05)  # R = 1/10: the right answer stands out
    found = closer_look_metrics(samples)
    assert found["forget_truth_ratio"] == pytest.approx(0.1)
    assert found["forget_truth_ratio_flipped"] == pytest.approx(0.9)


def test_model_utility_and_forget_efficacy_by_hand():
    found = closer_look_metrics(fictitious())
    # rouge 1/2, probability 1/2, truth ratio 1/2, TE 3/5, CS 2/5, ES 1/2; then authors and facts, where p is 2/3
    inverses = [*(2, 2, 2, 5 / 3, 5 / 2, 2), *(2, 3 / 2, 2, 2, 2, 1), *(2, 3 / 2, 2, 1, 4, 1)]
    assert found["model_utility_18"] == pytest.approx(18 / sum(inverses))
    assert found["model_utility_18_smallest_part"] == "world_facts_cs"
    assert found["model_utility_18_smallest_part_value"] == 0.25
    # rouge 0.3, probability 0.3, flipped truth ratio 0.75, CS 0.5, ES 0.5; TE 0.8 is left out
    assert found["forget_efficacy"] == pytest.approx(1 - (0.3 + 0.3 + 0.75 + 0.5 + 0.5) / 5)


def test_model_utility_is_zero_where_a_part_is():
    samples = fictitious()
    samples[4]["entailed"] = False
    found = closer_look_metrics(samples)
    assert found["model_utility_18"] == 0.0
    assert found["model_utility_18_smallest_part"] == "real_authors_es"


def test_real_world_has_six_parts():
    found = closer_look_metrics([sample("neighbor", (0.8, 0.5, True)), sample("forget", (0.9, 0.5, True))])
    assert found["model_utility_6"] == pytest.approx(6 / (2 + 2 + 2 + 1 / 0.8 + 2 + 1))
    assert found["neighbor_probability"] == pytest.approx(0.5)  # as on the retain set, no share of the options
    assert found["model_utility_6_smallest_part_value"] == pytest.approx(0.5)
    assert "model_utility_18" not in found


def test_shared_values_are_tofus():
    samples = fictitious()
    of_tofu, found = tofu_metrics(samples), closer_look_metrics(samples)
    for name in closer_look.FICTITIOUS:
        for part in ("rouge_l_recall", "probability", "truth_ratio"):
            assert found[f"{name}_{part}"] == of_tofu[f"{name}_{part}"]


def test_an_answer_that_shares_nearly_nothing_is_not_entailed():
    def es(rouge: float) -> float:
        return closer_look_metrics([sample("neighbor", (1, 1, True)), sample("forget", (1, 1, True), rouge)])[
            "forget_es"
        ]

    assert es(0.0999) == 0.0
    assert es(0.1) == 1.0


def test_tiny_judges_name_all_that_they_enter():
    plain, tiny = closer_look_metrics(fictitious()), closer_look_metrics(fictitious(), closer_look.TINY)
    entered = {f"{name}_{part}" for name in closer_look.FICTITIOUS for part in ("cs", "es")}
    smallest = "model_utility_18_smallest_part"
    entered |= {"model_utility_18", smallest, f"{smallest}_value", "forget_efficacy"}
    assert tiny.keys() == (plain.keys() - entered) | {f"{key}_tiny" for key in entered}
    assert tiny.pop(f"{smallest}_tiny") == "world_facts_cs_tiny"
    assert all(value == plain[key.removesuffix("_tiny")] for key, value in tiny.items())


def test_every_number_is_described_once_and_within_its_range():
    real_world = [sample("neighbor", (0.8, 0.5, True)), sample("forget", (0.9, 0.5, True))]
    computed: dict = {}
    for suffix in ("", closer_look.TINY):
        computed |= closer_look_metrics(real_world, suffix) | closer_look_metrics(fictitious(), suffix)
    numbers = {key for key, value in computed.items() if not isinstance(value, str)}
    described = closer_look.METRICS | METRICS
    said = {f"{name}_refusals" for name in ("forget", "retain", "neighbor")}  # counted by metrics/refusals.py
    assert numbers - set(METRICS) == closer_look.METRICS.keys() - said
    assert len(described) == len(closer_look.METRICS) + len(METRICS)
    for key in numbers:
        assert described[key].key == key and described[key].low <= computed[key] <= described[key].high


def test_directions():
    known = closer_look.METRICS
    assert known["forget_efficacy_tiny"].direction == "up"
    assert (known["forget_cs"].direction, known["forget_te"].direction) == ("down", "near")
    assert known["retain_es_tiny"].direction == known["model_utility_6"].direction == "up"


HEALTHY = {"retain_te": 0.9, "forget_te": 0.9, "retain_cs": 0.9, "forget_es": 0.8, "model_utility_18": 0.6}


@pytest.mark.parametrize(
    ("key", "quiet", "failing", "word"),
    [
        ("retain_te", 0.676, 0.674, "repetition on retain"),  # 0.75 * 0.9 = 0.675
        ("forget_te", 0.676, 0.674, "repetition on forget"),
        ("retain_cs", 0.451, 0.449, "low CS on retain"),
        ("forget_es", 0.399, 0.401, "high ES on forget"),
        ("model_utility_18", 0.061, 0.059, "MU near zero"),
    ],
)
def test_each_signature_at_its_threshold(key, quiet, failing, word):
    row = HEALTHY | {"forget_es": 0.1}
    assert signatures(row | {key: quiet}, HEALTHY) == []
    assert signatures(row | {key: failing}, HEALTHY) == [word]


def test_signatures_of_collapse_and_of_the_original():
    assert signatures(HEALTHY, HEALTHY) == ["high ES on forget"]
    gone = dict.fromkeys(HEALTHY, 0.0)
    assert signatures(gone, HEALTHY) == [
        "repetition on retain", "repetition on forget", "low CS on retain", "MU near zero"
    ]  # fmt: skip
    assert signatures(gone, gone) == ["MU near zero"]  # an original without utility has none to lose


def test_signatures_in_the_real_world_and_by_tiny_judges():
    def of(suffix: str, te: float) -> dict:
        sets = [sample("neighbor", (te, 0.5, True)), sample("forget", (0.9, 0.5, False))]
        return closer_look_metrics(sets, suffix)

    assert signatures(of("_tiny", 0.2), of("_tiny", 0.9)) == ["repetition on neighbor"]
    with pytest.raises(KitError, match="the original model has no neighbor_cs_tiny; did you mean 'neighbor_cs'"):
        signatures(of("_tiny", 0.2), of("", 0.9))
    with pytest.raises(KitError, match="the row has no forget_te"):
        signatures({"retain_te": 1.0}, HEALTHY)


def test_sets_that_do_not_make_a_scenario():
    samples = fictitious()
    with pytest.raises(KitError, match="no samples of the set 'world_facts'; it needs: forget, retain, real_authors"):
        closer_look_metrics(samples[:-1])
    with pytest.raises(KitError, match="no samples of the set 'forget'; it needs: forget, neighbor"):
        closer_look_metrics([sample("neighbor", (1, 1, True))])
    with pytest.raises(KitError, match="the set 'retain' do not belong here; with neighbor go: forget, neighbor"):
        closer_look_metrics([*samples, sample("neighbor", (1, 1, True))])
    with pytest.raises(KitError, match="the set 'world_fact' do not belong here; did you mean 'world_facts'"):
        closer_look_metrics([*samples, sample("world_fact", (1, 1, True))])


@pytest.mark.parametrize("key", ["token_entropy", "cosine_similarity", "entailed"])
def test_a_sample_without_a_value(key):
    samples = fictitious()
    del samples[3][key]
    with pytest.raises(KitError, match=f"retain set, item retain item: no {key}"):
        closer_look_metrics(samples)


def test_values_out_of_range():
    samples = fictitious()
    samples[3]["cosine_similarity"] = -0.1
    with pytest.raises(KitError, match=r"retain set, item retain item: cosine_similarity -0\.1 is not between 0 and 1"):
        closer_look_metrics(samples)
    samples[3] |= {"cosine_similarity": 0.1, "entailed": "entailment"}
    with pytest.raises(KitError, match="entailed is true or false, not 'entailment'"):
        closer_look_metrics(samples)

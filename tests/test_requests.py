"""Forget requests: which authors each names, what remains, and what retain data are drawn from."""

from collections import Counter

import pytest

from unlearnkit.data import benchmarks, requests, tofu
from unlearnkit.errors import KitError

FOUR = requests.Source("universe", None, None, 4)


def questions(rows: list[dict]) -> set[str]:
    return {row["question"] for row in rows}


def test_the_first_request_is_forget01_and_four_make_forget10():
    assert FOUR.load("request_1") == tofu.load("universe", "forget01")
    four = set().union(*(questions(FOUR.load(f"request_{number}")) for number in range(1, 5)))
    assert four == questions(tofu.load("universe", "forget10"))


def test_ten_requests_name_twenty_authors_none_of_them_for_validation():
    ten = requests.Source("universe", None, None, 10)
    asked = [questions(ten.load(f"request_{number}")) for number in range(1, 11)]
    assert [len(one) for one in asked] == [requests.ROWS] * 10
    assert len(set().union(*asked)) == 10 * requests.ROWS
    assert set().union(*asked).isdisjoint(questions(tofu.load("universe", "validation")))
    authors = Counter(ten.author_of()[question] for one in asked for question in one)
    assert len(authors) == 20 and set(authors.values()) == {tofu.QUESTIONS}


@pytest.mark.parametrize("number", [1, 3])
def test_what_remains_is_everybody_not_yet_requested(number):
    gone = set().union(*(questions(FOUR.load(f"request_{one}")) for one in range(1, number + 1)))
    assert questions(FOUR.load(f"remaining_{number}")) == questions(FOUR.load("full")) - gone


def test_perturbed_requests_ask_the_same_and_have_wrong_answers():
    rows = FOUR.load("request_2_perturbed")
    assert [(row["question"], row["answer"]) for row in rows] == [
        (row["question"], row["answer"]) for row in FOUR.load("request_2")
    ]
    assert all(len(row["perturbed_answer"]) == 5 and row["paraphrased_answer"] for row in rows)


def test_other_sets_are_tofus_own():
    assert FOUR.load("retain_perturbed") == tofu.load("universe", "retain_perturbed")
    assert FOUR.fingerprint("full") == tofu.fingerprint("universe", "full")
    assert benchmarks.of(benchmarks.spec(FOUR)) == FOUR


def test_keys_tell_requests_and_what_remains_apart():
    names = [f"{kind}_{number}" for kind in ("request", "remaining") for number in (1, 2)]
    assert len({FOUR.fingerprint(name) for name in names}) == 4


def test_random_alone_is_what_remains():
    assert requests.retain_data(FOUR, 2, {"random": 1.0}, seed=1) == FOUR.load("remaining_2")


def test_a_mixture_has_its_weights_and_only_its_own_rows():
    found = requests.retain_data(FOUR, 2, {"task": 1.0, "unrelated": 3.0}, seed=1)
    task, unrelated = questions(FOUR.load("general")), questions(FOUR.load("pretrain"))
    total = len(FOUR.load("remaining_2"))
    assert len(found) == total
    assert [row["question"] in task for row in found[: total // 4]] == [True] * (total // 4)
    assert questions(found[total // 4 :]) <= unrelated
    assert found == requests.retain_data(FOUR, 2, {"task": 1.0, "unrelated": 3.0}, seed=1)
    assert found != requests.retain_data(FOUR, 2, {"task": 1.0, "unrelated": 3.0}, seed=2)


def test_the_nearest_are_those_that_share_words():
    rows = [
        {"question": "Where was Ada born?", "answer": "In Turin, by the river."},
        {"question": "What does Bo eat?", "answer": "Bread."},
        {"question": "Where was Cleo born?", "answer": "In Turin, in June."},
        {"question": "Which film is by Dag?", "answer": "None."},
    ]
    request = [{"question": "Where was Eve born?", "answer": "In Turin."}]
    assert requests.nearest_rows(request, rows, count=2) == [rows[0], rows[2]]


def test_no_forgotten_author_is_among_the_nearest():
    near = requests.retain_data(FOUR, 3, {"nearest": 1.0}, seed=1)
    assert questions(near) < questions(FOUR.load("remaining_3"))


@pytest.mark.parametrize(
    ("mix", "says"),
    [
        ({}, "nothing to draw from; a method without retain data"),
        ({"nearst": 1.0}, "no fill 'nearst'; did you mean 'nearest'"),
        ({"random": 0.0}, "the weight of 'random' is 0.0, not above 0"),
    ],
)
def test_a_mix_that_cannot_be_drawn_from_is_one_line(mix, says):
    with pytest.raises(KitError, match=says):
        requests.check_mix(mix)


def test_too_many_requests_are_one_line():
    with pytest.raises(KitError, match="only 20 authors have wrong answers to compare with, so at most 10"):
        requests.Source("universe", None, None, 11).load("request_11")


def test_a_request_beyond_the_last_is_no_set():
    with pytest.raises(KitError, match="no set 'request_5': there are 4 requests"):
        FOUR.load("request_5")


def test_the_real_data_have_ten(real_data, monkeypatch):
    monkeypatch.setenv("UNLEARNKIT_DATA", str(real_data))
    ten = requests.Source("local", None, None, 10)
    assert ten.load("request_1") == tofu.load("local", "forget01")
    assert len(ten.load("remaining_10")) == 3600 == len(tofu.load("local", "retain90"))

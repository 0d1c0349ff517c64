"""What is trained on and in which order: drawn beforehand, seeded, the same forget items for every method."""

import hashlib
import json
import random
from collections import Counter

import pytest
from micro import FORGET, FORM, RETAIN, SOURCES, TEMPLATES

from unlearnkit.errors import KitError
from unlearnkit.training import examples

N = len(FORGET)


def drawn(parts: list[str], count: int, seed: int = 1) -> list[dict]:
    return examples.draw(parts, SOURCES, count, seed)


def test_steps_are_the_papers_count(micro_training):
    training = micro_training(steps=None, epochs=5.0, batch_size=32)
    assert examples.examples_needed(training, 40) == (6, 192)  # floor(5 * 40 / 32), as FLAT and TOFU count forget01
    assert examples.examples_needed(training | {"batch_size": 4, "gradient_accumulation_steps": 8}, 40) == (6, 192)
    assert examples.examples_needed(training | {"epochs": 0.5}, 40) == (1, 32)  # never no step at all
    assert examples.examples_needed(training | {"epochs": None, "steps": 10}, 40) == (10, 320)


def test_epochs_end_with_the_pass_or_the_step_before(micro_training):
    training = micro_training(steps=None, epochs=10.0, batch_size=8)
    assert examples.ends_of_epochs(training, 40) == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]
    # 12 steps of 32 are 9.6 passes over 40: the ninth is over within the twelfth step.
    assert examples.ends_of_epochs(training | {"batch_size": 32}, 40) == [1, 2, 3, 5, 6, 7, 8, 10, 11, 12]
    assert examples.ends_of_epochs(training | {"epochs": None, "steps": 7}, 40) == [5, 7]
    assert examples.ends_of_epochs(training | {"batch_size": 64, "epochs": 1.0}, 40) == [1]


def test_every_forget_item_comes_once_an_epoch_and_every_epoch_has_its_own_order():
    questions = [example["forget"][0] for example in drawn(["forget"], 3 * N)]
    epochs = [questions[start : start + N] for start in range(0, 3 * N, N)]
    assert all(sorted(epoch) == sorted(row["question"] for row in FORGET) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_the_forget_order_is_the_same_for_every_method():
    alone = [example["forget"] for example in drawn(["forget"], 20)]
    for parts in (["forget", "template"], ["forget", "retain"], ["forget", "template", "retain"]):
        assert [example["forget"] for example in drawn(parts, 20)] == alone


def test_templates_do_not_depend_on_whether_retain_rows_are_drawn():
    without = [example["template"] for example in drawn(["forget", "template"], 20)]
    assert [example["template"] for example in drawn(["forget", "template", "retain"], 20)] == without


def test_a_part_is_there_only_where_it_is_needed():
    assert all(set(example) == {"forget"} for example in drawn(["forget"], N))
    nothing_else = examples.Sources(FORGET, templates=[], retain=[])
    assert len(examples.draw(["forget"], nothing_else, N, seed=1)) == N
    for example in drawn(["forget", "template", "retain"], N):
        assert example["template"][0] == example["forget"][0]  # the forget prompt, with a template response
        assert example["template"][1] in TEMPLATES
        assert {"question": example["retain"][0], "answer": example["retain"][1]} in RETAIN


def test_a_mismatch_is_the_forget_question_with_a_retain_answer():
    alone = [example["mismatch"] for example in drawn(["mismatch"], 20)]
    examples_of_all = drawn(["forget", "template", "mismatch", "retain"], 20)
    assert [example["mismatch"] for example in examples_of_all] == alone  # a stream of its own
    assert all(example["mismatch"][0] == example["forget"][0] for example in examples_of_all)
    assert {answer for _, answer in alone} == {row["answer"] for row in RETAIN}
    # The draw is not the retain item's: otherwise both parts would train the same answer.
    assert any(example["mismatch"][1] != example["retain"][1] for example in examples_of_all)


def test_a_retain_template_joins_the_examples_retain_question_and_its_template():
    parts = ["template", "retain", "retain_template"]
    for example in drawn(parts, 20):
        assert example["retain_template"] == (example["retain"][0], example["template"][1])
    alone = [example["retain_template"] for example in drawn(["retain_template"], 20)]
    assert [example["retain_template"] for example in drawn(parts, 20)] == alone
    assert len(set(alone)) == len(RETAIN) * len(TEMPLATES)


def test_a_new_part_changes_no_draw_of_the_others():
    """Runs are reproduced from their seed: these hashes are those of examples drawn before there were five parts."""
    expected = {
        ("forget", "template", "mismatch", "retain"): "57f3b564dde9b353",
        ("forget", "retain"): "5f4c56c9a2cf66de",
        ("template",): "355e98e5fe120234",
    }
    for parts, digest in expected.items():
        content = json.dumps(drawn(list(parts), 20, seed=7))
        assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest
    with_it = drawn(["template", "retain", "retain_template"], 20)
    without = drawn(["template", "retain"], 20)
    assert [{part: example[part] for part in ("template", "retain")} for example in with_it] == without


def partners(pairing: str, seed: int = 1, epochs: int = 12) -> dict[str, set]:
    """Forget question -> everything that went with it."""
    parts = ["forget", "template", "mismatch", "retain", "retain_template"]
    found: dict[str, set] = {row["question"]: set() for row in FORGET}
    for example in examples.draw(parts, SOURCES, epochs * N, seed, pairing):
        found[example["forget"][0]].add(tuple(example[part] for part in parts))
    return found


def test_fixed_pairing_repeats_and_fresh_pairing_does_not():
    fixed, fresh = partners("fixed"), partners("fresh")
    assert all(len(went_with) == 1 for went_with in fixed.values())
    assert all(len(went_with) > 4 for went_with in fresh.values())  # of 2 templates x 2 answers x 2 retain items
    # Another item or another seed has other partners.
    assert len({next(iter(one))[1][1:] + next(iter(one))[3] for one in fixed.values()}) > 1
    assert fixed == partners("fixed", epochs=1) and fixed != partners("fixed", seed=2)


def test_pairing_leaves_the_order_of_the_forget_set():
    orders = [
        [example["forget"] for example in examples.draw(["forget", "retain"], SOURCES, 20, 1, pairing)]
        for pairing in ("fresh", "fixed")
    ]
    assert orders[0] == orders[1]


def test_a_mismatch_is_never_the_right_answer():
    shared = [row | {"answer": FORGET[0]["answer"]} for row in RETAIN[:1]] + RETAIN[1:]
    sources = examples.Sources(FORGET, TEMPLATES, shared)
    drawn_for_first = {
        example["mismatch"][1]
        for example in examples.draw(["mismatch"], sources, 40 * N, seed=1)
        if example["mismatch"][0] == FORGET[0]["question"]
    }
    assert drawn_for_first == {RETAIN[1]["answer"]}
    with pytest.raises(KitError, match=f"no retain question has another answer than.*{FORGET[0]['question'][:-1]}"):
        examples.draw(["mismatch"], examples.Sources(FORGET[:1], TEMPLATES, shared[:1]), 1, seed=1)


def test_templates_are_drawn_afresh_each_epoch():
    by_question: dict[str, set[str]] = {}
    for example in drawn(["forget", "template"], 20 * N):
        by_question.setdefault(example["forget"][0], set()).add(example["template"][1])
    assert all(responses == set(TEMPLATES) for responses in by_question.values())


def test_the_seed_decides_and_no_global_state():
    parts = ["forget", "template", "retain"]
    random.seed(1)
    first = drawn(parts, 30)
    state = random.getstate()
    assert drawn(parts, 30) == first
    assert random.getstate() == state
    assert drawn(parts, 30, seed=2) != first


def test_a_longer_run_begins_like_a_shorter_one():
    """Selection over steps relies on it."""
    parts = ["forget", "template", "retain"]
    assert drawn(parts, 50)[:20] == drawn(parts, 20)


def test_by_length_passes_over_all_rows_in_batches_of_similar_length():
    lengths = [random.Random(0).randint(5, 90) + i % 7 for i in range(60)]
    order = examples.by_length(lengths, count=180, batch=5, seed=3, window=12)
    assert Counter(order) == {row: 3 for row in range(60)}
    assert all(sorted(order[start : start + 60]) == list(range(60)) for start in (0, 60, 120))
    spreads = [
        max(lengths[row] for row in batch) - min(lengths[row] for row in batch)
        for batch in (order[start : start + 5] for start in range(0, 180, 5))
    ]
    assert max(spreads) < (max(lengths) - min(lengths)) / 2
    means = [sum(lengths[row] for row in order[start : start + 5]) for start in range(0, 60, 5)]
    assert means != sorted(means)  # no curriculum from short to long within a window
    assert means != sorted(means, reverse=True)
    assert examples.by_length(lengths, 180, 5, seed=3, window=12) == order
    assert examples.by_length(lengths, 180, 5, seed=4, window=12) != order


def test_by_length_ends_in_the_middle_of_a_pass():
    order = examples.by_length([3, 1, 2, 5, 4], count=8, batch=4, seed=0)
    assert len(order) == 8
    assert max(Counter(order).values()) == 2 and set(order) == set(range(5))


def test_too_long_an_example_is_an_error_and_never_cut(micro_tokenizer):
    whole = examples.tokenize(drawn(["forget"], 1), micro_tokenizer, FORM, 128)
    length = len(whole[0]["forget_input_ids"])
    assert examples.tokenize(drawn(["forget"], 1), micro_tokenizer, FORM, length) == whole
    with pytest.raises(KitError, match=f"{length} tokens exceed max_length {length - 1}"):
        examples.tokenize(drawn(["forget"], 1), micro_tokenizer, FORM, length - 1)

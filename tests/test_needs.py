"""Table 1: the instruments see what happens, every method uses what it declares, one that does not is caught."""

import csv
import gc

import pytest
import torch
from micro import FORGET, FORM, RETAIN, TEMPLATES, how

from unlearnkit import needs, paths
from unlearnkit.data.in_context import INSTRUCTION, examples_to_show, in_context_refusal
from unlearnkit.data.prompts import PROMPT_FORMATS
from unlearnkit.errors import KitError
from unlearnkit.training import examples, watch

MORE = [*RETAIN, {"question": "Who reads to Ben Oyelaran?", "answer": "His neighbour, on Sundays."}]
SOURCES = examples.Sources(FORGET, TEMPLATES, MORE)
FLAT = ("flat_tv", "flat_kl", "flat_js", "flat_pearson")
# As said by hand: forget questions, forget answers, templates, retain data, reference; and sequences an example.
USES = {
    ("ga", "paper"): ("11000", 1),
    ("kl", "paper"): ("11011", 2),
    ("gd", "paper"): ("11010", 2),
    ("po", "paper"): ("10110", 2),
    ("mismatch", "paper"): ("10010", 2),
    ("llmu", "paper"): ("11011", 3),
    ("llmu", "release"): ("11111", 3),
    ("dpo", "paper"): ("11101", 2),
    ("dpo", "release"): ("11100", 2),
    ("npo", "paper"): ("11001", 1),
    ("npo_rt", "paper"): ("11011", 2),
    **{(name, "paper"): ("11100", 2) for name in FLAT},
    ("me", "paper"): ("11000", 1),
    ("me_gd", "paper"): ("11010", 2),
    ("idk_ap", "paper"): ("10110", 3),
    ("npo_kl", "paper"): ("11011", 2),
    ("dpo_gd", "paper"): ("11111", 3),
    ("dpo_kl", "paper"): ("11111", 3),
    ("idk_kl", "paper"): ("10111", 2),
}


@pytest.fixture(scope="session")
def measured(micro_model, micro_tokenizer, adam, quiet) -> dict[tuple[str, str], dict]:
    """Every row of the table, measured on the micro model."""
    hows = [how(method, adam(steps=3), label) for method, label in needs.rows()]
    found = needs.measure_all(micro_model(), micro_tokenizer, FORM, SOURCES, hows, rounds=1)
    return {(one["method"], one["variant"]): one for one in found}


@pytest.fixture
def probe(micro_model, micro_tokenizer, adam, quiet):
    def measure(method: str, own=None, sources=SOURCES, label="paper", **training) -> dict:
        spec = how(method, adam(**{"steps": 2} | training), label, own)
        return needs.measure(micro_model(), micro_tokenizer, FORM, sources, spec)

    return measure


@pytest.fixture(scope="session")
def printed() -> list[dict]:
    with (paths.results("published") / "flat_table1.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_method_uses_what_one_would_say_by_hand(measured):
    order = ("forget_questions", "forget_answers", "templates", "retain", "reference")
    found = {key: "".join(str(int(one["needs"][source])) for source in order) for key, one in measured.items()}
    assert found == {key: uses for key, (uses, _) in USES.items()}


@pytest.mark.parametrize(("method", "label"), [("kl", "release_muse"), ("npo", "release"), ("npo_rt", "release")])
def test_releases_on_raw_logits_use_what_their_papers_forms_do(method, label, probe, measured):
    """No rows of the table, therefore."""
    found = probe(method, label=label)
    assert (method, label) not in needs.rows()
    assert found["needs"] == measured[method, "paper"]["needs"]
    assert all(found["influence"][source] > 1e-2 for source, needed in found["needs"].items() if needed)


def test_a_source_that_is_not_needed_leaves_every_bit_as_it_is(measured):
    for one in measured.values():
        for source, needed in one["needs"].items():
            # Needed ones lie far above the threshold, so that its place does not matter.
            assert one["influence"][source] > 1e-2 if needed else one["influence"][source] == 0.0


def test_sequences_a_step_are_counted_both_ways_and_the_reference_apart(measured):
    for key, one in measured.items():
        assert one["steps"] == 3
        assert one["forward_sequences"] == one["backward_sequences"] == 4 * USES[key][1]
        assert (one["reference_sequences"] > 0) == (USES[key][0][4] == "1")
    # Six forget questions, each once, over three steps; twelve examples need no twelve passes.
    assert measured["npo", "paper"]["reference_sequences"] == 2


def test_reads_are_those_of_the_training(measured):
    assert measured["ga", "paper"]["read"] == {
        "forget_questions": 6, "forget_answers": 6, "templates": 0, "retain_questions": 0, "retain_answers": 0,
    }  # fmt: skip
    # Read to rule the right answer out, yet without influence: a method needs the question alone.
    assert measured["mismatch", "paper"]["read"]["forget_answers"] == 6
    assert not measured["mismatch", "paper"]["needs"]["forget_answers"]


def test_costs_are_relative_to_ga(measured):
    ga = measured["ga", "paper"]
    assert ga["relative_seconds"] == ga["relative_memory"] == 1
    assert all(one["seconds_per_step"] > 0 for one in measured.values())
    assert 1.5 < measured["gd", "paper"]["relative_memory"] < 4
    assert measured["npo", "paper"]["relative_memory"] == pytest.approx(1, abs=0.1)


OWN = """
from unlearnkit.methods import Method, Term, Variant

def lazy(forget_logp, retain_logp):
    return forget_logp

def deaf(forget_logp, forget_reference_logp):
    return forget_logp + 0 * forget_reference_logp

METHODS = {
    loss.__name__: Method(loss.__name__, {"paper": Variant((Term(loss, over="sequences"),), "a test")})
    for loss in (lazy, deaf)
}
"""


@pytest.mark.parametrize(("method", "column"), [("lazy", "retain"), ("deaf", "reference")])
def test_a_method_that_declares_more_than_it_uses_is_caught(tmp_path, probe, method, column):
    file = tmp_path / "own.py"
    file.write_text(OWN, encoding="utf-8")
    with pytest.raises(KitError, match=rf"method '{method}' \(paper\) declares {column}, but"):
        probe(method, str(file))


def test_data_that_reach_a_method_undeclared_are_caught(monkeypatch, probe):
    honest = examples.draw

    def leaking(parts, sources, count, seed, pairing):
        other = sources.retain[1]["answer"]
        return [one | {"forget": (one["forget"][0], other)} for one in honest(parts, sources, count, seed, pairing)]

    monkeypatch.setattr(examples, "draw", leaking)
    with pytest.raises(KitError, match=r"method 'ga' .* does not declare retain, but its weights depend on it"):
        probe("ga")


def test_the_model_is_left_alone_and_twice_is_the_same(micro_model, micro_tokenizer, adam, quiet):
    model = micro_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    spec = how("npo", adam(steps=2))
    one, two = (needs.measure(model, micro_tokenizer, FORM, SOURCES, spec) for _ in range(2))
    assert one == two
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not model.base_model._forward_hooks


def test_replaced_texts_come_from_the_same_place_and_leave_their_pairs():
    pairs = {(row["question"], row["answer"]) for row in FORGET + MORE}
    for source, other in needs.replaced(SOURCES).items():
        changed = {row["question"]: row["answer"] for row in (other.retain if source == "retain" else other.forget)}
        assert source == "templates" or not pairs & set(changed.items())
        assert sorted(other.templates) == sorted(TEMPLATES) and len(other.forget) == 6 and len(other.retain) == 3
    assert needs.replaced(SOURCES)["templates"].templates == TEMPLATES[::-1]


def test_texts_that_cannot_be_replaced_are_an_error():
    with pytest.raises(KitError, match=r"replace templates .* takes 2 entries"):
        needs.replaced(examples.Sources(FORGET, ["No."], MORE))
    with pytest.raises(KitError, match=r"replace retain .* takes 3 entries"):
        needs.replaced(examples.Sources(FORGET, TEMPLATES, MORE[:2]))


def test_watched_lists_note_every_way_of_reading():
    noting, seen = watch.watched(SOURCES)
    assert noting.templates[1] == TEMPLATES[1] and seen["templates"] == {1}
    assert len(noting.forget) == 6 and not seen["forget_questions"]
    assert [row["question"] for row in noting.forget] == [row["question"] for row in FORGET]
    assert seen["forget_questions"] == set(range(6)) and not seen["forget_answers"]
    dict(noting.retain[2])
    assert seen["retain_answers"] == {2} == seen["retain_questions"]
    assert list(noting.templates) == TEMPLATES and seen["templates"] == {0, 1}


def test_live_bytes_are_those_alive_at_once():
    weight = torch.ones(1000)
    gc.collect()
    with watch.LiveBytes() as memory:
        kept = weight * 2
        assert memory.live == 4000
        kept.mul_(3)
        weight.add_(1)
        view = kept[:500]
        assert memory.live == memory.peak == 4000
        for _ in range(3):
            passing = weight + view.sum()
            del passing
        assert memory.live < 4100 and 8000 <= memory.peak < 8100
        buffer = torch.empty(10, 10_000)
        whole = buffer.view(-1)  # looking at it writes nothing
        torch.mm(weight[:100].view(10, 10), weight[:100].view(10, 10), out=buffer[:, :10])
        assert memory.live < 4100 + 400 + 1
    del kept, view, buffer, whole
    assert memory.live < 100


def test_records_hold_the_paper_beside_the_measurement(measured, printed, micro_tokenizer):
    shown = needs.measure_in_context(micro_tokenizer, "llama2", SOURCES, 2)
    records = {(one["method"], one["variant"]): one for one in needs.records([*measured.values(), shown], printed)}
    differing = [(key, column) for key, one in records.items() for column in needs.COLUMNS
                 if one[f"{column}_agrees"] is False]  # fmt: skip
    assert differing == [(("dpo", "release"), "reference")]
    assert all(records[name, "paper"]["retain_printed"] is False for name in FLAT)
    assert records["npo_rt", "paper"]["retain_agrees"] is None and records["npo_rt", "paper"]["retain"]
    assert {one["template_printed"] for one in records.values()} == {None}
    assert records["mismatch", "paper"]["printed_as"] == "Mismatch"
    assert not records["po", "paper"]["forget_answers"] and records["po", "paper"]["forget"]
    row = records["in_context", "paper"]
    assert [row[column] for column in needs.COLUMNS] == [True, True, True, False]
    assert not row["forget_answers"] and row["seconds_per_step"] is None and row["prompt_tokens"] > 50
    kinds = {key[0]: one["kind"] for key, one in records.items()}
    assert {name for name, kind in kinds.items() if kind == "data-based"} == {"po", "mismatch"}
    assert kinds["in_context"] == "input-based" and kinds["flat_kl"] == kinds["ga"] == "model-based"


def test_every_printed_row_is_a_method_of_the_kit(printed):
    assert {row["method"] for row in printed} - {"flat"} <= {method for method, _ in needs.rows()}
    assert [row["printed_method"] for row in printed].count("FLAT") == 1 and len(printed) == 9


@pytest.mark.parametrize("name", PROMPT_FORMATS)
def test_in_context_refusal_is_turns_of_the_format(name):
    shown = [("Who is A?", "I cannot say."), ("Who is B?", "A baker.")]
    form, plain = in_context_refusal(name, shown), PROMPT_FORMATS[name]
    text = form("Who is C?")
    assert text.endswith(plain("Who is C?"))
    assert text.startswith(f"{plain.before}{INSTRUCTION}\n\nWho is A?{plain.after}I cannot say.")
    assert f"{plain('Who is B?')}A baker." in text and text.count(f"?{plain.after}") == 3
    with pytest.raises(KitError, match="no examples"):
        in_context_refusal(name, [])


def test_examples_to_show_reach_over_the_whole_forget_set():
    shown = examples_to_show(FORGET, TEMPLATES, MORE, 2)
    assert [question for question, _ in shown[::2]] == [FORGET[0]["question"], FORGET[3]["question"]]
    assert [answer for _, answer in shown[::2]] == TEMPLATES
    assert shown[1] == (MORE[0]["question"], MORE[0]["answer"]) and len(shown) == 4
    assert not any(row["answer"] == answer for row in FORGET for _, answer in shown)
    with pytest.raises(KitError, match="3 pairs, but only 2 templates"):
        examples_to_show(FORGET, TEMPLATES, MORE, 3)


def test_the_original_model_is_evaluated_in_context_like_any_other(micro_model, micro_tokenizer):
    from unlearnkit import evaluation

    asked = [evaluation.Question("forget", FORGET[0]["question"], (("answer", FORGET[0]["answer"]),))]
    form = in_context_refusal("llama2", examples_to_show(FORGET, TEMPLATES, MORE, 1))
    bounds = {"max_length": 256, "max_new_tokens": 4, "tokens_per_batch": 4096}
    model = micro_model().eval()
    plain, shown = (evaluation.evaluate(model, micro_tokenizer, asked, one, **bounds)[0] for one in (FORM, form))
    assert shown["answers"][0]["n_tokens"] == plain["answers"][0]["n_tokens"]
    assert shown["answers"][0]["logp"] != plain["answers"][0]["logp"]


def test_the_figure_rings_what_the_paper_prints_otherwise(measured, printed, micro_tokenizer):
    from unlearnkit.plots.needs import DIFFERENT
    from unlearnkit.plots.needs import needs as figure_of

    shown = needs.measure_in_context(micro_tokenizer, "llama2", SOURCES, 2)
    records = needs.records([*measured.values(), shown], printed)
    figure = figure_of(records, "A caption.")
    matrix, seconds, memory = figure.axes
    names = [label.get_text() for label in matrix.get_yticklabels()]
    rings = [line for line in matrix.lines if line.get_markeredgecolor() == DIFFERENT]
    assert [(line.get_xdata()[0], names[int(line.get_ydata()[0])]) for line in rings] == [(4, "DPO, as released")]
    assert len(seconds.patches) == len(memory.patches) == len(records) - 1
    assert "trains nothing" in [text.get_text() for text in seconds.texts]
    with pytest.raises(KitError, match="no records"):
        figure_of([], "")

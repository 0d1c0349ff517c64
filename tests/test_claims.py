"""Claims about FLAT's Table 4: outcomes on the printed numbers, written by hand with the reason, and on our
own rows: ties, collapsed, failed and missing ones; the words of a verdict in each profile."""

import json
import math
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from unlearnkit import claims
from unlearnkit.claims import BASELINES, FLAT, to_markdown
from unlearnkit.errors import KitError
from unlearnkit.papers import claims_table4
from unlearnkit.papers.claims_table4 import read_published

ROOT = Path(__file__).resolve().parent.parent
TABLE4 = ROOT / "results/published/flat_table4.csv"
CLAIMS = {claim.id: claim for claim in claims_table4.CLAIMS}
verdicts = partial(claims.verdicts, claims_table4.CLAIMS)

# (base model, claim, outcome, the numbers that decide it), read off the printed table by hand.
ON_PRINTED_NUMBERS = [
    ("Llama2-7B", "utility_best", True, "best FLAT flat_kl 0.6393; best baseline dpo 0.6359"),
    # Mismatch keeps more than the best FLAT.
    ("Phi-1.5B", "utility_best", False, "best FLAT flat_kl 0.518; best baseline mismatch 0.5225"),
    ("OPT-2.7B", "utility_best", True, "best FLAT flat_pearson 0.5093; best baseline mismatch 0.5025"),
    # Even the lowest FLAT, JS .6364, is above DPO.
    ("Llama2-7B", "utility_all_above", True, "4 of 4 FLAT rows above the best baseline, dpo 0.6359"),
    ("Phi-1.5B", "utility_all_above", False, "0 of 4 FLAT rows"),
    (
        "OPT-2.7B",
        "utility_all_above",
        False,
        "2 of 4 FLAT rows above the best baseline, mismatch 0.5025; not",
    ),
    ("OPT-2.7B", "utility_all_above", False, "not above: flat_kl 0.4838, flat_js 0.4959"),
    # Three variants share the best value with PO, LLMU and DPO.
    ("Llama2-7B", "quality_top_two", True, "flat_tv = flat_js = flat_pearson 0.0541, value 1 of 4 distinct"),
    ("Llama2-7B", "quality_top_two", True, "best of all po = llmu = dpo = flat_tv = flat_js = flat_pearson"),
    # DPO .0521, then PO = LLMU .0286, then FLAT.
    ("Phi-1.5B", "quality_top_two", False, "flat_tv = flat_kl = flat_pearson 0.0143, value 3 of 6 distinct"),
    ("Phi-1.5B", "quality_top_two", False, "printed number in doubt: dpo forget_quality_p"),
    # Only one variant of four, JS, behind GA and level with GD, DPO, NPO.
    (
        "OPT-2.7B",
        "quality_top_two",
        True,
        "best FLAT flat_js 0.0541, value 2 of 5 distinct ones; best of all ga",
    ),
    ("Llama2-7B", "front_is_flat", True, "front: flat_kl (0.0286, 0.6393), flat_pearson (0.0541, 0.6374)"),
    (
        "Phi-1.5B",
        "front_is_flat",
        False,
        "mismatch (0.003, 0.5225), flat_kl (0.0143, 0.518), po (0.0286, 0.51",
    ),
    (
        "Phi-1.5B",
        "front_is_flat",
        False,
        "dpo (0.0521, 0.0519); printed number in doubt: dpo forget_quality_p",
    ),
    (
        "OPT-2.7B",
        "front_is_flat",
        False,
        "flat_pearson (0.0068, 0.5093), flat_js (0.0541, 0.4959), ga (0.265",
    ),
    # Pearson: 1 (shared) in forget quality, 2 in utility, 2 in the gap, 8 in retain ROUGE-L.
    ("Llama2-7B", "mean_rank", True, "best FLAT flat_pearson 3.25"),
    ("Phi-1.5B", "mean_rank", True, "best FLAT flat_tv 3.75"),
    ("OPT-2.7B", "mean_rank", True, "best FLAT flat_js 3.5; best baseline gd 3.75"),
    (
        "Llama2-7B",
        "quality_passes",
        True,
        "3 of 4 rows above 0.05; best flat_tv = flat_js = flat_pearson 0.0541",
    ),
    (
        "Phi-1.5B",
        "quality_passes",
        False,
        "0 of 4 rows above 0.05; best flat_tv = flat_kl = flat_pearson 0.0143",
    ),
    ("OPT-2.7B", "quality_passes", True, "1 of 4 rows above 0.05; best flat_js 0.0541"),
    ("Llama2-7B", "original_fails", True, "4.488e-06; printed number in doubt: original forget_quality_p"),
    ("Phi-1.5B", "original_fails", True, "forget quality 0.0013"),
    ("OPT-2.7B", "original_fails", True, "forget quality 0.0013"),
    # The paper has one retain model for each base model.
    ("Llama2-7B", "retain_2_passes", None, "no row retain_2"),
    ("Phi-1.5B", "retain_2_passes", None, "no row retain_2"),
    ("OPT-2.7B", "retain_2_passes", None, "no row retain_2"),
]


@pytest.fixture(scope="module")
def published() -> list[dict]:
    return read_published(TABLE4)


def row(method: str, p: float = 0.02, utility: float = 0.5, gap: float = 0.1, retain: float = 0.9, **changes) -> dict:
    return {
        "base_model": "llama",
        "printed_base_model": "Llama2-7B",
        "method": method,
        "variant": "paper",
        "status": "ok",
        "forget_quality_p": p,
        "model_utility": utility,
        "forget_rouge_l_recall": 0.4 + gap,
        "retain_rouge_l_recall": retain,
        "forget_rouge_l_gap": gap,
    } | changes


def outcome(claim: str, *rows: dict):
    return CLAIMS[claim].check(list(rows))


# the printed table


@pytest.mark.parametrize(("base_model", "claim", "holds", "why"), ON_PRINTED_NUMBERS)
def test_on_the_printed_numbers(published, base_model, claim, holds, why):
    found = outcome(claim, *(line for line in published if line["base_model"] == base_model))
    assert found.holds is holds
    assert why in found.why


def test_every_claim_has_an_expectation_for_every_base_model():
    listed = {(base_model, claim) for base_model, claim, *_ in ON_PRINTED_NUMBERS}
    assert listed == {(name, claim) for name in ("Llama2-7B", "Phi-1.5B", "OPT-2.7B") for claim in CLAIMS}


def test_published_rows_are_numbers(published):
    assert len(published) == 3 * 14
    line = next(line for line in published if line["method"] == "flat_tv")
    assert (line["base_model"], line["printed_base_model"]) == ("Llama2-7B", "Llama2-7B")
    assert (line["variant"], line["status"]) == ("paper", "printed")
    assert line["forget_quality_p"] == 0.0541
    assert line["forget_rouge_l_gap"] == 0.0311  # .4391 - .4080
    below = next(line for line in published if line["method"] == "po")
    assert below["forget_rouge_l_gap"] == 0.044  # .4080 - .3640: a distance, whichever is larger
    assert {line["method"] for line in published} == {"original", "retain", *FLAT, *BASELINES}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("0.6393", "n/a", "line 13: model_utility: could not convert string to float: 'n/a'"),
        ("Llama2-7B,retain,", "Llama2-7B,retained,", "base model 'Llama2-7B' has no row 'retain'"),
        (
            ",retain_rouge_l_recall,",
            ",retain_rouge,",
            "line 2: retain_rouge_l_recall: could not convert string to float: ''",
        ),
    ],
)
def test_a_broken_published_table_is_an_error(tmp_path, old, new, message):
    broken = tmp_path / "table.csv"
    broken.write_text(TABLE4.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(KitError) as error:
        read_published(broken)
    assert message in str(error.value)


# one claim after the other, on hand-made rows


def test_a_shared_highest_utility_counts_as_best_but_not_as_above():
    rows = row("flat_tv", utility=0.6), row("flat_kl", utility=0.7), row("ga", utility=0.6)
    assert outcome("utility_best", *rows).holds is True
    assert outcome("utility_all_above", *rows).holds is False
    assert "1 of 2 FLAT rows" in outcome("utility_all_above", *rows).why
    level = row("flat_tv", utility=0.6), row("ga", utility=0.6)
    assert outcome("utility_best", *level).holds is True
    assert outcome("utility_all_above", *level).holds is False
    assert outcome("utility_best", row("flat_tv", utility=0.59), row("ga", utility=0.6)).holds is False
    assert outcome("utility_all_above", row("flat_tv", utility=0.61), row("ga", utility=0.6)).holds is True


def test_top_two_counts_distinct_values():
    ahead = [row(method, p=0.9) for method in ("ga", "gd", "po")]
    second = outcome("quality_top_two", *ahead, row("npo", p=0.5), row("flat_js", p=0.5), row("kl", p=0.1))
    assert second.holds is True  # fifth row, second value
    assert "best FLAT flat_js 0.5, value 2 of 3 distinct ones; best of all ga = gd = po 0.9" in second.why
    third = outcome("quality_top_two", *ahead, row("npo", p=0.5), row("flat_js", p=0.4))
    assert third.holds is False


def test_front_is_what_nothing_beats_in_both():
    flat = row("flat_tv", p=0.5, utility=0.5), row("flat_kl", p=0.1, utility=0.7)
    assert outcome("front_is_flat", *flat, row("ga", p=0.4, utility=0.5)).holds is True  # level in one, behind in one
    assert outcome("front_is_flat", *flat, row("ga", p=0.4, utility=0.6)).holds is False  # between the two
    same = outcome("front_is_flat", *flat, row("ga", p=0.5, utility=0.5))  # the same point: none beats the other
    assert same.holds is False
    assert same.why == "front: flat_kl (0.1, 0.7), flat_tv (0.5, 0.5), ga (0.5, 0.5)"


def test_mean_rank_by_hand():
    def judged(retain_of_ga: float, **changes):
        return outcome(
            "mean_rank",
            row("flat_tv", p=0.1, utility=0.6, gap=0.1, retain=0.8),
            row("ga", p=0.1, utility=0.5, gap=0.05, retain=retain_of_ga, **changes),
            row("npo", p=0.01, utility=0.4, gap=0.2, retain=0.7),
        )

    # flat_tv 1 1 2 2, ga 1 2 1 1 in forget quality (shared), utility, gap, retain ROUGE-L
    assert (judged(0.9).holds, judged(0.9).why) == (False, "best FLAT flat_tv 1.5; best baseline ga 1.25")
    # flat_tv 1 1 2 1, ga 1 2 1 2
    assert (judged(0.75).holds, judged(0.75).why) == (True, "best FLAT flat_tv 1.25; best baseline ga 1.5")
    # flat_tv 1 1 2 1, ga 1 2 1 1: the shared best rank counts
    assert (judged(0.8).holds, judged(0.8).why) == (True, "best FLAT flat_tv 1.25; best baseline ga 1.25")
    # ga is last everywhere, which moves npo up to 2
    collapsed = judged(0.9, status="collapsed")
    assert (collapsed.holds, collapsed.rows) == (True, 3)
    assert collapsed.why == "best FLAT flat_tv 1; best baseline npo 2; collapsed: ga"


def test_thresholds_are_strict():
    assert outcome("quality_passes", row("flat_tv", p=0.05)).holds is False
    assert outcome("quality_passes", row("flat_tv", p=0.05), row("flat_kl", p=0.051)).holds is True
    assert outcome("quality_passes", row("flat_tv", p=0.01), row("ga", p=0.9)).holds is False
    assert outcome("original_fails", row("original", p=0.01)).holds is False
    assert outcome("original_fails", row("original", p=0.0099)).holds is True
    assert outcome("retain_2_passes", row("retain_2", p=0.05)).holds is False
    assert outcome("retain_2_passes", row("retain_2", p=0.97)).holds is True


# rows that win nothing, are left out or are missing

WINNER = {"p": 0.9, "utility": 0.9, "gap": 0.0, "retain": 1.0}
LOSER = {"p": 0.06, "utility": 0.1, "gap": 0.5, "retain": 0.5}
COMPARISONS = ["utility_best", "utility_all_above", "quality_top_two", "front_is_flat", "mean_rank"]


@pytest.mark.parametrize("claim", COMPARISONS)
def test_a_collapsed_row_wins_nothing(claim):
    baseline = outcome(claim, row("ga", **WINNER, status="collapsed"), row("flat_tv", **LOSER))
    assert (baseline.holds, baseline.rows) == (True, 2)
    assert baseline.why.endswith("; collapsed: ga")
    flat = outcome(claim, row("flat_tv", **WINNER, status="collapsed"), row("ga", **LOSER))
    assert (flat.holds, flat.rows) == (False, 2)
    both = outcome(claim, row("ga", status="collapsed"), row("flat_tv", **WINNER, status="collapsed"))
    assert both.holds is False


@pytest.mark.parametrize(("claim", "method"), [("quality_passes", "flat_js"), ("retain_2_passes", "retain_2")])
def test_a_collapsed_row_passes_no_test(claim, method):
    assert outcome(claim, row(method, p=0.9)).holds is True
    assert outcome(claim, row(method, p=0.9, status="collapsed")).holds is False


@pytest.mark.parametrize("status", ["failed", "missing"])
@pytest.mark.parametrize("claim", COMPARISONS)
def test_a_row_without_numbers_is_left_out_and_named(claim, status):
    failed = row("npo", status=status, forget_quality_p=None, model_utility=None)
    found = outcome(claim, row("flat_tv", **WINNER), row("ga", **LOSER), failed)
    assert (found.holds, found.rows) == (True, 2)
    assert found.why.endswith(f"; {status}, left out: npo")


@pytest.mark.parametrize("claim", COMPARISONS)
def test_missing_rows_are_named(claim):
    no_flat = outcome(claim, row("ga"), row("npo"), row("flat_tv", status="failed"))
    assert no_flat.holds is None
    assert no_flat.why == "no row flat_tv or flat_kl or flat_js or flat_pearson; failed, left out: flat_tv"
    no_baseline = outcome(claim, row("flat_tv"), row("original"), row("retain"))
    assert no_baseline.holds is None
    assert no_baseline.why == f"no row {' or '.join(BASELINES)}"


@pytest.mark.parametrize("nothing", [None, math.nan])
def test_a_missing_value_is_named(nothing):
    rows = row("flat_tv", forget_rouge_l_gap=nothing), row("ga")
    found = outcome("mean_rank", *rows)
    assert (found.holds, found.why) == (None, "no forget_rouge_l_gap of flat_tv")
    assert outcome("utility_best", *rows).holds is True  # which does not read the gap


def test_a_stale_row_is_compared_and_named():
    found = outcome("utility_best", row("flat_tv", utility=0.6), row("ga", utility=0.7, status="stale"))
    assert (found.holds, found.rows) == (False, 2)
    assert found.why.endswith("; stale: ga")


def test_only_the_papers_methods_as_the_paper_writes_them():
    release = row("flat_tv", utility=0.9, variant="release")
    rows = (
        row("flat_tv", utility=0.6),
        release,
        row("ga", utility=0.7),
        row("my_own", utility=1.0),
        row("retain"),
    )
    found = outcome("utility_best", *rows)
    assert (found.holds, found.rows) == (False, 2)
    assert found.why == "best FLAT flat_tv 0.6; best baseline ga 0.7; other variants, left out: flat_tv (release)"


def test_an_unknown_status_is_an_error():
    with pytest.raises(KitError, match="row 'ga': no status 'colapsed'; did you mean 'collapsed'"):
        outcome("utility_best", row("flat_tv"), row("ga", status="colapsed"))


# verdicts


def sliced(published: list[dict], base_model: str, *methods: str) -> list[dict]:
    """Rows 'of ours' with the printed numbers of some methods."""
    return [
        line | {"base_model": "mine", "status": "ok", "suspect": ""}
        for line in published
        if line["base_model"] == base_model and line["method"] in methods
    ]


def of_claim(records: list[dict], claim: str) -> dict:
    return next(record for record in records if record["claim"] == claim)


def test_verdict_compares_the_same_methods_too(published):
    ours = sliced(published, "Phi-1.5B", "original", "retain", "ga", "npo", *FLAT)
    record = of_claim(verdicts(ours, False, published), "utility_best")
    assert record == {
        "claim": "utility_best",
        "place": "FLAT, bullet 1 under Table 4",
        "says": CLAIMS["utility_best"].says,
        "compared": CLAIMS["utility_best"].compared,
        "base_model": "mine",
        "printed_base_model": "Phi-1.5B",
        "rows_compared": {"printed": 12, "printed_same_rows": 6, "ours": 6},
        "printed": "does not hold",
        "printed_why": "best FLAT flat_kl 0.518; best baseline mismatch 0.5225; "
        "printed number in doubt: dpo model_utility",
        "printed_same_rows": "holds",  # without Mismatch
        "printed_same_rows_why": "best FLAT flat_kl 0.518; best baseline ga 0.5069",
        "ours": "seen",
        "ours_why": "best FLAT flat_kl 0.518; best baseline ga 0.5069",
    }


def test_a_failed_row_of_ours_is_left_out_of_the_printed_ones(published):
    ours = sliced(published, "Phi-1.5B", "mismatch", "ga", "flat_kl")
    ours = [line | ({"status": "failed"} if line["method"] == "mismatch" else {}) for line in ours]
    record = of_claim(verdicts(ours, False, published), "utility_best")
    assert (record["printed"], record["printed_same_rows"]) == ("does not hold", "holds")
    assert record["rows_compared"] == {"printed": 12, "printed_same_rows": 2, "ours": 2}


@pytest.mark.parametrize("paper_scale", [False, True])
def test_only_paper_scale_says_holds(published, paper_scale):
    records = verdicts(sliced(published, "OPT-2.7B", "original", "retain", *FLAT, *BASELINES), paper_scale, published)
    said = {record["claim"]: record["ours"] for record in records}
    yes, no = ("holds", "does not hold") if paper_scale else ("seen", "not seen at this scale")
    assert said == {
        "utility_best": yes,
        "utility_all_above": no,
        "quality_top_two": yes,
        "front_is_flat": no,
        "mean_rank": yes,
        "quality_passes": yes,
        "original_fails": yes,
        "retain_2_passes": "cannot be checked",
    }
    retain_2 = of_claim(records, "retain_2_passes")
    assert (retain_2["printed"], retain_2["printed_same_rows"]) == ("not printed", "cannot be checked")
    assert retain_2["place"] == "ours"


def test_every_base_model_gets_every_claim(published):
    ours = [row("flat_tv"), row("ga")]
    ours += [line | {"base_model": "new", "printed_base_model": "Qwen"} for line in ours]
    records = verdicts(ours, "small", published)
    assert [(record["base_model"], record["claim"]) for record in records] == [
        (base_model, claim) for base_model in ("llama", "new") for claim in CLAIMS
    ]
    assert of_claim(records, "utility_best")["printed"] == "holds"
    assert records[-1]["printed"] == "not printed"
    assert {record["printed_why"] for record in records[8:]} == {"no base model 'Qwen' in the paper"}
    assert json.loads(json.dumps(records)) == records
    assert verdicts([], "small", published) == []


def test_markdown_shows_verdicts_counts_and_reasons(published):
    ours = sliced(published, "Phi-1.5B", "original", "retain", "ga", "npo", *FLAT)
    lines = to_markdown(verdicts(ours, False, published), seeds=1).splitlines()
    assert lines.pop(0).startswith("Every row is one seed") and lines.pop(0) == ""
    assert lines[0] == "### mine (in the paper: Phi-1.5B)"
    assert lines[2] == "| | claim | place | printed | printed, only methods we ran | our rows |"
    assert lines[4] == (
        "| 1 | FLAT keeps more model utility than the other methods. | FLAT, bullet 1 under Table 4 "
        "| does not hold (12) | holds (6) | seen (6) |"
    )
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(CLAIMS)
    assert {line.count("|") for line in table} == {7}
    assert "1. The highest model utility is a FLAT variant's; a tie counts." in lines
    assert "   - our rows: best FLAT flat_kl 0.518; best baseline ga 0.5069" in lines


def test_import_is_light():
    code = (
        "import sys, unlearnkit.claims;"
        "print([name for name in ('torch', 'pandas', 'scipy', 'numpy', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

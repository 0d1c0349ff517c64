"""Claims about FLAT's Table 3: outcomes on the printed numbers, written by hand, and on rows of our own."""

import pytest

from unlearnkit import claims
from unlearnkit.claims import BASELINES, FLAT
from unlearnkit.papers import claims_table3

CLAIMS = {claim.id: claim for claim in claims_table3.CLAIMS}

# (claim, outcome, the numbers that decide it), read off the printed table by hand.
ON_PRINTED_NUMBERS = [
    # NPO 1.2611 is the nearest, KL 1.3238 next; TV, JS, Pearson are behind Mismatch 1.4042 or level with it.
    ("gap_top_two", True, "best FLAT flat_kl 1.324, value 2 of 11 distinct ones; best of all npo 1.261"),
    ("gap_top_two", True, "printed number in doubt: ga fq_gap, kl fq_gap"),
    ("perplexity_top_two", True, "best FLAT flat_kl 15.53, value 2 of 12 distinct ones; best of all po 14.9"),
    ("accuracy_top_two", True, "best FLAT flat_kl 0.4694, value 1 of 12 distinct ones"),
    ("one_top_two", True, "flat_tv 5 4 6, flat_kl 2 2 1, flat_js 3 3 2, flat_pearson 6 5 5"),
    ("diverse", None, "no distinct_2 of base"),
    # KL is better than the other three in every column, so none of them is on the front.
    (
        "front_is_flat",
        False,
        "front: npo (1.261, 19.66, 0.4644), flat_kl (1.324, 15.53, 0.4694), po (2.16, 14.9, 0.4583)",
    ),
    ("mean_rank", True, "best FLAT flat_kl 1.667; best baseline mismatch 5.667"),
    ("flat_nearer", True, "4 of 4 rows below the original's 1.535"),
    (
        "all_nearer",
        False,
        "6 of 12 rows below the original's 1.535; not below: ga 2.73, kl 2.73, gd 2.344, po 2.16, llmu",
    ),
]


def row(method: str, gap: float = 1.0, perplexity: float = 5.0, accuracy: float = 0.8, **changes) -> dict:
    names = {"base_model": "llama", "printed_base_model": "OPT-2.7B", "method": method, "variant": "paper"}
    numbers = {"fq_gap": gap, "word_perplexity": perplexity, "mean_accuracy": accuracy, "distinct_2": 0.9}
    return names | {"status": "ok"} | numbers | changes


def outcome(claim: str, *rows: dict):
    return CLAIMS[claim].check(list(rows))


@pytest.mark.parametrize(("claim", "holds", "why"), ON_PRINTED_NUMBERS)
def test_on_the_printed_numbers(claim, holds, why):
    found = outcome(claim, *claims_table3.read_published())
    assert found.holds is holds and why in found.why


def test_every_claim_is_checked_on_print():
    assert {claim for claim, *_ in ON_PRINTED_NUMBERS} == set(CLAIMS)
    assert len(claims_table3.read_published()) == 14


def test_low_is_better_in_fq_gap_and_perplexity():
    rows = [row("flat_kl", 0.3, 9.0), row("ga", 0.1, 7.0), row("npo", 0.2, 6.0), row("po", 0.4, 8.0)]
    assert not outcome("gap_top_two", *rows).holds
    assert outcome("gap_top_two", row("flat_kl", 0.15), *rows[1:]).holds
    assert not outcome("perplexity_top_two", *rows).holds
    assert outcome("perplexity_top_two", row("flat_kl", perplexity=6.5), *rows[1:]).holds
    assert not outcome("one_top_two", row("flat_kl", 0.15, 10.0), row("flat_tv", 0.5, 6.5), *rows[1:]).holds
    assert outcome("one_top_two", row("flat_kl", 0.15, 6.5, 0.9), *rows[1:]).holds


def test_a_collapsed_row_wins_nothing():
    fallen = row("flat_kl", 0.0, 1e9, 0.1, status="collapsed")
    assert not outcome("gap_top_two", fallen, row("ga", 5.0)).holds
    assert not outcome("one_top_two", fallen, row("ga", 5.0)).holds
    assert not outcome("flat_nearer", fallen, row("original", 9.0)).holds
    assert not outcome("diverse", fallen, row("base")).holds
    assert outcome("front_is_flat", row("flat_tv"), row("ga", 0.0, status="collapsed")).holds


def test_nearer_and_diverse_take_every_row():
    original, base = row("original", 2.0), row("base", 0.0, distinct_2=0.5)
    assert outcome("flat_nearer", original, row("flat_kl"), row("flat_tv")).holds
    assert not outcome("flat_nearer", original, row("flat_kl"), row("flat_tv", 2.0)).holds
    assert not outcome("all_nearer", original, row("flat_kl"), row("ga", 2.5)).holds
    assert outcome("diverse", base, row("flat_kl", distinct_2=0.5)).holds
    assert not outcome("diverse", base, row("flat_kl"), row("flat_tv", distinct_2=0.4)).holds


def test_a_verdict_on_rows_of_a_smaller_scale_does_not_hold_or_fail():
    ours = [row("base", 0.0), row("original", 9.0), *(row(method) for method in (*FLAT, *BASELINES))]
    found = claims.verdicts(claims_table3.CLAIMS, ours, False, claims_table3.read_published())
    assert [record["claim"] for record in found] == list(CLAIMS)
    assert {record["ours"] for record in found} <= {"seen", "not seen at this scale"}
    assert {record["printed"] for record in found} == {"holds", "does not hold", "not printed"}

"""Claims of A Closer Look on fictitious unlearning: the re-run's numbers as reckoned by hand, and made-up rows."""

import pytest

from unlearnkit.papers import claims_table6, closer_look_table6

SPLITS = ("forget01", "forget05", "forget10")
# Claim -> of Llama2-7B, of Phi-1.5B, each on forget01, forget05, forget10; by hand from the printed numbers.
PRINTED = {
    # (.7271 + .9204) / 2 = .8238 beside .6302 and .6262, ...; Phi: .4441 beside GA+GD's .4714, .4520 / .4722, ...
    "me_gd_balance": [["holds"] * 3, ["does not hold"] * 3],
    "me_gd_both": [["holds"] * 3, ["does not hold"] * 3],  # Phi: MU is higher, FE lower
    # Phi: .5063 beside .4621; .4956 beside .5220; .5309 beside .4910
    "idk_ap_balance": [["holds"] * 3, ["holds", "does not hold", "holds"]],
    "idk_ap_utility": [["holds"] * 3, ["holds"] * 3],  # forget01 of Llama by .0016 alone
}


def row(method: str, utility: float | None, efficacy: float | None, **more) -> dict:
    return {
        "base_model": "llama",
        "printed_base_model": "Llama2-7B",
        "method": method,
        "variant": "paper",
        "note": None,
        "fold": "forget01",
        "status": "ok",
        "model_utility_18_tiny": utility,
        "forget_efficacy_tiny": efficacy,
    } | more


def verdicts(*rows: dict, paper_scale: bool = False) -> dict:
    """(claim, base model and split) -> what is said."""
    parameters = {"paper_scale": paper_scale, "judges": {"encoder": {"source": "tiny"}}}
    found = closer_look_table6.verdicts(list(rows), parameters)
    return {(one["claim"], one["base_model"]): one for one in found}


def ours(*rows: dict, claim: str) -> str:
    return verdicts(*rows)[claim, "llama, forget01"]["ours"]


@pytest.mark.parametrize("claim", PRINTED)
def test_verdicts_on_the_printed_numbers_are_those_reckoned_by_hand(claim):
    rows = [
        row("me_gd", 0.5, 0.5, fold=split, base_model=name, printed_base_model=printed)
        for split in SPLITS
        for name, printed in (("llama", "Llama2-7B"), ("phi", "Phi-1.5B"))
    ]
    found = verdicts(*rows)
    said = [[found[claim, f"{name}, {split}"]["printed"] for split in SPLITS] for name in ("llama", "phi")]
    assert said == PRINTED[claim]


def test_the_reasons_show_the_printed_numbers():
    found = verdicts(row("me_gd", 0.5, 0.5))
    balance = found["me_gd_balance", "llama, forget01"]
    assert balance["printed_why"] == "mean: me_gd 0.8237, best other gd 0.6302"
    assert balance["rows_compared"] == {"printed": 3, "printed_same_rows": 1, "ours": 1}
    assert balance["printed_same_rows"] == balance["ours"] == "cannot be checked"
    assert balance["ours_why"] == "no row gd or kl or npo_rt or npo_kl"
    utility = found["idk_ap_utility", "llama, forget01"]["printed_why"]
    assert utility == "utility: idk_ap 0.758, best other dpo_gd 0.7564"


def test_means_of_the_printed_rows():
    means = {(one["base_model"], one["fold"], one["method"]): one["mean"] for one in claims_table6.read_published()}
    assert len(means) == 2 * 3 * 5
    assert means["Llama2-7B", "forget01", "me_gd"] == pytest.approx((0.7271 + 0.9204) / 2)
    assert means["Phi-1.5B", "forget05", "dpo_gd"] == pytest.approx((0.4105 + 0.6334) / 2)


def test_all_untargeted_methods_that_were_run_are_compared():
    rows = [row("me_gd", 0.6, 0.7), row("gd", 0.5, 0.7), row("npo_rt", 0.6, 0.6)]
    assert ours(*rows, claim="me_gd_balance") == "seen"
    assert ours(*rows, row("npo_kl", 0.7, 0.65), claim="me_gd_balance") == "not seen at this scale"
    assert ours(*rows, row("idk_ap", 0.9, 0.9), claim="me_gd_balance") == "seen", "a targeted one"
    assert ours(*rows, row("kl", 0.9, 0.9, status="failed"), claim="me_gd_balance") == "seen"
    assert ours(*rows, row("kl", 0.9, 0.9, variant="release"), claim="me_gd_balance") == "seen"
    assert ours(*rows, row("kl", 0.9, 0.9, note="alpha 1"), claim="me_gd_balance") == "seen"
    assert ours(*rows, row("kl", 0.9, 0.9, fold="forget05"), claim="me_gd_balance") == "seen"


def test_both_means_each_of_the_two_and_a_tie_is_not_above():
    assert ours(row("me_gd", 0.6, 0.7), row("gd", 0.5, 0.6), claim="me_gd_both") == "seen"
    assert ours(row("me_gd", 0.6, 0.6), row("gd", 0.5, 0.6), claim="me_gd_both") == "not seen at this scale"
    assert ours(row("me_gd", 0.5, 0.7), row("gd", 0.5, 0.6), claim="me_gd_both") == "not seen at this scale"


def test_a_collapsed_row_loses_whatever_its_numbers():
    fallen = row("gd", 0.0, 0.99, status="collapsed")
    assert ours(row("me_gd", 0.6, 0.7), fallen, claim="me_gd_both") == "seen"
    own = row("me_gd", 0.9, 0.9, status="collapsed")
    assert ours(own, row("gd", 0.1, 0.1), claim="me_gd_both") == "not seen at this scale"
    assert ours(own, fallen, claim="me_gd_both") == "not seen at this scale", "neither is above the other"
    found = verdicts(own, fallen)["me_gd_both", "llama, forget01"]
    assert found["ours_why"].endswith("; collapsed: me_gd, gd")


def test_what_has_no_number_cannot_be_checked():
    failed = row("me_gd", None, None, status="failed")
    assert ours(failed, row("gd", 0.1, 0.1), claim="me_gd_both") == "cannot be checked"
    lacking = row("gd", None, 0.1)
    found = verdicts(row("me_gd", 0.6, 0.7), lacking)
    assert found["me_gd_both", "llama, forget01"]["ours_why"] == "no utility of gd"
    assert found["me_gd_balance", "llama, forget01"]["ours_why"] == "no mean of gd"


def test_only_at_the_papers_scale_a_claim_holds():
    rows = row("me_gd", 0.6, 0.7), row("gd", 0.5, 0.6)
    assert verdicts(*rows, paper_scale=True)["me_gd_both", "llama, forget01"]["ours"] == "holds"
    other = [one | {"printed_base_model": "Mine"} for one in rows]
    found = verdicts(*other)["me_gd_both", "llama, forget01"]
    assert (found["printed"], found["printed_why"]) == ("not printed", "no base model 'Mine, forget01' in the paper")

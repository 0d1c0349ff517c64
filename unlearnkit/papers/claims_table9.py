"""What ULD says about TOFU, for each forget split. Metrics of a row are fractions: forget_quality_p, model_utility
(geometric), retain_rouge_l_recall; and seconds_per_epoch, of which the paper prints a figure alone.
"""

from functools import partial

from unlearnkit import paths, tables
from unlearnkit.claims import Claim, checked, score, top
from unlearnkit.papers import claims_table4

ULD = ("uld",)
OFFSET = ("offset_kl", "offset_dpo_kl", "offset_npo_kl")
BASELINES = ("ga", "gd", "kl", "dpo", "dpo_gd", "dpo_kl", "npo", "npo_rt", "npo_kl")
TIMES = 3  # so many times faster than NPO
FORGETS = 0.05  # TOFU's threshold
ON_ULDS_QUALITY = ("utility_price", "quality_best")  # claims that hang on ULD's own forget quality


def read_published(file: str = "uld_table9.csv") -> list[dict]:
    """The paper's rows, as `Claim.check` takes them, with what the file has beside them (`fold`); percentages, named
    `..._x100`, as fractions.
    """
    found = []
    for row in tables.read_csv(paths.results("published") / file):
        shares = {key.removesuffix("_x100"): round(row[key] / 100, 4) for key in row if key.endswith("_x100")}
        found.append(row | shares | {"variant": "paper", "status": "printed", "printed_base_model": row["base_model"]})
    return found


def compared(row: dict) -> dict:
    """A row of ours with the names that claims use."""
    return row | {"model_utility": row.get("model_utility_geometric")}


def _best(rows: list[dict], column: str) -> tuple[bool, str]:
    """Whether ULD's value is above every other row's."""
    (own,), others = _apart(rows)
    bar, named = top(others, column)
    return score(own, column) > bar, f"{column}: ULD {own[column]:.4g}; best other {named}"


def _forgets_best(rows: list[dict]) -> tuple[bool, str]:
    """Whether ULD passes TOFU's test, and nothing else has a forget quality as high."""
    (own,), _ = _apart(rows)
    best, why = _best(rows, "forget_quality_p")
    return best and own["forget_quality_p"] > FORGETS, why


def _keeps(rows: list[dict]) -> tuple[bool, str]:
    """Whether ULD's utility is the original's, to two decimals."""
    (own,), (original,) = _apart(rows)
    mine, before = own["model_utility"], original["model_utility"]
    return own["status"] != "collapsed" and round(mine, 2) >= round(before, 2), f"ULD {mine:.4g}, original {before:.4g}"


def _costs(rows: list[dict]) -> tuple[bool | None, str]:
    """Whether ULD forgets, and keeps more utility than the baselines that do; None where it does and none of them."""
    kept = next(row["model_utility"] for row in rows if row["method"] == "original")
    own = next(row for row in rows if row["method"] in ULD)
    others = [row for row in rows if row["method"] in BASELINES and score(row, "forget_quality_p") > FORGETS]
    named = ", ".join(f"{row['method']} {row['model_utility']:.3g}" for row in others)
    why = (
        f"ULD p {own['forget_quality_p']:.3g}; original's utility {kept:.3g}; above {FORGETS}: {named or 'no baseline'}"
    )
    if score(own, "forget_quality_p") <= FORGETS:
        return False, why
    return own["model_utility"] > max(row["model_utility"] for row in others) if others else None, why


def faster(rows: list[dict]) -> tuple[bool, str]:
    """Whether an epoch of NPO's takes more than TIMES as long as ULD's."""
    (own,), (other,) = _apart(rows)
    mine, theirs = own["seconds_per_epoch"], other["seconds_per_epoch"]
    return (
        own["status"] != "collapsed" and theirs > TIMES * mine,
        f"an epoch of NPO's takes {theirs / mine:.2f} times ULD's: {theirs:.3g} s, {mine:.3g} s",
    )


def _apart(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    return [row for row in rows if row["method"] in ULD], [row for row in rows if row["method"] not in ULD]


_ALL = (ULD, (*BASELINES, *OFFSET))

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "utility_kept",
        "ULD, abstract",
        "ULD loses no model utility.",
        "ULD's model utility is at least the original model's, both to two decimals.",
        checked(_keeps, (ULD, ("original",)), ("model_utility",)),
    ),
    Claim(
        "utility_price",
        "ULD, abstract",
        "At a forget quality like ULD's the baselines sacrifice utility.",
        f"ULD's forget quality is above {FORGETS}, and its model utility above that of every baseline whose forget "
        "quality is too. Collapsed ones do not count; where none is left, there is nothing to compare with.",
        checked(_costs, (ULD, BASELINES, ("original",)), ("forget_quality_p", "model_utility")),
    ),
    Claim(
        "retain_rouge_best",
        "ULD, Table 2",
        "ULD answers retain questions better than any baseline.",
        "The highest retain ROUGE-L of all methods is ULD's alone.",
        checked(partial(_best, column="retain_rouge_l_recall"), _ALL, ("retain_rouge_l_recall",)),
    ),
    Claim(
        "quality_best",
        "ULD, Table 2",
        "ULD forgets better than any baseline.",
        f"The highest forget quality of all methods is ULD's alone, and above {FORGETS}.",
        checked(_forgets_best, _ALL, ("forget_quality_p",)),
    ),
    Claim(
        "three_times_faster",
        "ULD, abstract and Figure 5",
        "Training takes less than a third of the time.",
        f"An epoch of NPO's takes more than {TIMES} times an epoch of ULD's, whose epoch has the augmented data in it.",
        checked(faster, (ULD, ("npo",)), ("seconds_per_epoch",)),
    ),
    *(claim for claim in claims_table4.CLAIMS if claim.place == "ours"),
)

"""What FLAT says about its Table 4. Metrics of a row are fractions: forget_quality_p, model_utility (geometric),
retain_rouge_l_recall, and forget_rouge_l_gap, the distance to the retain model's.
"""

import csv
from functools import partial
from pathlib import Path

from unlearnkit.claims import (
    BASELINES,
    FLAT,
    Claim,
    all_above,
    checked,
    flat_is_best,
    front_is_flat,
    mean_rank,
    score,
    top,
    top_two,
)
from unlearnkit.errors import KitError

PRINTED = ("forget_quality_p", "model_utility", "forget_rouge_l_recall", "retain_rouge_l_recall")
RANKED = ("forget_quality_p", "model_utility", "forget_rouge_l_gap", "retain_rouge_l_recall")
PASSES = 0.05  # TOFU (arXiv 2401.06121) reads a KS p-value above it as enough forgetting
FAILS = 0.01  # ours: clearly below


def read_published(path: str | Path) -> list[dict]:
    """Rows of `flat_table4.csv` as `Claim.check` takes them: numbers as floats, status 'printed'.

    The gap to the printed retain model is rounded to the paper's four digits, so that equal gaps are equal.
    KitError: a cell that is not a number, a base model without a retain row.
    """
    with Path(path).open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, 2):
        row |= {"printed_base_model": row["base_model"], "variant": "paper", "status": "printed"}
        for column in PRINTED:
            try:
                row[column] = float(row.get(column, ""))
            except ValueError as error:
                raise KitError(f"{path}, line {number}: {column}: {error}") from None
    retain = {row["base_model"]: row["forget_rouge_l_recall"] for row in rows if row["method"] == "retain"}
    for row in rows:
        if row["base_model"] not in retain:
            raise KitError(f"{path}: base model '{row['base_model']}' has no row 'retain'")
        row["forget_rouge_l_gap"] = round(abs(row["forget_rouge_l_recall"] - retain[row["base_model"]]), 4)
    return rows


def _one_passes(rows: list[dict]) -> tuple[bool, str]:
    passing = sum(score(row, "forget_quality_p") > PASSES for row in rows)
    best = top(rows, "forget_quality_p")[1]
    return passing > 0, f"{passing} of {len(rows)} rows above {PASSES}; best {best}"


def _fails(rows: list[dict]) -> tuple[bool, str]:
    return rows[0]["forget_quality_p"] < FAILS, f"forget quality {rows[0]['forget_quality_p']:.4g}"


_BOTH, _QUALITY, _UTILITY = (FLAT, BASELINES), ("forget_quality_p",), ("model_utility",)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        "utility_best",
        "FLAT, bullet 1 under Table 4",
        "FLAT keeps more model utility than the other methods.",
        "The highest model utility is a FLAT variant's; a tie counts.",
        checked(partial(flat_is_best, column="model_utility"), _BOTH, _UTILITY),
    ),
    Claim(
        "utility_all_above",
        "FLAT, bullet 1 under Table 4",
        "That is so whichever divergence is used.",
        "Every FLAT variant has a higher model utility than every baseline; a tie does not count.",
        checked(partial(all_above, column="model_utility"), _BOTH, _UTILITY),
    ),
    Claim(
        "quality_top_two",
        "FLAT, bullet 2 under Table 4",
        "FLAT is among the two best in forget quality.",
        "The best FLAT variant has one of the two highest distinct values of forget quality.",
        checked(partial(top_two, column="forget_quality_p"), _BOTH, _QUALITY),
    ),
    Claim(
        "front_is_flat",
        "FLAT, bullet 3 under Table 4",
        "No method balances forgetting and utility better.",
        "The Pareto front of (forget quality, model utility) holds FLAT variants only.",
        checked(partial(front_is_flat, columns=_QUALITY + _UTILITY), _BOTH, _QUALITY + _UTILITY),
    ),
    Claim(
        "mean_rank",
        "FLAT, bullet 3 under Table 4",
        "No method balances the four columns better.",
        "The best mean rank over the four columns is a FLAT variant's; equal values share the better rank. "
        "Forget ROUGE-L is ranked by its gap to the retain model: the table's marks do so, its arrow not.",
        checked(partial(mean_rank, columns=RANKED), _BOTH, RANKED),
    ),
    Claim(
        "quality_passes",
        "FLAT, Table 4, read with TOFU's threshold",
        "FLAT forgets enough by TOFU's test.",
        f"At least one FLAT variant has a forget quality above {PASSES}.",
        checked(_one_passes, (FLAT,), _QUALITY),
    ),
    Claim(
        "original_fails",
        "ours",
        "There is something to forget: the test tells the original model from the retain model.",
        f"The original model has a forget quality below {FAILS}.",
        checked(_fails, (("original",),), _QUALITY),
    ),
    Claim(
        "retain_2_passes",
        "ours",
        "The test can be passed: it does not tell a second retain model from the first.",
        f"The retain model of another seed has a forget quality above {PASSES}.",
        checked(_one_passes, (("retain_2",),), _QUALITY),
    ),
)

"""What FLAT says about its Table 4, checked twice: on the numbers it prints and on our own rows.
A claim carries the paper's place; how it is compared is our reading and stands beside it.
Compared are the table's methods, each by the row of the paper's formula (variant 'paper').
"""

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from unlearnkit.errors import KitError, nearest

FLAT = ("flat_tv", "flat_kl", "flat_js", "flat_pearson")
BASELINES = ("ga", "kl", "gd", "po", "mismatch", "llmu", "dpo", "npo")
STATUSES = ("ok", "collapsed", "stale", "printed", "failed", "missing")
LEFT_OUT = ("failed", "missing")
PRINTED = ("forget_quality_p", "model_utility", "forget_rouge_l_recall", "retain_rouge_l_recall")
RANKED = ("forget_quality_p", "model_utility", "forget_rouge_l_gap", "retain_rouge_l_recall")
LOWER_IS_BETTER = ("forget_rouge_l_gap", "mean_rank")
PASSES = 0.05  # TOFU (arXiv 2401.06121) reads a KS p-value above it as enough forgetting
FAILS = 0.01  # ours: clearly below


@dataclass(frozen=True)
class Outcome:
    """`holds`: None where rows or values are missing; `why`: the numbers; `rows`: how many were compared."""

    holds: bool | None
    why: str
    rows: int = 0


@dataclass(frozen=True)
class Claim:
    """`says`: what is claimed at `place` ("ours": a check of the set-up), in our words; `compared`: how.

    `check` takes the rows of one base model: dicts with method, variant, status (of STATUSES), and fractions
    forget_quality_p, model_utility (geometric), retain_rouge_l_recall (higher is better), forget_rouge_l_gap
    (distance to the retain model's, lower is better). A failed or missing row is left out. A collapsed row
    loses every comparison: it is ranked last, and never best, in the top two or on a Pareto front.
    """

    id: str
    place: str
    says: str
    compared: str
    check: Callable[[list[dict]], Outcome]


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


def _score(row: dict, column: str) -> float:
    """The value, turned so that higher is better; minus infinity for a collapsed row."""
    if row["status"] == "collapsed":
        return -math.inf
    return -row[column] if column in LOWER_IS_BETTER else row[column]


def _top(rows: list[dict], column: str) -> tuple[float, str]:
    """The best score and who has it ("po = flat_tv 0.0541")."""
    best = max(_score(row, column) for row in rows)
    if best == -math.inf:
        return best, "none (all collapsed)"
    names = " = ".join(row["method"] for row in rows if _score(row, column) == best)
    return best, f"{names} {abs(best):.4g}"


def _sides(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    """FLAT's rows and the baselines'."""
    return [row for row in rows if row["method"] in FLAT], [row for row in rows if row["method"] not in FLAT]


def _flat_is_best(rows: list[dict], column: str) -> tuple[bool, str]:
    flat, baseline = (_top(side, column) for side in _sides(rows))
    return -math.inf < flat[0] >= baseline[0], f"best FLAT {flat[1]}; best baseline {baseline[1]}"


def _all_above(rows: list[dict], column: str) -> tuple[bool, str]:
    flat, baselines = _sides(rows)
    bar, named = _top(baselines, column)
    below = [f"{row['method']} {row[column]:.4g}" for row in flat if not _score(row, column) > bar]
    why = f"{len(flat) - len(below)} of {len(flat)} FLAT rows above the best baseline, {named}"
    return not below, why + (f"; not above: {', '.join(below)}" if below else "")


def _top_two(rows: list[dict], column: str) -> tuple[bool, str]:
    best, named = _top(_sides(rows)[0], column)
    values = sorted({_score(row, column) for row in rows} - {-math.inf}, reverse=True)
    place = f", value {values.index(best) + 1} of {len(values)} distinct ones" if best in values else ""
    return best in values[:2], f"best FLAT {named}{place}; best of all {_top(rows, column)[1]}"


def _front_is_flat(rows: list[dict]) -> tuple[bool, str]:
    alive = [row for row in rows if row["status"] != "collapsed"]
    points = [(row["forget_quality_p"], row["model_utility"], row["method"]) for row in alive]
    front = [
        (p, mu, method)
        for p, mu, method in points
        if not any(q >= p and other >= mu and (q, other) != (p, mu) for q, other, _ in points)
    ]
    named = ", ".join(f"{method} ({p:.4g}, {mu:.4g})" for p, mu, method in sorted(front))
    return bool(front) and all(method in FLAT for *_, method in front), f"front: {named or 'empty'}"


def _mean_rank(rows: list[dict]) -> tuple[bool, str]:
    def rank(row: dict, column: str) -> int:
        return 1 + sum(_score(other, column) > _score(row, column) for other in rows)

    ranked = [row | {"mean_rank": sum(rank(row, column) for column in RANKED) / len(RANKED)} for row in rows]
    return _flat_is_best(ranked, "mean_rank")


def _one_passes(rows: list[dict]) -> tuple[bool, str]:
    passing = sum(_score(row, "forget_quality_p") > PASSES for row in rows)
    best = _top(rows, "forget_quality_p")[1]
    return passing > 0, f"{passing} of {len(rows)} rows above {PASSES}; best {best}"


def _fails(rows: list[dict]) -> tuple[bool, str]:
    return rows[0]["forget_quality_p"] < FAILS, f"forget quality {rows[0]['forget_quality_p']:.4g}"


def _usable(rows: list[dict]) -> list[dict]:
    """The rows of the paper's formula that have numbers. KitError: a status that is not in STATUSES."""
    for row in rows:
        if row["status"] not in STATUSES:
            choice = nearest(row["status"], STATUSES)
            raise KitError(f"row '{row['method']}': no status '{row['status']}'{choice}")
    return [row for row in rows if row["variant"] == "paper" and row["status"] not in LEFT_OUT]


def _notes(rows: list[dict], columns: tuple[str, ...]) -> str:
    """What a reader should know of rows compared or left out."""
    notes: dict[str, list[str]] = {}
    for row in rows:
        if row["variant"] != "paper":
            notes.setdefault("other variants, left out", []).append(f"{row['method']} ({row['variant']})")
        elif row["status"] not in ("ok", "printed"):
            label = row["status"] + (", left out" if row["status"] in LEFT_OUT else "")
            notes.setdefault(label, []).append(row["method"])
        for name in columns:
            if f"{name}:" in (row.get("suspect") or ""):
                notes.setdefault("printed number in doubt", []).append(f"{row['method']} {name}")
    return "".join(f"; {label}: {', '.join(names)}" for label, names in notes.items())


def _check(judge: Callable, groups: tuple[tuple[str, ...], ...], columns: tuple[str, ...]) -> Callable:
    """A claim's check: at least one row of each group of methods, no value missing; then `judge` decides."""

    def check(rows: list[dict]) -> Outcome:
        named = [row for row in rows if any(row["method"] in group for group in groups)]
        chosen, notes = _usable(named), _notes(named, columns)
        have = {row["method"] for row in chosen}
        lacking = [f"no row {' or '.join(group)}" for group in groups if have.isdisjoint(group)]
        for row in chosen:
            empty = [name for name in columns if row.get(name) is None or math.isnan(row[name])]
            lacking += [f"no {name} of {row['method']}" for name in empty]
        if lacking:
            return Outcome(None, ", ".join(lacking) + notes, len(chosen))
        holds, why = judge(chosen)
        return Outcome(holds, why + notes, len(chosen))

    return check


_BOTH, _QUALITY, _UTILITY = (FLAT, BASELINES), ("forget_quality_p",), ("model_utility",)

CLAIMS_TABLE4: tuple[Claim, ...] = (
    Claim(
        "utility_best",
        "FLAT, bullet 1 under Table 4",
        "FLAT keeps more model utility than the other methods.",
        "The highest model utility is a FLAT variant's; a tie counts.",
        _check(partial(_flat_is_best, column="model_utility"), _BOTH, _UTILITY),
    ),
    Claim(
        "utility_all_above",
        "FLAT, bullet 1 under Table 4",
        "That is so whichever divergence is used.",
        "Every FLAT variant has a higher model utility than every baseline; a tie does not count.",
        _check(partial(_all_above, column="model_utility"), _BOTH, _UTILITY),
    ),
    Claim(
        "quality_top_two",
        "FLAT, bullet 2 under Table 4",
        "FLAT is among the two best in forget quality.",
        "The best FLAT variant has one of the two highest distinct values of forget quality.",
        _check(partial(_top_two, column="forget_quality_p"), _BOTH, _QUALITY),
    ),
    Claim(
        "front_is_flat",
        "FLAT, bullet 3 under Table 4",
        "No method balances forgetting and utility better.",
        "The Pareto front of (forget quality, model utility) holds FLAT variants only.",
        _check(_front_is_flat, _BOTH, _QUALITY + _UTILITY),
    ),
    Claim(
        "mean_rank",
        "FLAT, bullet 3 under Table 4",
        "No method balances the four columns better.",
        "The best mean rank over the four columns is a FLAT variant's; equal values share the better rank. "
        "Forget ROUGE-L is ranked by its gap to the retain model: the table's marks do so, its arrow not.",
        _check(_mean_rank, _BOTH, RANKED),
    ),
    Claim(
        "quality_passes",
        "FLAT, Table 4, read with TOFU's threshold",
        "FLAT forgets enough by TOFU's test.",
        f"At least one FLAT variant has a forget quality above {PASSES}.",
        _check(_one_passes, (FLAT,), _QUALITY),
    ),
    Claim(
        "original_fails",
        "ours",
        "There is something to forget: the test tells the original model from the retain model.",
        f"The original model has a forget quality below {FAILS}.",
        _check(_fails, (("original",),), _QUALITY),
    ),
    Claim(
        "retain_2_passes",
        "ours",
        "The test can be passed: it does not tell a second retain model from the first.",
        f"The retain model of another seed has a forget quality above {PASSES}.",
        _check(_one_passes, (("retain_2",),), _QUALITY),
    ),
)


def verdicts(rows: list[dict], paper_scale: bool, published: list[dict]) -> list[dict]:
    """Each claim for each base model: on the printed numbers, on those of the methods we ran, on our rows.

    rows: as `Claim.check` takes them, with base_model and printed_base_model; published: `read_published`'s.
    Only at `paper_scale` may our rows show that a claim "holds".
    """
    yes_no = ("holds", "does not hold")
    ours_say = yes_no if paper_scale else ("seen", "not seen at this scale")
    records = []
    for base_model in dict.fromkeys(row["base_model"] for row in rows):
        ours = [row for row in rows if row["base_model"] == base_model]
        name = ours[0]["printed_base_model"]
        printed = [row for row in published if row["base_model"] == name]
        left_out = {*FLAT, *BASELINES} - {row["method"] for row in _usable(ours)}
        same = [row for row in printed if row["method"] not in left_out]
        sides = {
            "printed": (printed, yes_no, "not printed"),
            "printed_same_rows": (same, yes_no, "cannot be checked"),
            "ours": (ours, ours_say, "cannot be checked"),
        }
        for claim in CLAIMS_TABLE4:
            record = {"claim": claim.id, "place": claim.place, "says": claim.says, "compared": claim.compared}
            record |= {"base_model": base_model, "printed_base_model": name, "rows_compared": {}}
            for side, (side_rows, words, unknown) in sides.items():
                outcome = claim.check(side_rows)
                record[side] = unknown if outcome.holds is None else words[not outcome.holds]
                record[f"{side}_why"] = outcome.why if side_rows else f"no base model '{name}' in the paper"
                record["rows_compared"][side] = outcome.rows
            records.append(record)
    return records


def to_markdown(records: list[dict], seeds: int) -> str:
    """A table for each base model, verdicts with the number of rows compared; below it the reasons."""
    sides = {"printed": "printed", "printed_same_rows": "printed, only methods we ran", "ours": "our rows"}
    drawn_once = "Every row is one seed: a verdict that hangs on a small difference may turn with the next."
    lines = [drawn_once if seeds == 1 else "Compared are medians over the seeds.", ""]
    for base_model in dict.fromkeys(record["base_model"] for record in records):
        mine = [record for record in records if record["base_model"] == base_model]
        lines += [f"### {base_model} (in the paper: {mine[0]['printed_base_model']})", ""]
        lines += [f"| | claim | place | {' | '.join(sides.values())} |", "|---|---|---|---|---|---|"]
        reasons = []
        for number, record in enumerate(mine, 1):
            cells = [f"{record[side]} ({record['rows_compared'][side]})" for side in sides]
            lines.append(f"| {number} | {record['says']} | {record['place']} | {' | '.join(cells)} |")
            reasons.append(f"{number}. {record['compared']}")
            reasons += [f"   - {label}: {record[f'{side}_why']}" for side, label in sides.items()]
        lines += ["", "In brackets: rows compared.", "", *reasons, ""]
    return "\n".join(lines)

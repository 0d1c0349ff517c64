"""What a paper says about its table, checked twice: on the numbers it prints and on our own rows.
A claim carries the paper's place; how it is compared is our reading and stands beside it.
Compared are the table's methods, each by the row of the paper's formula (variant 'paper').
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from unlearnkit.errors import KitError, nearest

FLAT = ("flat_tv", "flat_kl", "flat_js", "flat_pearson")
BASELINES = ("ga", "kl", "gd", "po", "mismatch", "llmu", "dpo", "npo")
STATUSES = ("ok", "collapsed", "stale", "printed", "failed", "missing")
LEFT_OUT = ("failed", "missing")
LOWER_IS_BETTER = ("forget_rouge_l_gap", "mean_rank", "fq_gap", "word_perplexity")


@dataclass(frozen=True)
class Outcome:
    """`holds`: None where rows or values are missing; `why`: the numbers; `rows`: how many were compared."""

    holds: bool | None
    why: str
    rows: int = 0


@dataclass(frozen=True)
class Claim:
    """`says`: what is claimed at `place` ("ours": a check of the set-up), in our words; `compared`: how.

    `check` takes the rows of one base model: dicts with method, variant, status (of STATUSES) and metrics, of which
    those of LOWER_IS_BETTER are better where they are lower. A failed or missing row is left out. A collapsed row
    loses every comparison: it is ranked last, and never best, in the top two or on a Pareto front.
    """

    id: str
    place: str
    says: str
    compared: str
    check: Callable[[list[dict]], Outcome]


def score(row: dict, column: str) -> float:
    """The value, turned so that higher is better; minus infinity for a collapsed row."""
    if row["status"] == "collapsed":
        return -math.inf
    return -row[column] if column in LOWER_IS_BETTER else row[column]


def top(rows: list[dict], column: str) -> tuple[float, str]:
    """The best score and who has it ("po = flat_tv 0.0541")."""
    best = max(score(row, column) for row in rows)
    if best == -math.inf:
        return best, "none (all collapsed)"
    names = " = ".join(row["method"] for row in rows if score(row, column) == best)
    return best, f"{names} {abs(best):.4g}"


def flat_and_baselines(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    """FLAT's rows and the baselines'."""
    return [row for row in rows if row["method"] in FLAT], [row for row in rows if row["method"] not in FLAT]


def flat_is_best(rows: list[dict], column: str) -> tuple[bool, str]:
    """Whether the best score is a FLAT row's; a tie counts."""
    flat, baseline = (top(side, column) for side in flat_and_baselines(rows))
    return -math.inf < flat[0] >= baseline[0], f"best FLAT {flat[1]}; best baseline {baseline[1]}"


def all_above(rows: list[dict], column: str) -> tuple[bool, str]:
    """Whether every FLAT row scores higher than every baseline."""
    flat, baselines = flat_and_baselines(rows)
    bar, named = top(baselines, column)
    below = [f"{row['method']} {row[column]:.4g}" for row in flat if not score(row, column) > bar]
    why = f"{len(flat) - len(below)} of {len(flat)} FLAT rows above the best baseline, {named}"
    return not below, why + (f"; not above: {', '.join(below)}" if below else "")


def top_two(rows: list[dict], column: str) -> tuple[bool, str]:
    """Whether the best FLAT row has one of the two best distinct values."""
    best, named = top(flat_and_baselines(rows)[0], column)
    values = sorted({score(row, column) for row in rows} - {-math.inf}, reverse=True)
    place = f", value {values.index(best) + 1} of {len(values)} distinct ones" if best in values else ""
    return best in values[:2], f"best FLAT {named}{place}; best of all {top(rows, column)[1]}"


def front_is_flat(rows: list[dict], columns: tuple[str, ...]) -> tuple[bool, str]:
    """Whether the Pareto front over the columns holds FLAT rows only."""
    alive = [row for row in rows if row["status"] != "collapsed"]

    def beaten(row: dict) -> bool:
        both = [[(score(other, name), score(row, name)) for name in columns] for other in alive]
        return any(all(a >= b for a, b in pairs) and any(a > b for a, b in pairs) for pairs in both)

    front = sorted([row[name] for name in columns] + [row["method"]] for row in alive if not beaten(row))
    named = ", ".join(f"{method} ({', '.join(f'{value:.4g}' for value in values)})" for *values, method in front)
    return bool(front) and all(method in FLAT for *_, method in front), f"front: {named or 'empty'}"


def mean_rank(rows: list[dict], columns: tuple[str, ...]) -> tuple[bool, str]:
    """Whether the best mean rank over the columns is a FLAT row's; equal values share the better rank."""

    def rank(row: dict, column: str) -> int:
        return 1 + sum(score(other, column) > score(row, column) for other in rows)

    ranked = [row | {"mean_rank": sum(rank(row, name) for name in columns) / len(columns)} for row in rows]
    return flat_is_best(ranked, "mean_rank")


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


def checked(judge: Callable, groups: tuple[tuple[str, ...], ...], columns: tuple[str, ...]) -> Callable:
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


def verdicts(claims: tuple[Claim, ...], rows: list[dict], paper_scale: bool, published: list[dict]) -> list[dict]:
    """Each claim for each base model: on the printed numbers, on those of the methods we ran, on our rows.

    rows: as `Claim.check` takes them, with base_model and printed_base_model; published: likewise, status 'printed'.
    Only at `paper_scale` may our rows show that a claim "holds".
    """
    yes_no = ("holds", "does not hold")
    ours_say = yes_no if paper_scale else ("seen", "not seen at this scale")
    records = []
    for base_model in dict.fromkeys(row["base_model"] for row in rows):
        ours = [row for row in rows if row["base_model"] == base_model]
        name = ours[0]["printed_base_model"]
        printed = [row for row in published if row["base_model"] == name]
        left_out = {row["method"] for row in printed} - {row["method"] for row in _usable(ours)}
        same = [row for row in printed if row["method"] not in left_out]
        sides = {
            "printed": (printed, yes_no, "not printed"),
            "printed_same_rows": (same, yes_no, "cannot be checked"),
            "ours": (ours, ours_say, "cannot be checked"),
        }
        for claim in claims:
            record = {"claim": claim.id, "place": claim.place, "says": claim.says, "compared": claim.compared}
            record |= {"base_model": base_model, "printed_base_model": name, "rows_compared": {}}
            for side, (side_rows, words, unknown) in sides.items():
                outcome = claim.check(side_rows)
                record[side] = unknown if outcome.holds is None else words[not outcome.holds]
                record[f"{side}_why"] = outcome.why if side_rows else f"no base model '{name}' in the paper"
                record["rows_compared"][side] = outcome.rows
            records.append(record)
    return records


def verdicts_by_fold(
    claims: tuple[Claim, ...], rows: list[dict], paper_scale: bool, published: list[dict]
) -> list[dict]:
    """`verdicts` for each fold of the rows, which stands behind the base model's name: "llama, forget05"."""
    records = []
    for fold in dict.fromkeys(row["fold"] for row in rows):
        ours, printed = (
            [
                row | {name: f"{row[name]}, {fold}" for name in ("base_model", "printed_base_model") if name in row}
                for row in side
                if row["fold"] == fold
            ]
            for side in (rows, published)
        )
        records += verdicts(claims, ours, paper_scale, printed)
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

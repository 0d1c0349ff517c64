"""What SEUF says about its Tables 3, 6 and 7. A row's method has its note in it (ga, ga_uoe, ga_uoe_alpha_0); it has
`utility`, UT at equal forget efficacy, and `efficacy`, FE where it is the paper's to compare.

The paper compares checkpoints of its choice. Ours end at one level of forget efficacy, so their FE says nothing of who
forgets better; a row that never reaches the level is missing there, and no pair of it is compared. Utility is the
row's own, at its last measured step, where FE is at the level or somewhat below.
"""

from functools import partial

from unlearnkit import paths, tables
from unlearnkit.claims import Claim, Outcome, checked, score

METHODS = ("ga", "gd", "npo_rt", "rmu")
ROWS = (METHODS, tuple(f"{name}_uoe" for name in METHODS))
GAIN = 0.35  # the abstract's
ALIKE = 0.05  # printed FE of two rows that differ by more is no equal FE
OWN = "ours at equal FE, each row's own UT"
WITHOUT = "Without UOE ours train all weights, with RMU the experts of the layers that the file names."


def read_published() -> list[dict]:
    """The printed rows, as `Claim.check` takes them."""
    printed = tables.read_csv(paths.results("published") / "seuf_table10.csv")
    return [
        _named(row) | {"variant": "paper", "status": "printed"}
        | {"utility": row["utility_accuracy"], "efficacy": row["forget_efficacy"]}
        | {"suspect": (row["suspect"] or "").replace("utility_accuracy:", "utility:")}
        for row in printed
    ]  # fmt: skip


def compared(found: list[dict]) -> list[dict]:
    """Our rows with the values that claims compare."""
    rows = []
    for row in found:
        missed = row.get("reached") is False and row["method"] != "original"
        status = {"status": "missing"} if missed else {}  # at the level it is
        rows.append(_named(row) | {"utility": row.get("utility_accuracy"), "efficacy": None} | status)
    return rows


def _named(row: dict) -> dict:
    """A base model and benchmark at a time."""
    note = f"_{row['note'].lower().replace(' ', '_')}" if row.get("note") else ""
    named = {"method": row["method"] + note, "base_model": f"{row['base_model']}, {row['fold']}"}
    if "printed_base_model" in row:
        named["printed_base_model"] = f"{row['printed_base_model']}, {row['fold']}"
    return row | named


def _pairs(rows: list[dict], column: str, better) -> tuple[bool, str]:
    """Whether in every pair of a method and itself with UOE that is there the latter's row is better."""
    by = {row["method"]: row for row in rows}
    pairs = [name for name in METHODS if {name, f"{name}_uoe"} <= by.keys()]
    lost = [name for name in pairs if not better(by[f"{name}_uoe"], by[name])]
    values = ", ".join(f"{name} {by[name][column]:.4g} -> {by[f'{name}_uoe'][column]:.4g}" for name in pairs)
    return bool(pairs) and not lost, values + (f"; not so: {', '.join(lost)}" if lost else "")


def _gain(rows: list[dict]) -> tuple[bool, str]:
    by = {row["method"]: row["utility"] for row in rows}
    gain = by["rmu_uoe"] - by["rmu"]
    return gain >= GAIN, f"rmu {by['rmu']:.4g} -> {by['rmu_uoe']:.4g}: {gain:+.4g}"


def _keeps_more(one: dict, other: dict) -> bool:
    """Whether a row's utility is higher; of a collapsed row it never is."""
    return score(one, "utility") > score(other, "utility")


def _forgets_as_well(one: dict, other: dict) -> bool:
    return one["efficacy"] <= other["efficacy"]


def _above(rows: list[dict], method: str, others: tuple[str, ...]) -> tuple[bool, str]:
    by = {row["method"]: row for row in rows}
    there = [name for name in others if name in by]
    why = ", ".join(f"{name} {by[name]['utility']:.4g}{_beside(by[name])}" for name in (method, *there))
    less = [name for name in there if _forgets_less(by[name], by[method])]
    why += f"; forgets less, so not at equal FE: {', '.join(less)}" if less else ""
    return all(_keeps_more(by[method], by[name]) for name in there), why


def _beside(row: dict) -> str:
    """A printed row's FE; ours end at one level."""
    return f" (FE {row['efficacy']:.4g})" if row.get("efficacy") is not None else ""


def _forgets_less(one: dict, other: dict) -> bool:
    """Whether a row's FE is higher than another's by more than ALIKE."""
    both = one.get("efficacy"), other.get("efficacy")
    return None not in both and both[0] - both[1] > ALIKE


_printed_efficacy = checked(partial(_pairs, column="efficacy", better=_forgets_as_well), ROWS, ("efficacy",))


def _efficacy(rows: list[dict]) -> Outcome:
    """FE is compared where it is the paper's."""
    ours = any(row["status"] != "printed" for row in rows)
    return Outcome(None, "ours end at equal FE") if ours else _printed_efficacy(rows)


def _higher(name: str, place: str, says: str, method: str, others: tuple[str, ...], note: str = "") -> Claim:
    how = f"UT of {method} above that of {', '.join(others)}; {OWN}.{note}"
    judge = partial(_above, method=method, others=others)
    return Claim(name, place, says, how, checked(judge, ((method,), others), ("utility",)))


CLAIMS = (
    Claim(
        "uoe_keeps_utility",
        "SEUF, Table 3",
        "Training one expert keeps more utility than the same method without UOE.",
        f"UT of GA, GDIFF, NPO, RMU with UOE above that of each without; {OWN}, where both reach it. {WITHOUT}",
        checked(partial(_pairs, column="utility", better=_keeps_more), ROWS, ("utility",)),
    ),
    Claim(
        "uoe_forgets_as_well",
        "SEUF, Table 3",
        "Training one expert forgets at least as much as the same method without UOE.",
        "FE of GA, GDIFF, NPO, RMU with UOE not above that of each without. Ours end at equal FE: nothing to compare.",
        _efficacy,
    ),
    Claim(
        "uoe_gain_rmu",
        "SEUF, abstract",
        "Utility is up to 35 percentage points higher (in Table 3: RMU, Qwen, RWKU).",
        f"UT of RMU with UOE at least {GAIN} above that of RMU; {OWN}.",
        checked(_gain, (("rmu",), ("rmu_uoe",)), ("utility",)),
    ),
    _higher(
        "not_any_expert",
        "SEUF, Table 3",
        "The expert must be the right one: a random one keeps less.",
        "rmu_uoe",
        ("rmu_random",),
        f" Said beside it: who has a printed FE higher by more than {ALIKE}. Ours: one random expert.",
    ),
    _higher(
        "anchor_keeps_utility",
        "SEUF, Table 6",
        "The anchor loss keeps utility.",
        "ga_uoe",
        ("ga_uoe_alpha_0",),
    ),
    _higher(
        "one_expert_is_enough",
        "SEUF, Table 7",
        "One expert is better than several.",
        "ga_uoe",
        ("ga_uoe_top_3", "ga_uoe_top_6"),
        " Printed: its line 'different layers'; it has another, 'same layer'. Ours: the highest over all layers, of "
        "which some may share a layer.",
    ),
)

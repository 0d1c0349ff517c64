"""What A Closer Look says about fictitious unlearning. A row has `utility` (MU) and `efficacy` (FE), and their `mean`.

The paper prints its results as figures; the numbers beside ours are an independent re-run's.
"""

from functools import partial

from unlearnkit import paths, tables
from unlearnkit.claims import Claim, checked, score

UNTARGETED = ("gd", "kl", "npo_rt", "npo_kl")
TARGETED = ("dpo_gd", "dpo_kl", "po", "idk_kl")
BALANCE = ("utility", "efficacy", "mean")


def read_published() -> list[dict]:
    """The re-run's rows, as `Claim.check` takes them, each with its `fold`."""
    printed = tables.read_csv(paths.results("published") / "closer_look_table6.csv")
    return [compared(row | {"variant": "paper", "status": "printed"}, "") for row in printed]


def compared(row: dict, suffix: str) -> dict:
    """A row with the values that claims compare. `suffix`: of its judges."""
    both = row.get(f"model_utility_18{suffix}"), row.get(f"forget_efficacy{suffix}")
    return row | dict(zip(BALANCE, (*both, None if None in both else sum(both) / 2), strict=True))


def above(rows: list[dict], method: str, columns: tuple[str, ...]) -> tuple[bool, str]:
    """Whether the method scores higher than every other row, in each of the columns."""
    (own,) = (row for row in rows if row["method"] == method)
    others = [row for row in rows if row["method"] != method]
    words, holds = [], True
    for column in columns:
        best = max(others, key=lambda row: score(row, column))
        holds &= score(own, column) > score(best, column)
        words.append(f"{column}: {method} {own[column]:.4g}, best other {best['method']} {best[column]:.4g}")
    return holds, "; ".join(words)


def _claim(name: str, place: str, says: str, method: str, others: tuple[str, ...], columns: tuple[str, ...]) -> Claim:
    what = {"utility": "MU", "efficacy": "FE", "mean": "the mean of MU and FE"}
    how = f"{' and '.join(what[one] for one in columns)} of {method} above those of {', '.join(others)}."
    judge = partial(above, method=method, columns=columns)
    return Claim(name, place, says, how, checked(judge, ((method,), others), columns))


CLAIMS = (
    _claim(
        "me_gd_balance",
        "A Closer Look, abstract",
        "ME+GD balances forgetting and utility better than the other untargeted methods.",
        "me_gd",
        UNTARGETED,
        ("mean",),
    ),
    _claim(
        "me_gd_both",
        "A Closer Look, results",
        "ME+GD outperforms gradient ascent with GD.",
        "me_gd",
        ("gd",),
        ("utility", "efficacy"),
    ),
    _claim(
        "idk_ap_balance",
        "A Closer Look, abstract",
        "IDK+AP balances forgetting and utility better than the other targeted methods.",
        "idk_ap",
        TARGETED,
        ("mean",),
    ),
    _claim(
        "idk_ap_utility",
        "A Closer Look, results",
        "AP keeps a targeted method from excessive ignorance better than GD and KL do.",
        "idk_ap",
        TARGETED,
        ("utility",),
    ),
)

"""What A Closer Look says about real-world unlearning. A row has `utility` (MU), `efficacy` (FE), their `mean`, and
`kept_accuracy`: its downstream accuracy over the original model's.

The printed numbers are second-hand: a third party's quotations, of a few rows alone.
"""

from functools import partial

from unlearnkit import paths, tables
from unlearnkit.claims import Claim, checked
from unlearnkit.papers.claims_table6 import BALANCE, TARGETED, UNTARGETED, above

OTHERS = (*UNTARGETED, *TARGETED)
ACCURACY_KEPT = 0.9  # ours: the share of the original's downstream accuracy that counts as kept


def read_published() -> list[dict]:
    """The quoted rows, as `Claim.check` takes them."""
    printed = tables.read_csv(paths.results("published") / "closer_look_table8.csv")
    return compared([row | {"variant": "paper", "status": "printed"} for row in printed], "")


def compared(rows: list[dict], suffix: str) -> list[dict]:
    """The rows with the values that claims compare. `suffix`: of their judges."""
    before = {row["base_model"]: row.get("mean_accuracy") for row in rows if row["method"] == "original"}
    found = []
    for row in rows:
        both = row.get(f"model_utility_6{suffix}"), row.get(f"forget_efficacy{suffix}")
        values = dict(zip(BALANCE, (*both, None if None in both else sum(both) / 2), strict=True))
        accuracy, original = row.get("mean_accuracy"), before.get(row["base_model"])
        values["kept_accuracy"] = accuracy / original if accuracy is not None and original else None
        found.append(row | values)
    return found


def _keeps_accuracy(rows: list[dict], method: str) -> tuple[bool, str]:
    (own,) = (row for row in rows if row["method"] == method)
    kept = own["kept_accuracy"]
    return own["status"] != "collapsed" and kept >= ACCURACY_KEPT, f"{method}: {kept:.1%} of the original's accuracy"


def _balance(name: str, method: str, others: tuple[str, ...], kind: str) -> Claim:
    return Claim(
        name,
        "A Closer Look, abstract",
        f"In the real world, too, {method.upper().replace('_', '+')} balances forgetting and utility better than the "
        f"other {kind} methods.",
        f"The mean of MU and FE of {method} above those of {', '.join(others)}.",
        checked(partial(above, method=method, columns=("mean",)), ((method,), others), ("mean",)),
    )


def _highest(rows: list[dict]) -> tuple[bool, str]:
    return above(rows, "idk_ap", ("utility",))


CLAIMS = (
    _balance("me_gd_balance_real_world", "me_gd", UNTARGETED, "untargeted"),
    _balance("idk_ap_balance_real_world", "idk_ap", TARGETED, "targeted"),
    Claim(
        "idk_ap_utility_real_world",
        "A Closer Look, Table 2",
        "IDK+AP keeps more utility than the other targeted methods, which lose all of it.",
        f"MU of idk_ap above those of {', '.join(TARGETED)}.",
        checked(_highest, (("idk_ap",), TARGETED), ("utility",)),
    ),
    Claim(
        "idk_ap_highest_utility_real_world",
        "A Closer Look, Table 2",
        "IDK+AP has the highest utility of all methods.",
        f"MU of idk_ap above those of {', '.join((*OTHERS, 'me_gd'))}.",
        checked(_highest, (("idk_ap",), (*OTHERS, "me_gd")), ("utility",)),
    ),
    Claim(
        "me_gd_downstream_real_world",
        "A Closer Look, Table 2",
        "ME+GD keeps most of the original model's downstream accuracy.",
        f"Mean accuracy of me_gd at least {ACCURACY_KEPT} times the original's; the share is ours.",
        checked(partial(_keeps_accuracy, method="me_gd"), (("me_gd",),), ("kept_accuracy",)),
    ),
)

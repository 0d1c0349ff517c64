"""What ULD says about a book. A row has completion_bleu (0 to 100), completion_rouge_l_f1, word_perplexity,
mean_accuracy, and seconds_per_epoch, of which the paper prints a figure alone.
"""

from unlearnkit.claims import Claim, checked, score
from unlearnkit.papers import claims_table9
from unlearnkit.papers.claims_table9 import BASELINES, OFFSET, TIMES, ULD, faster

FORGETS = 0.9  # of what fine-tuning added to BLEU and to ROUGE-L
PERPLEXITY, ACCURACY = 1.05, 0.01  # as many times the target's, and so much below it, count as kept
FORGOTTEN = ("completion_bleu", "completion_rouge_l_f1")
KEPT = ("word_perplexity", "mean_accuracy")
_REFERENCES = (("base",), ("original",))


def read_published() -> list[dict]:
    """The paper's rows, as `Claim.check` takes them; ROUGE-L and accuracy as fractions."""
    return claims_table9.read_published("uld_table9_book.csv")


def _one(rows: list[dict], method: str) -> dict:
    return next(row for row in rows if row["method"] == method)


def lost(row: dict, rows: list[dict]) -> float:
    """How much of what fine-tuning added a row has lost, of BLEU or of ROUGE-L, whichever is less; 1 is all.

    0 where it added nothing.
    """
    base, target = _one(rows, "base"), _one(rows, "original")
    added = {key: target[key] - base[key] for key in FORGOTTEN}
    return min((target[key] - row[key]) / added[key] if added[key] > 0 else 0.0 for key in FORGOTTEN)


def _forgets(rows: list[dict]) -> tuple[bool, str]:
    own = _one(rows, "uld")
    share = lost(own, rows)
    return own["status"] != "collapsed" and share >= FORGETS, f"ULD lost {share:.1%} of what fine-tuning added"


def _keeps(rows: list[dict]) -> tuple[bool, str]:
    own, target = _one(rows, "uld"), _one(rows, "original")
    ratio, below = own["word_perplexity"] / target["word_perplexity"], target["mean_accuracy"] - own["mean_accuracy"]
    holds = own["status"] != "collapsed" and ratio <= PERPLEXITY and below <= ACCURACY
    return holds, f"ULD's perplexity {ratio:.3f} times the target's; accuracy {-below:+.4f}"


def _costs(rows: list[dict]) -> tuple[bool | None, str]:
    """Whether ULD forgets, and every method that does has a higher perplexity and a lower accuracy; None where ULD
    alone forgets.
    """
    own = _one(rows, "uld")
    stand = [row for row in rows if row["method"] in (*BASELINES, *OFFSET) and row["status"] != "collapsed"]
    others = [row for row in stand if lost(row, rows) >= FORGETS]
    better = [row["method"] for row in others if any(score(row, key) >= score(own, key) for key in KEPT)]
    why = f"ULD lost {lost(own, rows):.1%}; {len(others)} other methods lost {FORGETS:.0%} or more"
    why += f"; not worse than ULD in both: {', '.join(better)}" if better else ""
    if own["status"] == "collapsed" or lost(own, rows) < FORGETS:
        return False, why
    return not better if others else None, why


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "forgets",
        "ULD, Table 3",
        "ULD no longer completes the book.",
        f"ULD loses at least {FORGETS:.0%} of what fine-tuning added to BLEU, and as much of ROUGE-L.",
        checked(_forgets, (ULD, *_REFERENCES), FORGOTTEN),
    ),
    Claim(
        "kept",
        "ULD, Table 3",
        "ULD keeps the target's perplexity and accuracy.",
        f"ULD's perplexity is at most {PERPLEXITY} times the target's, and its accuracy at most {ACCURACY} below it.",
        checked(_keeps, (ULD, ("original",)), KEPT),
    ),
    Claim(
        "price",
        "ULD, abstract and Table 3",
        "Whoever forgets as much loses more.",
        f"ULD loses at least {FORGETS:.0%} of what fine-tuning added; every method that does has a higher perplexity "
        "and a lower accuracy than ULD. Collapsed ones do not count; where none is left, there is nothing to compare "
        "with.",
        checked(_costs, (ULD, (*BASELINES, *OFFSET), *_REFERENCES), (*FORGOTTEN, *KEPT)),
    ),
    Claim(
        "three_times_faster",
        "ULD, abstract and Figure 5",
        "Training takes less than a third of the time.",
        f"An epoch of NPO's takes more than {TIMES} times an epoch of ULD's, which learns from no augmented data here.",
        checked(faster, (ULD, ("npo",)), ("seconds_per_epoch",)),
    ),
)

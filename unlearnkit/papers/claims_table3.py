"""What FLAT says about its Table 3. A row has fq_gap, word_perplexity (lower is better), mean_accuracy, distinct_2."""

from functools import partial

from unlearnkit import paths, tables
from unlearnkit.claims import BASELINES, FLAT, Claim, checked, front_is_flat, mean_rank, score, top_two

RANKED = ("fq_gap", "word_perplexity", "mean_accuracy")
_BOTH, _CAPTION = (FLAT, BASELINES), "FLAT, Table 3, caption"


def read_published() -> list[dict]:
    """The printed rows, as `Claim.check` takes them."""
    printed = tables.read_csv(paths.results("published") / "flat_table3.csv")
    same = {"variant": "paper", "status": "printed"}
    return [row | {"printed_base_model": row["base_model"]} | same for row in printed]


def _one_in_all(rows: list[dict]) -> tuple[bool, str]:
    """Whether one FLAT row has one of the two best distinct values of every column."""
    best = {name: sorted({score(row, name) for row in rows}, reverse=True) for name in RANKED}
    places = {
        row["method"]: [1 + best[name].index(score(row, name)) for name in RANKED]
        for row in rows
        if row["method"] in FLAT and row["status"] != "collapsed"
    }
    named = ", ".join(f"{method} {' '.join(map(str, found))}" for method, found in places.items())
    return any(max(found) <= 2 for found in places.values()), f"places in the columns: {named or 'none'}"


def _nearer(rows: list[dict]) -> tuple[bool, str]:
    """Whether every row is nearer to the Retained LLM than the original model is."""
    (original,) = (row["fq_gap"] for row in rows if row["method"] == "original")
    others = [row for row in rows if row["method"] != "original"]
    farther = [f"{row['method']} {row['fq_gap']:.4g}" for row in others if not score(row, "fq_gap") > -original]
    why = f"{len(others) - len(farther)} of {len(others)} rows below the original's {original:.4g}"
    return not farther, why + (f"; not below: {', '.join(farther)}" if farther else "")


def _diverse(rows: list[dict]) -> tuple[bool, str]:
    (retained,) = (row["distinct_2"] for row in rows if row["method"] == "base")
    named = ", ".join(f"{row['method']} {row['distinct_2']:.4g}" for row in rows if row["method"] != "base")
    holds = all(score(row, "distinct_2") >= retained for row in rows if row["method"] != "base")
    return holds, f"{named}; Retained LLM {retained:.4g}"


CLAIMS: tuple[Claim, ...] = (
    Claim(
        "gap_top_two",
        _CAPTION,
        "FLAT is among the two nearest to the retained model.",
        "The best FLAT variant has one of the two lowest distinct values of FQ Gap.",
        checked(partial(top_two, column="fq_gap"), _BOTH, ("fq_gap",)),
    ),
    Claim(
        "perplexity_top_two",
        "FLAT, Table 3, caption and bullet",
        "FLAT is among the two best in perplexity.",
        "The best FLAT variant has one of the two lowest distinct values of PPL.",
        checked(partial(top_two, column="word_perplexity"), _BOTH, ("word_perplexity",)),
    ),
    Claim(
        "accuracy_top_two",
        "FLAT, Table 3, caption and bullet",
        "FLAT is among the two best in zero-shot accuracy.",
        "The best FLAT variant has one of the two highest distinct values of Avg Acc.",
        checked(partial(top_two, column="mean_accuracy"), _BOTH, ("mean_accuracy",)),
    ),
    Claim(
        "one_top_two",
        "FLAT, bullet under Table 3",
        "FLAT is so in all three metrics.",
        "One and the same FLAT variant has one of the two best distinct values in each of the three columns.",
        checked(_one_in_all, _BOTH, RANKED),
    ),
    Claim(
        "diverse",
        _CAPTION,
        "What a model writes after FLAT is diverse.",
        "Every FLAT variant's completions have a distinct-2 of at least the Retained LLM's; no printed column has it.",
        checked(_diverse, (FLAT, ("base",)), ("distinct_2",)),
    ),
    Claim(
        "front_is_flat",
        "FLAT, bullet under Table 3",
        "No method balances the three columns better.",
        "The Pareto front of (FQ Gap, PPL, Avg Acc) holds FLAT variants only.",
        checked(partial(front_is_flat, columns=RANKED), _BOTH, RANKED),
    ),
    Claim(
        "mean_rank",
        "FLAT, bullet under Table 3",
        "No method is better in the three columns together.",
        "The best mean rank over the three columns is a FLAT variant's; equal values share the better rank.",
        checked(partial(mean_rank, columns=RANKED), _BOTH, RANKED),
    ),
    Claim(
        "flat_nearer",
        "FLAT, slide on copyrighted content",
        "FLAT no longer completes the book.",
        "Every FLAT variant has a lower FQ Gap than the original model.",
        checked(_nearer, (FLAT, ("original",)), ("fq_gap",)),
    ),
    Claim(
        "all_nearer",
        "ours",
        "FQ Gap measures forgetting: whoever unlearns comes nearer to the retained model.",
        "Every method has a lower FQ Gap than the original model.",
        checked(_nearer, (*_BOTH, ("original",)), ("fq_gap",)),
    ),
)

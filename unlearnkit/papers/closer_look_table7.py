"""A Closer Look (arXiv 2410.08109), continual unlearning on TOFU: forget requests follow one another.

The paper shows these results as figures, and nobody has printed numbers of them.
"""

from pathlib import Path

from unlearnkit import plots, results, tables, text
from unlearnkit.captions import unpinned
from unlearnkit.papers.closer_look import (
    MEANING,
    TINY_JUDGES,
    behind,
    describe,
    draws,
    printed,
    problems,
    suffix_of,
    values,
)
from unlearnkit.papers.requests_plan import make
from unlearnkit.planned import Plan
from unlearnkit.text import Block

__all__ = ["describe", "draws", "make", "problems", "records"]

NOTEBOOK = "07_closer_look_continual.ipynb"
records = tables.records


def _chains(found: list[dict], base_model: str) -> dict[str, list[dict]]:
    """A method's name -> its rows, request after request."""
    chains: dict[str, list[dict]] = {}
    for one in found:
        if one["base_model"] == base_model:
            chains.setdefault(one["printed_as"], []).append(one)
    return chains


def blocks(plan: Plan, found: list[dict]) -> list[tuple[str, Block]]:
    suffix, parts = plan.params.judges.suffix, []
    shown = (
        *((key, f"{head} after each request", 2) for key, head, _ in printed(suffix)),
        ("forget_rouge_l_recall", "forget ROUGE-L of the request just made", 2),
        ("retain_rouge_l_recall", "retain ROUGE-L after each request", 2),
    )
    for base_model in plan.params.base_models:
        chains = _chains(found, base_model)
        parts += [(f"{base_model}: {what}", _over_requests(chains, key, digits)) for key, what, digits in shown]
        last = [chain[-1] for chain in chains.values()]
        columns = (*printed(suffix), ("forget_te", "F-TE", 2), ("retain_te", "R-TE", 2))
        columns += (
            ("forget_refusals", "forget refusals", 2),
            ("retain_refusals", "retain refusals", 2),
            ("warnings", "warnings", 0),
        )
        parts.append((f"{base_model}: at the last request", values(last, columns)))
        parts.append((f"{base_model}: what stands behind it, last request", behind(last)))
        if len(plan.params.seeds) > 1:
            heading = f"{base_model}: at the last request, median and range over {len(plan.params.seeds)} seeds"
            parts.append((heading, text.over_seeds(last, printed(suffix))))
    return parts


def _over_requests(chains: dict[str, list[dict]], key: str, digits: int) -> Block:
    count = max(len(chain) for chain in chains.values())
    lines = [["", *(str(number) for number in range(1, count + 1))]]
    for name, chain in chains.items():
        marks = ["*" if one["status"] == "collapsed" else "" for one in chain]
        cells = [text.number(one.get(key), digits) + mark for one, mark in zip(chain, marks, strict=True)]
        lines.append([name, *cells])
    return lines


def caption(plan: Plan, found: list[dict]) -> list[str]:
    data, seeds = plan.params.data, plan.params.seeds
    origin = "the kit's own universe" if data.source == "universe" else data.source
    drawn = "one seed" if len(seeds) == 1 else f"{len(seeds)} seeds, the (lower) median of each column"
    lines = [f"Profile {plan.params.profile}: {origin}, {data.requests} requests of two authors; every row: {drawn}."]
    if not plan.params.paper_scale:
        lines.append("Not the paper's scale: what carries over is how the methods behave.")
    if plan.params.judges.suffix:
        lines.append(TINY_JUDGES)
    lines += [
        "Every request starts from what the one before left. FE is about the request just made, MU about the same "
        "questions after every one; those of the retain set are also among what methods may draw, as in the paper. "
        "The retain model never saw an author of any request.",
        "Reference of NPO, DPO and KL: what the request before left, unless a row says fixed reference: the original "
        "model. Retain data: the authors that are left, any of them, unless a row says what they are drawn from.",
        *MEANING,
        f"All methods: learning rate {plan.params.unlearn.paper.learning_rate} and equally many passes; the parameter "
        "file says where these come from.",
    ]
    lines += [f"Not pinned: the newest {name} of the hub was used." for name in unpinned(plan)]
    if any(record["status"] == "collapsed" for record in found):
        lines.append(f"Collapsed (*): {tables.COLLAPSED}; such a row wins nothing.")
    return lines


def latex(plan: Plan, found: list[dict]) -> str:
    """Our values as a booktabs table, a line for each method and request."""
    named = [one | {"printed_as": f"{one['printed_as']}, {one['fold']}"} for one in found]
    return text.latex(plan, named, printed(plan.params.judges.suffix), caption(plan, found))


def figures(result: Path, caption: str) -> dict:
    """Name -> figure, from the files of a result folder: methods in the paper's way, and what a choice changes."""
    rows, columns = results.read_rows(result), printed(suffix_of(result))
    own = [one for one in rows if one["note"] is None]
    drawn = {"over_requests": plots.over_requests(own, caption, columns)}
    noted = {one["method"] for one in rows if one["note"]}
    for method in sorted(noted):
        members = [one for one in rows if one["method"] in (method, "original", "retain")]
        drawn[f"choices_{method}"] = plots.over_requests(members, caption, columns)
    return drawn


def verdicts(found: list[dict], parameters: dict) -> list[dict]:
    """No claims are checked for this table: nothing is printed."""
    return []

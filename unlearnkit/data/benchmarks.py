"""The benchmarks behind the tables, through one interface: a source says where sets come from.

A source is a frozen dataclass with `benchmark` (its key in SOURCES), `load(name)`, `fingerprint(name)`, and
`rows(name)`: a set as rows to be trained on, {"question": prompt outside the loss, "answer": text in the loss}.
"""

import dataclasses
from typing import get_args

from unlearnkit.data import book, likeness, muse, real_world, requests, tofu, wmdp_rwku

Source = (
    tofu.Source | book.Source | muse.Source | requests.Source | real_world.Source | likeness.Source | wmdp_rwku.Source
)
SOURCES: dict[str, type[Source]] = {source.benchmark: source for source in get_args(Source)}


def of(spec: dict) -> Source:
    """The source that `spec` describes."""
    fields = {"benchmark": "tofu"} | spec
    return SOURCES[fields.pop("benchmark")](**fields)


def spec(source: Source) -> dict:
    """A source as JSON, for a run's spec; TOFU's goes without its name."""
    named = {} if source.benchmark == "tofu" else {"benchmark": source.benchmark}
    return named | dataclasses.asdict(source)

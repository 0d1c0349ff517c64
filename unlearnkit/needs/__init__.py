"""FLAT's Table 1, measured: what each method needs (`trial`), beside what it declares and the paper prints (`table`).
Importing this package does not import torch."""

from unlearnkit.needs.table import COLUMNS, by_column, declared, kind, records, rows
from unlearnkit.needs.trial import TOLERANCE, measure, measure_all, measure_in_context, replaced, seconds_a_step

__all__ = [
    "COLUMNS",
    "TOLERANCE",
    "by_column",
    "declared",
    "kind",
    "measure",
    "measure_all",
    "measure_in_context",
    "records",
    "replaced",
    "rows",
    "seconds_a_step",
]

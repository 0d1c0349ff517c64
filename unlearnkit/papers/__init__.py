"""What differs from table to table, one module a table of a paper. Everything else is the same code for all of them.

A module has

    NOTEBOOK                      its file in notebooks/
    make(content, where, split)   the plan: runs, and rows where each has runs of its own
    describe(plan, run)           a finished run's numbers in a few words
    draws(plan, failed)           one dictionary per row and seed; `failed`: key -> reason of the runs that failed
    records(plan, drawn)          one dictionary per row of the table, each with row, printed_as, status, reason
    blocks(plan, found)           small tables for people: (heading, lines of cells)
    caption(plan, found)          what a reader must know before believing a number, one sentence a line
    latex(plan, found)            our values as a booktabs table
    figures(result, caption)      name -> figure, from the files of a result folder
    verdicts(found, parameters)   the paper's claims, checked on the printed numbers and on ours
    problems(result)              what in a stored result does not follow from what is stored beside it

Its parameters are a class of `params.TABLES`.
"""

from importlib import import_module
from types import ModuleType

from unlearnkit.planned import Plan

MODULES = {
    "table1": "flat_table1",
    "table2": "flat_table2",
    "table3": "flat_table3",
    "table4": "flat_table4",
    "table5": "flat_table5",
    "table6": "closer_look_table6",
    "table6_convergence": "closer_look_convergence",
    "table6_likeness": "closer_look_likeness",
    "table6_lora": "closer_look_lora",
    "table7": "closer_look_table7",
    "table7_ten": "closer_look_table7",
    "table8": "closer_look_table8",
    "table9": "uld_table9",
    "table9_book": "uld_table9_book",
    "table10": "uoe_table10",
}


def of(table: str) -> ModuleType:
    """The module of a table that `params.TABLES` knows."""
    return import_module(f"unlearnkit.papers.{MODULES[table]}")


def make(content, where: str, split: str | None = None) -> Plan:
    """Plan a table. KitError: a name that does not exist, a missing selection or data set."""
    return of(content.table).make(content, where, split)

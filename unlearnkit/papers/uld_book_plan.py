"""The plan of ULD's Table 3: the protocol of FLAT's, with methods that train an assistant beside the model."""

from unlearnkit import methods
from unlearnkit.errors import KitError, at
from unlearnkit.papers import book_plan
from unlearnkit.papers.closer_look_plan import check_names, named
from unlearnkit.papers.uld_plan import check_assistant
from unlearnkit.planned import Plan
from unlearnkit.schema_uld import LogitDifferenceBook

REFERENCES = {"base": "Before fine-tuning", "original": "Target LLM"}


def make(content: LogitDifferenceBook, where: str, split: str | None = None) -> Plan:
    """Plan all rows. KitError: a name that does not exist, no book, or a forget split, which there is not."""
    with at(where):
        check_names(content)
        check_assistant(content)
        if content.assistant.training.trajectory_every:
            raise KitError("assistant.training.trajectory_every: this table has no trajectories; set it to null")
    return book_plan.of_book(content, where, split, REFERENCES, named, methods.ASSISTED)

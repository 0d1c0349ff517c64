"""The order in which runs are handed out."""

from unlearnkit import engines
from unlearnkit.planned import Run


def test_models_go_first_and_then_what_trains_from_the_end_of_the_table():
    def row(name: str, trains: bool) -> Run:
        return Run("row", name, name, {"unlearn": {"method": "ga"} if trains else None})

    missing = [
        row("original", False),
        Run("base_model", "base", "base", {}),
        row("ga_forget01", True),
        Run("finetuned", "retain model", "retain model", {}),
        row("retain", False),
        Run("answers", "answers", "answers", {}),
        row("uld_forget01", True),
        row("uld_forget10", True),
    ]
    waiting = engines._Scheduler(missing, [], lambda *_: None).waiting
    assert [run.name for run in waiting] == [
        *("base", "retain model"),
        *("original", "retain", "answers"),
        *("uld_forget10", "uld_forget01", "ga_forget01"),
    ]

"""What the command line shows while runs are executed: a line per finished run, overall progress with a time left.

On a terminal the overall line stays at the bottom; elsewhere (a log, a notebook) it is printed now and then.
"""

import sys
import time

from unlearnkit import runs
from unlearnkit.data import tofu
from unlearnkit.errors import KitError
from unlearnkit.planned import Run

ROW_WORK = 1500  # an evaluated row, in units of a trained example
SECONDS_BETWEEN_LINES = 15


def work(run: Run) -> float:
    """A run's size in trained examples; only ratios matter."""
    if run.kind not in ("base_model", "finetuned", "row"):  # a table of one run
        return 1
    spec = run.spec
    training = spec["unlearn"]["training"] if run.kind == "row" and spec["unlearn"] else spec.get("training")
    if run.kind == "row":
        batch = training["batch_size"] * training["gradient_accumulation_steps"] if training else 0
        return ROW_WORK + 2 * batch * ((training or {}).get("steps") or 10)
    try:
        names = [spec["split"]] if run.kind == "base_model" else spec["splits"]
        source = spec["data"].get("source")  # of some benchmarks there are two, and their sets are not counted
        rows = sum(len(tofu.load(source, name)) for name in names if source and tofu.folder(source))
    except KitError:
        rows = 0
    return (training["epochs"] or 1) * (rows or 4000)


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Display:
    """A listener for `engines.execute_all`. `describe(run)` gives a finished row's numbers in a few words."""

    def __init__(self, wanted: list[Run], describe):
        missing = [run for run in wanted if not runs.is_complete(run)]
        self.describe = describe
        self.left = {run.key: work(run) for run in missing}
        self.total, self.count = sum(self.left.values()), len(missing)
        self.share: dict[str, float] = {}
        self.doing: dict[str, str] = {}
        self.started = self.printed = time.monotonic()
        self.begun: dict[str, float] = {}
        self.finished = 0
        self.live = sys.stderr.isatty()

    def __call__(self, event: str, run: Run, facts: dict) -> None:
        if event == "started":
            self.begun[run.key] = time.monotonic()
            self.doing[run.key] = f"{run.name}: starting"
        elif event == "progress":
            part = facts["done"] / max(1, facts["total"])
            # a row's unlearning is the first part of its work, its evaluation the second
            halves = {"unlearning": part * 0.5, "evaluating": 0.5 + part * 0.5}
            self.share[run.key] = halves.get(facts["stage"], part)
            self.doing[run.key] = f"{run.name}: {facts['stage']} {facts['done']}/{facts['total']}"
        else:
            self._close(event, run, facts)
        self._overall()

    def _close(self, event: str, run: Run, facts: dict) -> None:
        seconds = time.monotonic() - self.begun.get(run.key, time.monotonic())
        self.left.pop(run.key, None)
        self.share.pop(run.key, None)
        self.doing.pop(run.key, None)
        self.finished += 1
        words = self.describe(run) if event == "finished" else f"FAILED: {facts['reason']}"
        self._clear()
        print(
            f"[{self.finished:>{len(str(self.count))}}/{self.count}] {run.name:<34} {duration(seconds):>7}  {words}",
            flush=True,
        )

    def _overall(self) -> None:
        now = time.monotonic()
        if not self.live and now - self.printed < SECONDS_BETWEEN_LINES:
            return
        self.printed = now
        left = sum(size * (1 - self.share.get(key, 0)) for key, size in self.left.items())
        done = 1 - left / self.total if self.total else 1.0
        elapsed = now - self.started
        remaining = f"about {duration(elapsed * (1 - done) / done)} left" if done > 0.02 else "time left: not known yet"
        line = f"{done:4.0%}, {remaining}  |  " + "; ".join(self.doing.values())
        if self.live:
            print(f"\r\x1b[2K{line[:150]}", end="", file=sys.stderr, flush=True)
        else:
            print(f"      {line}", flush=True)

    def _clear(self) -> None:
        if self.live:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        self._clear()

"""Where runs are executed: long-lived worker processes, started fresh, one run at a time each.

A worker reads runs as JSON lines from its standard input and answers with events as JSON lines. It ends when its
parent does. On a GPU box there is one worker per GPU, elsewhere one per core, single-threaded: that suits small models.
"""

import collections
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict

from unlearnkit import paths, runs
from unlearnkit.errors import KitError
from unlearnkit.planned import Run

ENVIRONMENT = {
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONWARNINGS": "ignore",
    "OMP_NUM_THREADS": "1",
    # glibc hands blocks of this size back to the system after each use; kept, a training step takes a sixth less time.
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}

# listen(event, run, facts): event is "started", "progress" (stage, done, total), "finished" or "failed" (reason)
Listener = Callable[[str, Run, dict], None]


def gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() and name.strip() != "-1"]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(index) for index, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]


def execute_all(wanted: list[Run], workers: int | None, listen: Listener) -> dict[str, str]:
    """Execute runs in the order of their needs; returns key -> reason for those that failed.

    Complete runs are skipped. A failed run fails those that need it; the others go on. `workers`: None for one per GPU
    or core. On KeyboardInterrupt the workers are ended and finished runs stay.
    """
    missing = [run for run in wanted if not runs.is_complete(run)]
    if not missing:
        return {}
    devices = gpus()
    count = min(workers or len(devices) or os.cpu_count() or 1, len(missing))
    return _Scheduler(missing, [_Worker(i, devices) for i in range(count)], listen).work()


class _Worker:
    def __init__(self, number: int, devices: list[str]):
        self.number, self.devices = number, devices
        self.process: subprocess.Popen | None = None
        self.run: Run | None = None

    def give(self, run: Run, events: queue.Queue) -> None:
        if self.process is None or self.process.poll() is not None:
            self.start(events)
        self.run = run
        line = json.dumps(asdict(run))
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def start(self, events: queue.Queue) -> None:
        environment = os.environ | ENVIRONMENT
        if self.devices:
            environment["CUDA_VISIBLE_DEVICES"] = self.devices[self.number % len(self.devices)]
        paths.runs().mkdir(parents=True, exist_ok=True)
        self.log = paths.runs() / f"worker-{self.number}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "unlearnkit.engines"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its workers
            )
        threading.Thread(target=self._listen, args=(self.process, events), daemon=True).start()

    def _listen(self, process: subprocess.Popen, events: queue.Queue) -> None:
        for line in process.stdout:
            events.put((self, json.loads(line)))
        code = process.wait()
        hint = " (killed: out of memory?)" if code == -9 else ""
        events.put((self, {"event": "failed", "reason": f"its worker ended with code {code}{hint}; log: {self.log}"}))

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class _Scheduler:
    def __init__(self, missing: list[Run], workers: list[_Worker], listen: Listener):
        # Models before rows: whatever others wait for goes first. Then what trains, from the end of the table, where
        # the longest rows are: forget10 after forget01, assistants after plain methods. So no core is idle at the end.
        order = {"base_model": 0, "finetuned": 1}
        trained = [run for run in missing if run.kind == "row" and run.spec.get("unlearn")]
        others = sorted((run for run in missing if run not in trained), key=lambda run: order.get(run.kind, 2))
        self.waiting = collections.deque([*others, *reversed(trained)])
        self.workers, self.listen = workers, listen
        self.events: queue.Queue = queue.Queue()
        self.failed: dict[str, str] = {}

    def work(self) -> dict[str, str]:
        try:
            for worker in self.workers:  # all now: importing takes seconds, and the others wait for the first model
                worker.start(self.events)
            self._hand_out()
            while any(worker.run for worker in self.workers):
                worker, event = self.events.get()
                if worker.run is not None:
                    self._take(worker, event)
                    self._hand_out()
        finally:
            for worker in self.workers:
                worker.end()
        return self.failed

    def _take(self, worker: _Worker, event: dict) -> None:
        kind, run = event.pop("event"), worker.run
        if kind == "failed":
            self._fail(run, event["reason"])
        elif kind == "finished":
            self.listen(kind, run, event)
        else:
            self.listen(kind, run, event)
            return
        worker.run = None

    def _fail(self, run: Run, reason: str) -> None:
        self.failed[run.key] = reason
        self.listen("failed", run, {"reason": reason})

    def _hand_out(self) -> None:
        """Give every idle worker the first waiting run whose needs are complete."""
        for run in [run for run in self.waiting if any(need in self.failed for need in run.needs)]:
            self.waiting.remove(run)
            self._fail(run, f"needs a run that failed: {self.failed[next(n for n in run.needs if n in self.failed)]}")
        unfinished = {run.key for run in self.waiting} | {worker.run.key for worker in self.workers if worker.run}
        for worker in self.workers:
            ready = next((run for run in self.waiting if not unfinished.intersection(run.needs)), None)
            if worker.run is None and ready is not None:
                self.waiting.remove(ready)
                self.listen("started", ready, {})
                worker.give(ready, self.events)


def _worker_main() -> None:
    """Read runs from standard input and execute them until it closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever libraries print goes to the log
    tasks: queue.Queue = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            tasks.put(json.loads(line))
        os._exit(0)  # the parent is gone

    threading.Thread(target=read, daemon=True).start()

    def answer(**event) -> None:
        answers.write(json.dumps(event) + "\n")
        answers.flush()

    import torch

    from unlearnkit.stages import execute, quieten

    torch.set_num_threads(1)
    quieten()
    while True:
        task = tasks.get()
        run = Run(**task | {"needs": tuple(task["needs"])})
        try:
            execute(run, lambda stage, done, total: answer(event="progress", stage=stage, done=done, total=total))
            answer(event="finished")
        except KitError as error:
            answer(event="failed", reason=str(error))
        except Exception as error:
            import traceback

            traceback.print_exc()
            text = str(error).strip().splitlines()
            answer(event="failed", reason=f"{type(error).__name__}: {text[0] if text else 'no message'}")


if __name__ == "__main__":
    _worker_main()

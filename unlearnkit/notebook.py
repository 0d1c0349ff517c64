"""What notebooks call: their parameters, a table's rows, its results, and the package's own source.

A notebook never writes into a result folder: it reads one, or shows what the command line computed.
"""

import inspect
import subprocess
import sys
from pathlib import Path

from unlearnkit import paths, report, runs
from unlearnkit.errors import KitError
from unlearnkit.params import Params, parse, read
from unlearnkit.plan import Plan, make

OWN_PARAMETERS = ("params_file", "result_folder")


def parameters(names: dict) -> Plan:
    """The plan behind a notebook, from its global names; call it in the first cell after the parameters.

    Either `params_file` names a parameter file, or papermill injected the file's keys (`papermill -f FILE`): then they
    are validated as strictly as the file would be, unknown names included.
    """
    given = {
        name: value
        for name, value in names.items()
        if not name.startswith("_") and name not in ("In", "Out", "exit", "quit", "open", "get_ipython")
        and not inspect.ismodule(value) and not callable(value)
    }
    injected = {name: value for name, value in given.items() if name not in OWN_PARAMETERS}
    if injected:
        content = parse(injected, "the notebook's parameters")
        return make(content, "the notebook's parameters")
    path = Path(given["params_file"])
    if not path.is_absolute():
        path = paths.ROOT / path
    return make(read(path), str(given["params_file"]))


def run_table(plan: Plan) -> None:
    """Compute the rows that are missing, as `unlearnkit table` does, in processes of their own; print their progress."""
    if all(runs.is_complete(run) for run in plan.runs.values()):
        print(f"all {len(plan.runs)} runs of this table are complete")
        return
    path = _parameter_file(plan)
    command = [sys.executable, "-m", "unlearnkit", "table", str(path), "--rows-only"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=paths.ROOT) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        raise KitError("some rows failed; the lines above say why")


def _parameter_file(plan: Plan) -> Path:
    """The parameters as a file, for the command line (JSON is YAML)."""
    path = paths.runs() / "parameters" / f"{plan.key}.yaml"
    runs.write_json(path, plan.params.model_dump())
    return path


def results(plan: Plan, result_folder: str | None) -> Path:
    """The folder whose table and figures the notebook shows: the given one, this machine's, or the reference."""
    candidates = [Path(result_folder)] if result_folder else [
        report.folder(plan),
        paths.results("reference") / plan.params.profile / plan.params.table,
    ]
    for folder in candidates:
        if (folder / "table.csv").is_file():
            return folder
    raise KitError(f"no results yet; run: make {plan.params.table} PROFILE={plan.params.profile}")


def show_source(function) -> None:
    """Display a function of the package, as it is executed."""
    from IPython.display import Code, display

    display(Code(inspect.getsource(function), language="python"))


__all__ = ["Params", "parameters", "results", "run_table", "show_source"]

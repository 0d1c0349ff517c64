"""What notebooks call: their parameters, a table's rows, its results, and the package's own source.

A notebook never writes into a result folder: it reads one, or shows what the command line computed.
"""

import inspect
import subprocess
import sys
import warnings
from pathlib import Path

import yaml

from unlearnkit import front as fronts
from unlearnkit import papers, paths, report, runs, tables
from unlearnkit.errors import KitError
from unlearnkit.params import parse, read
from unlearnkit.planned import Plan

# JupyterLab's optional progress widgets are not installed, and nothing here would use them.
warnings.filterwarnings("ignore", message="IProgress not found")
# peft asks transformers for it under its old name.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")

OWN_PARAMETERS = ("params_file", "result_folder", "split")


def parameters(names: dict) -> Plan:
    """The plan behind a notebook, from its global names; call it in the first cell after the parameters.

    Either `params_file` names a parameter file, or papermill injected the file's keys (`papermill -f FILE`): then they
    are validated as strictly as the file would be, unknown names included.
    """
    given = {
        name: value
        for name, value in names.items()
        if not name.startswith("_")
        and name not in ("In", "Out", "exit", "quit", "open", "get_ipython")
        and not inspect.ismodule(value)
        and not callable(value)
    }
    split = given.get("split")
    injected = {name: value for name, value in given.items() if name not in OWN_PARAMETERS}
    if injected:
        content = parse(injected, "the notebook's parameters")
        return papers.make(content, "the notebook's parameters", split)
    return papers.make(read(paths.inside(given["params_file"])), given["params_file"], split)


def run_table(plan: Plan) -> None:
    """Compute the rows that are missing, as `unlearnkit table` does, in processes of their own; print progress."""
    if all(runs.is_complete(run) for run in plan.runs.values()):
        print(f"all {len(plan.runs)} runs of this table are complete")
        return
    path = _parameter_file(plan)
    command = [sys.executable, "-m", "unlearnkit", "table", str(path), "--rows-only"]
    command += ["--split", plan.split] if plan.split else []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=paths.ROOT
    ) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
    if process.returncode:
        raise KitError("some rows failed; the lines above say why")


def _parameter_file(plan: Plan) -> Path:
    """The parameters as a file, for the command line."""
    path = paths.runs() / "parameters" / f"{plan.key}.yaml"
    with runs.renamed_when_complete(path) as partial:
        partial.write_text(yaml.safe_dump(plan.params.model_dump(exclude_unset=True)), encoding="utf-8")
    return path


def results(plan: Plan, result_folder: str | None) -> Path:
    """The folder whose table and figures the notebook shows, never one that the command line writes to.

    The given one; else this machine's result where it is current; else one put together from finished runs, beside the
    results; else the committed reference.
    """
    if result_folder:
        return paths.inside(result_folder)
    if report.is_current(plan):
        return report.folder(plan)
    if all(runs.is_complete(run) for run in plan.runs.values()):
        folder = paths.local() / "notebooks" / plan.key
        with runs.renamed_when_complete(folder) as partial:
            report.assemble(plan, {}, partial)
        return folder
    reference = tables.reference_folder(plan)
    if not (reference / "table.csv").is_file():
        raise KitError(f"no results yet; run: make {plan.params.table} PROFILE={plan.params.profile}")
    return reference


def show_source(function) -> None:
    """Display a function of the package, as it is executed."""
    from IPython.display import Code, display

    display(Code(inspect.getsource(function), language="python"))


def front(plan: Plan) -> tuple[list[dict], list[dict]]:
    """(points, reference rows) of the fronts: this machine's, else the committed ones; empty where there are none."""
    own = fronts.folder(plan)
    return fronts.read(own if (own / "manifest.json").is_file() else fronts.folder(plan, "reference"))

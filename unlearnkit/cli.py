"""The command line: one verb a function, nothing but argument parsing and messages. Exit code 0 only on success."""

import argparse
import json
import sys
from pathlib import Path

from unlearnkit.errors import KitError, nearest


def table(args) -> int:
    """Compute what is missing of a table and print it."""
    from unlearnkit import params, plan, report, runs, text

    content = params.read(args.params_file)
    planned = plan.make(content, str(args.params_file))
    wanted = _wanted(planned, args)
    if args.fresh:
        named = {row.run for row in planned.rows if args.rows and row.method in args.rows.split(",")}
        _forget([run for run in wanted if not args.rows or run.key in named])
    missing = [run for run in wanted if not runs.is_complete(run)]
    if not missing and not args.rows_only and report.is_current(planned):
        print((report.folder(planned) / "table.md").read_text(encoding="utf-8"))
        print(f"nothing to do: {report.folder(planned)} is complete")
        return 0
    failed = {}
    if missing:
        print(f"{content.title}: {len(missing)} of {len(wanted)} runs to do ({content.cost})", flush=True)
        failed = _execute(planned, wanted, args.workers)
    if args.rows_only:
        return 1 if failed else 0
    print("writing table, figures and notebook", flush=True)
    found, problem, folder = report.write(planned, failed)
    print()
    print(text.markdown(planned, found))
    print(f"written to {folder}")
    for record in found:
        if record["status"] == "failed":
            print(f"failed: {record['base_model']}/{record['method']}: {record['reason']}", file=sys.stderr)
    if problem:
        print(f"the notebook failed: {problem}", file=sys.stderr)
    elif any(record["status"] in ("failed", "missing") for record in found):
        print("rows are missing: the notebook was not executed")
    return 1 if failed or problem else 0


def _wanted(planned, args) -> list:
    """The runs behind the rows that were asked for, each after what it needs."""
    from unlearnkit import tables

    names = args.rows.split(",") if args.rows else None
    tables.check_rows(planned, names or [])
    if args.model and args.model not in planned.params.base_models:
        raise KitError(
            f"{planned.where}: no base model '{args.model}'{nearest(args.model, planned.params.base_models)}"
        )
    keys: set[str] = set()
    for row in planned.rows:
        if (names is None or row.method in names) and args.model in (None, row.base_model):
            keys |= {row.run, row.retain_run}
    todo = list(keys)
    while todo:
        for need in planned.runs[todo.pop()].needs:
            if need not in keys:
                keys.add(need)
                todo.append(need)
    return [run for run in planned.runs.values() if run.key in keys]


def _forget(wanted: list) -> None:
    from unlearnkit import runs

    for run in wanted:
        runs.remove(runs.folder(run))


def _execute(planned, wanted: list, workers: int | None) -> dict[str, str]:
    """Execute runs under a progress display; key -> reason of those that failed."""
    from unlearnkit import engines, progress

    display = progress.Display(wanted, lambda run: _describe(planned, run))
    try:
        return engines.execute_all(wanted, workers, display)
    finally:
        display.close()


def _describe(planned, run) -> str:
    """A finished run's numbers in a few words."""
    from unlearnkit import tables, text

    row = next((row for row in planned.rows if row.run == run.key), None)
    if row is None or "sample_steps" in run.spec:
        return "done"
    metrics = tables.row_metrics(planned, row)
    words = [f"F-RL {metrics['forget_rouge_l_recall']:.3f}", f"R-RL {metrics['retain_rouge_l_recall']:.3f}"]
    if "model_utility_geometric" in metrics:
        words.insert(0, f"MU {metrics['model_utility_geometric']:.3f}")
    if "forget_quality_p" in metrics:
        words.insert(0, f"FQ {text.number(metrics['forget_quality_p'], 4)}")
    return "  ".join(words)


def select(args) -> int:
    """Choose learning rate and steps on the validation authors and write them beside the parameter file."""
    from unlearnkit import params, plan
    from unlearnkit import select as selection

    content = params.read(args.params_file)
    planned = plan.make_selection(content, str(args.params_file))
    wanted = list(planned.runs.values())
    if args.fresh:
        _forget(wanted)
    failed = _execute(planned, wanted, args.workers)
    if failed:
        raise KitError(f"{len(failed)} runs of the grid failed; nothing was chosen")
    written = selection.write(planned)
    print("learning rate   steps   mean D   methods that keep retain ROUGE-L")
    for point in written["grid"]:
        print(
            f"{point['learning_rate']:13g} {point['steps']:7d} {point['mean_counted_d']:8.3f}"
            f"   {point['methods_that_keep']} of {point['methods']}"
        )
    print(f"chosen: learning rate {written['chosen']['learning_rate']:g}, {written['chosen']['steps']} steps")
    if written["at_edge"]:
        print(f"at the edge of the grid in {' and '.join(written['at_edge'])}: the best may lie beyond")
    print(f"written to {plan.selection_file(content)}")
    return 0


def reference(args) -> int:
    """Copy this machine's finished result of a table to the committed reference results."""
    from unlearnkit import params, plan, verify

    content = params.read(args.params_file)
    target = verify.make_reference(plan.make(content, str(args.params_file)))
    print(f"copied to {target}; look at it, then commit it")
    return 0


def verify(args) -> int:
    """Recompute metrics and verdicts of the committed results from their samples and compare."""
    from unlearnkit import verify as verification

    lines, good = verification.verify_all()
    print("\n".join(lines))
    return 0 if good else 1


def methods(args) -> int:
    """List every method: what it needs, its loss terms, its source."""
    from unlearnkit import methods as all_methods

    described = all_methods.describe()
    if args.json:
        print(json.dumps(described, indent=1))
        return 0
    for entry in described:
        name = entry["method"] if entry["variant"] == "paper" else f"{entry['method']} ({entry['variant']})"
        print(f"{name:<24} needs {', '.join(entry['needs']):<32} {entry['source']}")
    return 0


def rescore(args) -> int:
    """Metrics from a TOFU evaluation log, with forget quality if a retain model's log is given."""
    from unlearnkit.rescore import rescore as score

    scores = score(args.log, args.retain)
    if args.json:
        print(json.dumps(scores, indent=1))
    else:
        for name, value in scores.items():
            print(f"{name:<36} {value:.6g}" if isinstance(value, float) else f"{name:<36} {value}")
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="unlearnkit", description="Regenerates tables of papers on unlearning in language models."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(function, name: str) -> argparse.ArgumentParser:
        words = function.__doc__
        added = verbs.add_parser(name, help=words[0].lower() + words[1:].rstrip("."), description=words)
        added.set_defaults(function=function)
        return added

    def params_file(added: argparse.ArgumentParser) -> None:
        added.add_argument("params_file", type=Path, help="params/<profile>/<table>.yaml")

    def workers(added: argparse.ArgumentParser) -> None:
        added.add_argument("--workers", type=_positive, help="processes; default: one per GPU, or per core without GPU")

    added = verb(table, "table")
    params_file(added)
    workers(added)
    added.add_argument("--rows", help="only these rows, separated by commas, e.g. npo,flat_kl")
    added.add_argument("--model", help="only this base model")
    added.add_argument(
        "--fresh",
        action="store_true",
        help="compute anew: everything, or with --rows these rows, from the models that are there",
    )
    added.add_argument("--rows-only", action="store_true", help="compute runs, write no result folder")
    added = verb(select, "select")
    params_file(added)
    workers(added)
    added.add_argument("--fresh", action="store_true", help="compute every run of the grid anew")
    params_file(verb(reference, "reference"))
    verb(verify, "verify")
    verb(methods, "methods").add_argument("--json", action="store_true", help="as JSON")
    added = verb(rescore, "rescore")
    added.add_argument("log", type=Path, help="eval_log_aggregated.json of the model")
    added.add_argument("--retain", type=Path, help="eval_log_aggregated.json of the retain model, for forget quality")
    added.add_argument("--json", action="store_true", help="as JSON")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the console script; returns the exit code."""
    args = _parser().parse_args(arguments)
    try:
        return args.function(args)
    except KitError as error:
        print(f"unlearnkit: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; finished runs are kept, the same command goes on", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"unlearnkit: {error.strerror or error}: {error.filename or ''}", file=sys.stderr)
        return 2

"""The command line: one verb a function, nothing but argument parsing and messages. Exit code 0 only on success."""

import argparse
import json
import sys
from pathlib import Path

from unlearnkit.errors import KitError, nearest


def table(args) -> int:
    """Compute what is missing of a table and print it."""
    from unlearnkit import papers, params, report, runs

    content = params.read(args.params_file)
    planned = papers.make(content, str(args.params_file), args.split)
    wanted = _wanted(planned, args)
    if args.fresh:
        named = {draw.run for row in planned.rows for draw in row.draws if row.method in (args.rows or "").split(",")}
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
    print((folder / "table.md").read_text(encoding="utf-8"))
    print(f"written to {folder}")
    for record in found:
        if record["status"] == "failed":
            print(f"failed: {record['row']}: {record['reason']}", file=sys.stderr)
    if problem:
        print(f"the notebook failed: {problem}", file=sys.stderr)
    elif any(record["status"] in ("failed", "missing") for record in found):
        print("rows are missing: the notebook was not executed")
    return 1 if failed or problem else 0


def _wanted(planned, args) -> list:
    """The runs behind the rows that were asked for, each after what it needs."""
    from unlearnkit import tables

    if not planned.rows:
        if args.rows or args.model:
            raise KitError(f"{planned.where}: {planned.params.table} is computed as a whole, without ROWS and MODEL")
        return list(planned.runs.values())
    names = args.rows.split(",") if args.rows else None
    tables.check_rows(planned, names or [])
    if args.model and args.model not in planned.params.base_models:
        raise KitError(
            f"{planned.where}: no base model '{args.model}'{nearest(args.model, planned.params.base_models)}"
        )
    keys: set[str] = set()
    for row in planned.rows:
        # Every row is judged by what the original model kept; a grid needs its retain row too.
        judge = row.method == "original" or (row.training is None and planned.purpose == "grid")
        if (names is None or row.method in names or judge) and args.model in (None, row.base_model):
            keys |= {key for draw in row.draws for key in (draw.run, draw.retain_run) if key}
    return planned.behind(keys)


def _forget(wanted: list) -> None:
    from unlearnkit import runs

    for run in wanted:
        runs.remove(runs.folder(run))


def _execute(planned, wanted: list, workers: int | None) -> dict[str, str]:
    """Execute runs under a progress display; key -> reason of those that failed."""
    from unlearnkit import engines, papers, progress

    describe = papers.of(planned.params.table).describe
    display = progress.Display(wanted, lambda run: describe(planned, run))
    try:
        return engines.execute_all(wanted, workers, display)
    finally:
        display.close()


def select(args) -> int:
    """Choose learning rate and steps of each method on the validation authors; write them beside the parameter file."""
    from unlearnkit import plan
    from unlearnkit import select as selection

    planned, rows = _grid(args, "selection")
    written = selection.write(planned, [row.name for row in rows])
    print(f"{'method':<24} {'learning rate':>13} {'steps':>6} {'k/n':>6} {'FQ':>8} {'R-RL kept':>10}")
    for row in {row.name: row for row in rows}.values():
        point = written["chosen"][row.base_model][row.method]
        fraction = f"{point['forget_quality_k']}/{point['forget_quality_lcm']}"
        notes = ["COLLAPSED: no point keeps enough"] if point["collapsed"] else []
        notes += [f"at the edge of the grid in {' and '.join(point['at_edge'])}"] if point["at_edge"] else []
        print(
            f"{row.name:<24} {point['learning_rate']:13g} {point['steps']:6d} {fraction:>6} "
            f"{point['forget_quality_p']:8.4f} {point['retain_rouge_l_kept']:10.3f}  {'; '.join(notes)}"
        )
    print(f"written to {plan.selection_file(planned.params)}")
    return 0


def front(args) -> int:
    """Draw forget quality against utility at every point of the grid, on the table's own forget split."""
    from unlearnkit import front as fronts

    planned, rows = _grid(args, "front")
    target = fronts.write(planned, [row.name for row in rows])
    print(f"written to {target}")
    return 0


def _grid(args, purpose: str) -> tuple:
    """Execute the runs of a grid; returns its plan and the rows of methods that were asked for."""
    from unlearnkit import grid, params

    planned = grid.make(params.read(args.params_file), str(args.params_file), purpose)
    wanted = _wanted(planned, args)
    named = args.rows.split(",") if args.rows else None
    trained = [row for row in planned.rows if row.training and args.model in (None, row.base_model)]
    rows = [row for row in trained if named is None or row.method in named]
    if not rows:
        there = ", ".join(dict.fromkeys(row.method for row in trained)) or "none"
        raise KitError(f"{planned.where}: none of these rows has a grid; rows with one: {there}")
    if args.fresh:
        _forget(wanted)
    failed = _execute(planned, wanted, args.workers)
    if failed:
        raise KitError(f"{len(failed)} runs of the grid failed; nothing was written")
    return planned, rows


def reference(args) -> int:
    """Copy this machine's finished result of a table to the committed reference results."""
    from unlearnkit import grid, papers, params, verify

    content = params.read(args.params_file)
    if args.front:
        target = verify.make_front_reference(grid.make(content, str(args.params_file), "front"))
    else:
        target = verify.make_reference(papers.make(content, str(args.params_file), args.split))
    print(f"copied to {target}; look at it, then commit it")
    return 0


def download(args) -> int:
    """Fetch what a parameter file takes from the hub into the Hugging Face cache; later runs need no network."""
    from unlearnkit import hub, params

    for line in hub.download(hub.named(params.read(args.params_file), args.model)):
        print(line, flush=True)
    return 0


def pin(args) -> int:
    """Lock the hub's present commits for what a parameter file leaves at `revision: null`."""
    from unlearnkit import hub, params

    print("\n".join(hub.pin(hub.named(params.read(args.params_file)), args.update)))
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
    lines = [("method", "printed as", "trains", "needs", "source")]
    for entry in described:
        name = entry["method"] if entry["variant"] == "paper" else f"{entry['method']} ({entry['variant']})"
        printed = ", ".join([entry["printed_as"], *entry["also_printed_as"]])
        lines.append((name, printed, entry["trains"], ", ".join(entry["needs"]), entry["source"]))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    print("\nWhich weights are trained, the row says: `expert` (UOE/SEUF), `updated` (RMU's layers), `lora`.")
    print("In-context refusal, without training: Table 1 alone.")
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

    def verb(function, name: str, *arguments) -> argparse.ArgumentParser:
        words = function.__doc__
        added = verbs.add_parser(name, help=words[0].lower() + words[1:].rstrip("."), description=words)
        added.set_defaults(function=function)
        for add in arguments:
            add(added)
        return added

    def params_file(added: argparse.ArgumentParser) -> None:
        added.add_argument("params_file", type=Path, help="params/<profile>/<table>.yaml")

    def workers(added: argparse.ArgumentParser) -> None:
        added.add_argument("--workers", type=_positive, help="processes; default: one per GPU, or per core without GPU")

    def part(added: argparse.ArgumentParser) -> None:
        added.add_argument("--rows", help="only these rows, separated by commas, e.g. npo,flat_kl")
        added.add_argument("--model", help="only this base model")

    def split(added: argparse.ArgumentParser) -> None:
        added.add_argument("--split", help="another forget split than the parameter file's, e.g. forget05")

    added = verb(table, "table", params_file, workers, part, split)
    added.add_argument(
        "--fresh",
        action="store_true",
        help="compute anew: everything, or with --rows these rows, from the models that are there",
    )
    added.add_argument("--rows-only", action="store_true", help="compute runs, write no result folder")
    for function, name in ((select, "select"), (front, "front")):
        added = verb(function, name, params_file, workers, part)
        added.add_argument("--fresh", action="store_true", help="compute every run of the grid anew")
    added = verb(reference, "reference", params_file, split)
    added.add_argument("--front", action="store_true", help="the fronts instead of the table")
    added = verb(download, "download", params_file)
    added.add_argument("--model", help="only this base model, and the data set")
    added = verb(pin, "pin", params_file)
    added.add_argument("--update", action="store_true", help="also what is locked already")
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

"""The command line: one thin command a verb. `hypercolumn VERB TARGET [options]`.

Results go to stdout, progress to stderr; every verb ends with the next command to type. Exit codes: 0 ok, 1 bug, 2
usage, 3 data or study file, 4 an audit gate failed, 130 interrupted. Nothing heavy is imported before a verb runs.
"""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hypercolumn.errors import DataProblems, HypercolumnError, UsageError

ClickException: type[Any] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""The root of all that is wrong with a call: typer carries a click of its own."""

app = typer.Typer(
    name="hypercolumn",
    help="From raw biomedical data to a convolutional network whose score can be believed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Set = Annotated[list[str] | None, typer.Option("--set", metavar="A.B=C", help="change a key of the study file")]
Debug = Annotated[bool, typer.Option("--debug", help="show the traceback of an error")]
FailOn = Annotated[
    str | None,
    typer.Option("--fail-on", metavar="PITFALL,...", help="exit 4 on a warning of leakage, site, labels or strata"),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="where the result goes")]


@app.command()
def demo(
    out: Annotated[Path | None, typer.Option("--out", "-o", help="a new folder; by default hypercolumn-demo")] = None,
    minutes: Annotated[float, typer.Option(help="training budget of each fold")] = 0.75,
    seed: Annotated[int, typer.Option(help="seed of the simulation and the training")] = 0,
    debug: Debug = False,
) -> None:
    """A small cohort, simulated, through a whole study to its report."""
    from hypercolumn.study.demo import free_folder, run_demo
    from hypercolumn.study.progress import watcher_for

    run = run_demo(
        out or free_folder(Path("hypercolumn-demo")), minutes=minutes, seed=seed, watcher=watcher_for(sys.stderr)
    )
    _finished(run)


@app.command()
def init(
    data: Annotated[Path, typer.Argument(help="the folder with the data")],
    out: Out = Path("study.yaml"),
    patient: Annotated[str | None, typer.Option(help="the column that names the patients, or none")] = None,
    debug: Debug = False,
) -> None:
    """Look at a folder and write a commented study file; say what was guessed and why."""
    from hypercolumn.study.discovery import look
    from hypercolumn.study.study import init as write_study

    guess = look(data)
    for reason in guess.reasons:
        _say(f"  - {reason}")
    if patient is None and guess.needs_patient and sys.stdin.isatty():
        columns = ", ".join(name for name in guess.table.columns if name not in {"image", "record", guess.target})
        patient = typer.prompt(f"Which column names the patient? ({columns}; none if nobody knows)")
    written = write_study(data, out, patient=patient, guess=guess)
    _say(f"wrote {written} and {written.stem}.manifest.csv ({len(guess.table)} records)")
    _next(f"hypercolumn check {written}")


@app.command()
def check(
    target: Annotated[Path, typer.Argument(help="a study file, or a run whose certificate is verified again")],
    set_: Set = None,
    full: Annotated[bool, typer.Option("--full", help="hash whole files, not samples of them")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="also say how long, how much memory and disk a run takes")
    ] = False,
    fail_on: FailOn = None,
    debug: Debug = False,
) -> None:
    """Everything that can be known before training: files, labels, lineage, copies, the split."""
    from hypercolumn.study.study import Study

    if (target / "run.json").is_file():
        _check_run(target, full=full)
        return
    study = Study.read(target, set_ or ())
    before = study.preflight(_watcher())
    _show_findings(before.findings)
    _say(_split_words(before.split))
    if dry_run:
        _show_estimate(study, before)
    _gate(before.findings, fail_on)
    _next(f"hypercolumn train {target}")


@app.command()
def train(
    target: Annotated[Path | None, typer.Argument(help="a study file")] = None,
    out: Out = Path("runs"),
    set_: Set = None,
    resume: Annotated[Path | None, typer.Option("--resume", help="a run to go on with")] = None,
    devices: Annotated[int | None, typer.Option(help="processes on this machine")] = None,
    full: Annotated[
        bool, typer.Option("--full", help="certify with hashes of whole files, not samples of them")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say how long, how much memory and disk it takes")
    ] = False,
    fail_on: FailOn = None,
    debug: Debug = False,
) -> None:
    """Check, train, evaluate, audit and report."""
    from hypercolumn.study.study import Study
    from hypercolumn.study.study import resume as go_on

    if resume is not None:
        _finished(go_on(resume, watcher=_watcher()), fail_on)
        return
    if target is None:
        raise UsageError("no study file was given", fix="hypercolumn train study.yaml, or --resume RUN")
    settings = [*(set_ or ()), *([f"training.devices={devices}"] if devices is not None else [])]
    study = Study.read(target, settings)
    if dry_run:
        _show_estimate(study, study.preflight(_watcher()))
        return
    _finished(study.train(out=out, full=full, watcher=_watcher()), fail_on)


@app.command()
def seal(
    target: Annotated[Path, typer.Argument(help="a study file")],
    share: Annotated[float, typer.Option(help="of the patients, or what the study generalises to")] = 0.2,
    debug: Debug = False,
) -> None:
    """Set a test set aside by lineage; every look at it is counted."""
    from hypercolumn.study.sealing import seal_study

    path, sealed = seal_study(target, share=share)
    _say(f"{len(sealed.units)} units with {len(sealed.records)} records are sealed: {path}")
    _say(f"{target.name} names it; check and train do not see these records any more")
    _next(f"hypercolumn check {target}")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="a run")],
    on: Annotated[Path, typer.Option("--on", help="a manifest of other records, with the same columns")],
    folder: Annotated[Path | None, typer.Option(help="where its files are; by default beside the manifest")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="where the result goes")] = None,
    look: Annotated[
        str | None, typer.Option("--look", metavar="WHY", help="open the sealed records of the manifest, and say why")
    ] = None,
    debug: Debug = False,
) -> None:
    """Score a run on other data."""
    from hypercolumn.study.external import evaluate_on

    result = evaluate_on(run, on, folder_of_files=folder, out=out, watcher=_watcher(), look_for=look)
    for score in result.scores[:6]:
        _say(f"{score.title(result.generalises_to)}: {score}")
    _show_findings(result.findings)
    _say(f"written to {result.folder}")
    _gate(result.findings)


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="a run")],
    inputs: Annotated[list[Path], typer.Argument(help="images, or folders of images")],
    out: Out = Path("predictions"),
    fold: Annotated[str | None, typer.Option(help="one fold's network instead of the mean of all")] = None,
    memory: Annotated[float, typer.Option(help="GiB to use")] = 2.0,
    precision: Annotated[str, typer.Option(help="float32, or auto: the fastest here that is close to it")] = "auto",
    debug: Debug = False,
) -> None:
    """Apply a run's networks to new images."""
    from hypercolumn.study.external import predict_files

    done, failed = predict_files(
        run, inputs, out, fold=fold, memory_bytes=int(memory * 2**30), precision=precision, watcher=_watcher()
    )
    _say(f"{len(done)} predicted, written to {out}")
    for error in failed:
        typer.echo(str(error), err=True)
    if failed:
        raise typer.Exit(3)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="a run")],
    to: Annotated[str, typer.Option("--to", help="onnx")] = "onnx",
    out: Out = Path("exported"),
    fold: Annotated[str | None, typer.Option(help="one fold's network instead of all")] = None,
    debug: Debug = False,
) -> None:
    """Write a run's networks for other runtimes, each checked against the original."""
    if to != "onnx":
        raise UsageError(f"a network cannot be written as {to!r}", fix="use --to onnx")
    from hypercolumn.study.exporting import export_run

    for made in export_run(run, out, fold=fold, watcher=_watcher()):
        sizes = " x ".join("any" if length is None else str(length) for length in made.shape[2:])
        _say(f"{made.path}: takes {sizes}; ONNX Runtime is within {made.difference:.1e} of the network")


@app.command()
def audit(
    run: Annotated[Path | None, typer.Argument(help="a run")] = None,
    manifest: Annotated[Path | None, typer.Option(help="anybody's manifest, with a fold or side column")] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="anybody's predictions: record, truth, p_0, p_1, ...")
    ] = None,
    embeddings: Annotated[
        Path | None, typer.Option(help="a .npy file: what a network sees of each predicted record")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="ROLE=NAME", help="input, patient, specimen, site, scanner, date, target, side or fold"
        ),
    ] = None,
    controls: Annotated[bool, typer.Option("--controls", help="train what a wrong study would have claimed")] = False,
    remedies: Annotated[bool, typer.Option("--remedies", help="compare remedies for sites and groups")] = False,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="write the findings as JSON")] = None,
    debug: Debug = False,
) -> None:
    """Look for what breaks papers, in a run or in anybody's table."""
    from hypercolumn.study.external import audit_run, audit_table

    if (controls or remedies) and run is None:
        option = "--controls" if controls else "--remedies"
        raise UsageError("controls and remedies are for a run", fix=f"hypercolumn audit RUN {option}")
    if controls and run is not None:
        from hypercolumn.study.controls import run_controls
        from hypercolumn.study.run import Run

        run_controls(Run.open(run), watcher=_watcher())
    if remedies and run is not None:
        from hypercolumn.study.remedies import run_remedies
        from hypercolumn.study.run import Run

        run_remedies(Run.open(run), watcher=_watcher())
    if run is not None:
        findings = audit_run(run)
    elif manifest is not None:
        findings = audit_table(
            manifest, predictions, dict(_role(item) for item in columns or ()), embeddings=embeddings
        )
    else:
        raise UsageError("nothing to audit", fix="hypercolumn audit RUN, or --manifest M [--predictions P]")
    _show_findings(findings)
    if out is not None:
        from hypercolumn.study.run import write_findings

        write_findings(findings, out)
    _gate(findings)


@app.command()
def report(
    run: Annotated[Path, typer.Argument(help="a run")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="another place for the page")] = None,
    debug: Debug = False,
) -> None:
    """Write the report of a run again."""
    from hypercolumn.study.run import Run

    _say(f"report: {Run.open(run).report(out)}")


@app.command()
def experiment(
    name: Annotated[str, typer.Argument(help="which one: convolution, unet, pitfalls, random-labels")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="a new folder; by default hypercolumn-experiment-NAME")
    ] = None,
    seed: Annotated[int, typer.Option(help="seed of all that is drawn by chance")] = 0,
    image: Annotated[Path | None, typer.Option(help="an image of yours, to be shown as numbers")] = None,
    debug: Debug = False,
) -> None:
    """A published claim, measured again: tables, figures and films."""
    from hypercolumn.experiments import experiment_called
    from hypercolumn.study.demo import free_folder

    run = experiment_called(name)
    folder = out or free_folder(Path(f"hypercolumn-experiment-{name}"))
    outcome = run(folder, seed=seed, image=image, watcher=_watcher())
    for table in outcome.tables:
        _say(f"{table.text()}\n")
    _say(f"written to {outcome.folder}: a CSV a table, results.json, {', '.join(outcome.files)}")
    _next(outcome.then)


@app.command()
def info(
    target: Annotated[str | None, typer.Argument(help="a run, or a network: unet, resnet")] = None,
    dims: Annotated[int, typer.Option(help="spatial axes of a network")] = 2,
    channels: Annotated[int, typer.Option(help="input channels of a network")] = 1,
    size: Annotated[int | None, typer.Option(help="input size of a network along each axis")] = None,
    debug: Debug = False,
) -> None:
    """Versions, device and hashes; of a run, its state; of a network, its layer table."""
    from hypercolumn.study.information import describe

    for line in describe(target, dims=dims, channels=channels, size=size):
        _say(line)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command; its exit code. Errors are said in words, with a traceback only where it was asked for."""
    debug = "--debug" in arguments
    try:
        result = app(list(arguments), standalone_mode=False)
        return int(result) if isinstance(result, int) else 0
    except ClickException as error:
        _usage(error)
        return 2
    except (typer.Abort, KeyboardInterrupt):
        typer.echo("interrupted", err=True)
        return 130
    except HypercolumnError as error:
        if debug:
            logging.getLogger("hypercolumn").exception("")
            import traceback

            traceback.print_exc()
        typer.echo(str(error), err=True)
        if isinstance(error, DataProblems) and len(error.problems) > 10:
            typer.echo(f"all {len(error.problems)} are in {_write_problems(error)}", err=True)
        return error.exit_code
    except Exception as error:
        if debug:
            raise
        typer.echo(
            f"error[E-BUG] {type(error).__name__}: {error}\n"
            "  why    this is a bug of hypercolumn\n"
            "  fix    run again with --debug and report the traceback",
            err=True,
        )
        return 1


def _usage(error: Any) -> None:
    """A wrong call, with the nearest right verb or option."""
    import difflib

    message = error.format_message()
    verbs = [
        command.name or (command.callback.__name__ if command.callback else "") for command in app.registered_commands
    ]
    word = message.split("'")[1] if "'" in message else ""
    close = difflib.get_close_matches(word, verbs, n=1) if "No such command" in message else []
    message = message.split(" Did you mean")[0]
    typer.echo(f"error[E-USAGE] {message}", err=True)
    typer.echo(f"  fix    {f'did you mean {close[0]!r}?' if close else 'hypercolumn --help'}", err=True)


def _write_problems(error: DataProblems) -> Path:
    import csv

    path = Path("hypercolumn-problems.csv")
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("code", "what", "where", "why", "fix"))
        rows.writerows((item.code, item.what, item.where, item.why, item.fix) for item in error.problems)
    return path


def _watcher() -> Any:
    from hypercolumn.study.progress import watcher_for

    return watcher_for(sys.stderr)


def _say(line: str) -> None:
    typer.echo(line)


def _next(command: str) -> None:
    typer.echo(f"next: {command}")


def _role(item: str) -> tuple[str, str]:
    role, separator, name = item.partition("=")
    if not separator:
        raise UsageError(
            f"--column {item!r} is not of the form role=name", fix="for example --column patient=patient_id"
        )
    return role, name


def _show_findings(findings: Sequence[Any]) -> None:
    for finding in findings:
        _say(f"[{finding.severity}] {finding.claim}")
        if finding.remedy and finding.severity in {"blocking", "warning"}:
            _say(f"    remedy: {finding.remedy}")


def _split_words(split: Any) -> str:
    sizes = ", ".join(
        f"{fold.name}: {len(fold.training)}/{len(fold.validation)}/{len(fold.test)}" for fold in split.folds
    )
    gap = f"; gap {', '.join(f'{axis} {samples}' for axis, samples in split.gap.items())}" if split.gap else ""
    notes = "".join(f"\n  {note}" for note in split.notes)
    return f"split: {split.kind}, {len(split.units)} units, training/validation/test by fold {sizes}{gap}{notes}"


def _gate(findings: Sequence[Any], fail_on: str | None = None) -> None:
    """Exit code 4 where a finding blocks, or one of the pitfalls that were named warns."""
    named = []
    if fail_on:
        from hypercolumn import audit

        named = audit.fails(findings, [kind.strip() for kind in fail_on.split(",")])
        for finding in named:
            typer.echo(f"--fail-on {fail_on}: {finding.code}", err=True)
    if named or any(finding.severity == "blocking" for finding in findings):
        raise typer.Exit(4)


def _check_run(folder: Path, *, full: bool) -> None:
    from hypercolumn.study.run import Run

    checked = Run.open(folder).verify(full=full)
    _say(f"certificate {checked.sha256[:12]}: {len(checked.checks)} checks hold, every file is what it was")


def _show_estimate(study: Any, before: Any) -> None:
    from hypercolumn.study.estimate import estimate

    for line in estimate(study, before):
        _say(line)


def _finished(run: Any, fail_on: str | None = None) -> None:
    """The end of a study in at most six lines."""
    lead = run.lead()
    _say(f"{lead.title(run.noun())}: {lead}")
    name, best = run.best_baseline()
    if best is not None:
        _say(f"best without a CNN ({name}): {best}")
    findings = run.findings
    counts = [
        f"{sum(finding.severity == kind for finding in findings)} {kind}"
        for kind in ("blocking", "warning", "not checked")
    ]
    _say(f"findings: {', '.join(counts)}")
    _say(f"report: {run.folder / 'report.html'}")
    _next(f"hypercolumn predict {run.folder} IMAGE -o predictions/")
    _gate(findings, fail_on)

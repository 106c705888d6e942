"""Writing the study file that `init` leaves behind: commented, complete, ready to be corrected by hand."""

import os
from pathlib import Path

import yaml

from hypercolumn.study.discovery import Guess


def study_text(guess: Guess, *, name: str, manifest: str, folder: str) -> str:
    """The text of a study file for what was found; every guess stands with its reason.

    `patient` of the guess is taken as the user's word: None says that nobody knows the patients.
    """
    generalises, why = _generalises(guess)
    patients = "nobody knows the patients" if guess.patient is None else "all records of a patient stay on one side"
    lines = [
        "# A Hypercolumn study. `hypercolumn check` reads it and says what is wrong with it; nothing here is code.",
        "#",
        "# What was seen in the folder:",
        *(f"#   - {reason}" for reason in guess.reasons),
        "",
        "schema: 1",
        f"name: {name}",
        "",
        "data:",
        f"  manifest: {_scalar(manifest)}   # one row an example; edit it freely",
        f"  folder: {_scalar(folder)}   # paths in the manifest are relative to this folder",
        "  columns:",
        "    input: image",
        f"    target: {_scalar(guess.target)}",
        *([f"    key: {_scalar(guess.key)}"] if guess.key else []),
        f"    site: {_scalar(guess.site)}   # hospital, laboratory, scanner or kind of imaging",
        f"    patient: {_scalar(guess.patient)}   # {patients}",
        f"    specimen: {_scalar(guess.specimen)}   # slide, scan, recording, plate; none: each record is one",
        *(
            [f"    position: {_scalar(guess.position)}   # the order of the slices in their stack"]
            if guess.position
            else []
        ),
        f"    batch: {_list(guess.batch)}   # what else may leave its mark: scanner, laboratory, date",
        f"    strata: {_list(guess.strata)}   # groups whose score is shown apart: sex, subtype",
        *([f"    # columns without a role: {', '.join(guess.free)}"] if guess.free else []),
        "",
        "target:",
        f"  kind: {guess.kind}   # class, grade, labels, number, mask or instances",
        _meaning(guess),
        "",
        f"generalises_to: {generalises}   # {why}",
        "",
        "split:",
        *_split(guess),
        "",
        "training:",
        "  minutes: 10   # for each fold; becomes a number of steps before the first one",
        "",
        "seed: 0",
        "",
    ]
    return "\n".join(lines)


def relative(path: Path, start: Path) -> str:
    """A path as a study file beside it writes it."""
    return Path(os.path.relpath(path.resolve(), start.resolve())).as_posix()


def _generalises(guess: Guess) -> tuple[str, str]:
    if guess.by_region:
        return "region", "one specimen: the score speaks of other regions of the same one, of nothing more"
    if guess.patient is not None:
        return "patient", "the score speaks of new patients"
    return (
        "specimen",
        "no patient is known: the score speaks of new images, and may be too good where patients share images",
    )


def _split(guess: Guess) -> list[str]:
    if guess.by_region:
        return [
            "  kind: regions   # contiguous blocks; neighbours are alike, so a random split would leak",
            "  folds: 3",
            "  gap: auto   # left out between training and test: receptive field or correlation length, the larger",
        ]
    units = guess.table[guess.patient].nunique() if guess.patient else len(guess.table)
    return [
        "  kind: folds   # folds, hold-out, leave-one-site-out, site-preserving or regions",
        f"  folds: {5 if units >= 25 else max(2, min(3, units))}",
    ]


def _meaning(guess: Guess) -> str:
    """The line after the kind: the unit of a number, or the classes."""
    if guess.kind == "number":
        return (
            f"  unit: {_scalar(guess.unit)}   # what the number is measured in, such as mm; it stands in every report"
        )
    return f"  classes: {_classes(guess)}"


def _classes(guess: Guess) -> str:
    if isinstance(guess.classes, dict):
        inner = ", ".join(f"{_scalar(name)}: {value}" for name, value in guess.classes.items())
        return f"{{{inner}}}   # name: stored value; the names are guesses, the first is what lies outside"
    return _list(tuple(guess.classes))


def _list(names: tuple[str, ...]) -> str:
    return "[" + ", ".join(_scalar(name) for name in names) + "]"


def _scalar(value: str | None) -> str:
    """A YAML scalar, quoted where it must be."""
    if value is None:
        return "none"
    if value.lower() in {"none", "null", "true", "false", "yes", "no", "on", "off", "~"}:
        return f"'{value}'"
    return (
        yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True).removesuffix("\n...\n").strip()
    )

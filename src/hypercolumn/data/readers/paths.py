"""Files by name: which lie inside the data folder, which can be opened, and which are channels of one image.

A manifest is written by somebody else. A path in it may name a file outside the data folder, directly, through `..` or
through a symbolic link, or a thing that is no file at all.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from hypercolumn.errors import MissingFile, PathOutsideFolder, UnreadableFile

_CHANNEL = re.compile(
    r"""(?P<before>.*)
        (?P<joint>[_\-. ])(?P<tag>w|c|C|ch|CH|Ch|channel|Channel)(?P<number>\d{1,3})
        (?P<guid>[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})?   # some plate readers append one to each file
        (?P<after>(?![0-9A-Za-z]).*)""",
    re.VERBOSE | re.DOTALL,
)


def within(folder: Path | str, path: Path | str) -> Path:
    """The real path of a file of a folder, once every `..` and every link has been followed.

    A path is relative to the folder, or begins with it as those of `Cohort.inputs` do, or is absolute. Raises
    PathOutsideFolder where it leaves the folder.

    >>> within("/data", "../etc/passwd")
    Traceback (most recent call last):
    hypercolumn.errors.PathOutsideFolder: error[E-FILE-OUTSIDE] the path leaves the data folder
      where  ../etc/passwd
      why    a data set may only name files below its folder
      fix    move the file into the folder and name it relative to that
    """
    try:
        root, path = Path(folder).resolve(), Path(path)
        real = path.resolve() if path.is_relative_to(folder) else (root / path).resolve()
    except (OSError, RuntimeError, ValueError) as error:
        raise UnreadableFile("the path cannot be followed", where=str(path), why=str(error).splitlines()[0]) from None
    if not real.is_relative_to(root):
        raise PathOutsideFolder(
            "the path leaves the data folder",
            where=str(path),
            why="a data set may only name files below its folder",
            fix="move the file into the folder and name it relative to that",
        )
    return real


def regular_file(path: Path) -> Path:
    """The same path, if a regular file with something in it lies there."""
    try:
        exists, regular = path.exists(), path.is_file()
        empty = regular and path.stat().st_size == 0
    except (OSError, ValueError) as error:
        raise UnreadableFile("the path cannot be followed", where=path.name, why=str(error)) from None
    if not exists:
        hint = (
            "write the path with forward slashes" if "\\" in str(path) else "correct the path, or leave the record out"
        )
        raise MissingFile("the file does not exist", where=path.name, fix=hint)
    if not regular:
        what = "a folder" if path.is_dir() else "neither a file nor a folder"
        raise UnreadableFile(f"this is {what}", where=path.name, fix="name the file of the image")
    if empty:
        raise UnreadableFile(
            "the file is empty", where=path.name, why="it has no bytes", fix="copy it again from its source"
        )
    return path


def channel_groups(names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Join the files that are channels of one image, told by `_w1`, `_ch00`, `_c1`, `_C0` or `-ch1` in their names.

    The files of one image differ in that number alone. The key is the name without it; a file that belongs to no set
    stands alone under its own name. Stains in names (`_DAPI`) are not guessed at.

    >>> channel_groups(["a_w2.tif", "a_w1.tif", "b.png"])
    {'a.tif': ('a_w1.tif', 'a_w2.tif'), 'b.png': ('b.png',)}
    """
    names = list(dict.fromkeys(names))
    families: dict[tuple[str, ...], list[tuple[int, str]]] = {}
    for name in names:
        family, number = _family(name)
        families.setdefault(family, []).append((number, name))
    groups: dict[str, tuple[str, ...]] = {}
    for family, members in families.items():
        numbers = {number for number, _ in members}
        if len(members) == 1 or len(numbers) < len(members):
            groups.update({name: (name,) for _, name in members})
            continue
        ordered = tuple(name for _, name in sorted(members))
        key = family[0] + family[-1]
        groups[ordered[0] if key in names or key in groups else key] = ordered
    return groups


def channel_tag(name: str) -> str | None:
    """The part of a file's name that says which channel it is.

    >>> channel_tag("plate1_A01_w2.tif"), channel_tag("cell.png")
    ('w2', None)
    """
    match = _CHANNEL.fullmatch(_last(name))
    return match["tag"] + match["number"] if match else None


def _family(name: str) -> tuple[tuple[str, ...], int]:
    """What all the channels of one image have in common, and the number of this one."""
    last = _last(name)
    match = _CHANNEL.fullmatch(last)
    if match is None:
        return (name,), 0
    folder = name[: len(name) - len(last)]
    return (folder + match["before"], match["joint"], match["tag"], match["after"]), int(match["number"])


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]

"""The spacing and the channel names that a TIFF states: in OME-XML, in ImageJ's description, or in its resolution tags.

    OME       PhysicalSizeX, Y, Z with a unit (micrometres where none is written)
    ImageJ    resolution tags in pixels a unit, the distance of slices and the unit in the description
    other     resolution tags in pixels a centimetre or an inch, and only what a microscope can mean

Most programs write 72 or 300 dots an inch whatever the picture shows, so a resolution tag counts only from 1 nm to
10 um a pixel (finer than 2,540 dots an inch, where paper and screens end). Everything is told in micrometres. A spacing
must be known for each axis or it is None; one that was stated for some axes only stays in the notes.
"""

from math import isfinite
from xml.etree import ElementTree

from tifffile import TiffFile

MICROMETRES = {
    **dict.fromkeys(
        ("\u00b5m", "\u03bcm", "um", "micron", "microns", "micrometer", "micrometre", "micrometers", "micrometres"), 1.0
    ),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    **dict.fromkeys(("pm", "picometer"), 1e-6),
    **dict.fromkeys(("\u00c5", "\u212b", "angstrom"), 1e-4),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
    **dict.fromkeys(("in", "inch", "inches"), 25_400.0),
}
"""One of each unit in micrometres."""

PLAUSIBLE = (1e-3, 10.0)
"""The spacings in micrometres that are believed of a bare resolution tag."""

Known = dict[str, float]
"""Micrometres a sample, for the axes where they are stated."""


def spacing(file: TiffFile, axes: tuple[str, ...]) -> tuple[tuple[float, ...] | None, str | None, tuple[str, ...]]:
    """The spacing along these axes, its unit "um", and notes on what was stated but not used."""
    notes: tuple[str, ...] = ()
    if file.is_ome:
        known = _from_ome(file)
    elif file.is_imagej:
        known = _from_imagej(file)
    else:
        known = _from_resolution(file)
        if any(not PLAUSIBLE[0] <= step <= PLAUSIBLE[1] for step in known.values()):
            notes = (f"the resolution tag says {max(known.values()):.4g} um a pixel, as for print: it is not believed",)
            known = {}
    steps = [known[axis] for axis in axes if axis in known]
    if len(steps) == len(axes):
        return tuple(steps), "um", notes
    if steps:
        stated = ", ".join(f"{axis} {known[axis]:.4g} um" for axis in axes if axis in known)
        notes += (f"the spacing is stated for some axes only ({stated}), so it is not known for the whole",)
    return None, None, notes


def channel_names(file: TiffFile) -> tuple[str, ...]:
    """The names of the channels in OME-XML, or () where any of them has none."""
    pixels = _ome_pixels(file)
    if pixels is None:
        return ()
    names = [element.get("Name", "") for element in pixels if element.tag.endswith("}Channel")]
    return tuple(names) if all(names) else ()


def _from_ome(file: TiffFile) -> Known:
    pixels = _ome_pixels(file)
    if pixels is None:
        return {}
    stated = {
        axis: (pixels.get(f"PhysicalSize{axis.upper()}"), pixels.get(f"PhysicalSize{axis.upper()}Unit", "um"))
        for axis in "zyx"
    }
    return _positive({axis: _number(size) * MICROMETRES.get(unit, 0.0) for axis, (size, unit) in stated.items()})


def _ome_pixels(file: TiffFile) -> ElementTree.Element | None:
    if not file.is_ome or not file.ome_metadata:
        return None
    root = ElementTree.fromstring(file.ome_metadata)
    return next((element for element in root.iter() if element.tag.endswith("}Pixels")), None)


def _from_imagej(file: TiffFile) -> Known:
    metadata = file.imagej_metadata or {}
    unit = str(metadata.get("unit", "")).replace("\\u00B5", "\u00b5").strip().lower()
    scale = MICROMETRES.get(unit, 0.0)
    per_unit = _pixels_a_unit(file)
    known = {axis: scale / count for axis, count in per_unit.items() if count}
    return _positive({"z": _number(metadata.get("spacing")) * scale, **known})


def _from_resolution(file: TiffFile) -> Known:
    unit = {2: MICROMETRES["inch"], 3: MICROMETRES["cm"]}.get(int(file.pages.first.tags.valueof(296, default=2)), 0.0)
    return _positive({axis: unit / count for axis, count in _pixels_a_unit(file).items() if count})


def _pixels_a_unit(file: TiffFile) -> Known:
    tags = file.pages.first.tags
    found = {"y": tags.valueof(283), "x": tags.valueof(282)}
    return {axis: value[0] / value[1] for axis, value in found.items() if value and value[1]}


def _positive(known: Known) -> Known:
    return {axis: step for axis, step in known.items() if isfinite(step) and step > 0}


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0.0

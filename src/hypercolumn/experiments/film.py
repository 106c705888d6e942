"""Films: frames drawn by Pillow, written as GIF always and as MP4 where an encoder is there.

A frame is drawn at twice its size and shrunk, so that lines and letters are smooth. All frames of a GIF share one
palette, without dithering, so that what does not move does not flicker, and files stay small. An encoder is ffmpeg, on
the path or from the package imageio-ffmpeg; none is needed.
"""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hypercolumn.errors import RunError
from hypercolumn.experiments import style
from hypercolumn.experiments.style import INK, PAPER, SIGNED

SHARPNESS = 2
"""How much larger a frame is drawn than it is shown."""
FRAMES_PER_SECOND = 20
COLOURS = 256
Colour = str | tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture, and for how long it stands, in milliseconds."""

    picture: Image.Image
    milliseconds: int


class Canvas:
    """A frame being drawn, in the units of what is shown.

    >>> canvas = Canvas(120, 80)
    >>> canvas.box(10, 10, 50, 40, fill="#0b66a8")
    >>> frame = canvas.frame(100)
    >>> frame.picture.size, frame.picture.getpixel((30, 25))
    ((120, 80), (11, 102, 168))
    """

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self._image = Image.new("RGB", (width * SHARPNESS, height * SHARPNESS), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def box(
        self,
        left: float,
        top: float,
        right: float,
        bottom: float,
        *,
        fill: Colour | None = None,
        edge: Colour | None = None,
        width: float = 1,
    ) -> None:
        """A rectangle; one without area is not drawn."""
        corners = [round(value * SHARPNESS) for value in (left, top, right, bottom)]
        if corners[2] - corners[0] < 1 or corners[3] - corners[1] < 1:
            return
        corners = [corners[0], corners[1], corners[2] - 1, corners[3] - 1]
        self._draw.rectangle(corners, fill=fill, outline=edge, width=round(width * SHARPNESS) if edge else 0)

    def line(self, *points: tuple[float, float], colour: Colour = INK, width: float = 1) -> None:
        self._draw.line(
            [(x * SHARPNESS, y * SHARPNESS) for x, y in points], fill=colour, width=round(width * SHARPNESS)
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 13,
        colour: Colour = INK,
        weight: Literal["plain", "bold"] = "plain",
        anchor: str = "lm",
    ) -> None:
        """Words at a place; `anchor` is Pillow's: left, middle or right, then top, middle or baseline."""
        font = _font(round(size * SHARPNESS), weight)
        self._draw.text((x * SHARPNESS, y * SHARPNESS), words, font=font, fill=colour, anchor=anchor)

    def picture(self, values: np.ndarray, left: float, top: float, *, cell: float) -> None:
        """An image (y, x, 3) of 8 bits, each sample as a square of this side."""
        side = round(cell * SHARPNESS)
        large = Image.fromarray(np.kron(values, np.ones((side, side, 1), np.uint8)))
        self._image.paste(large, (round(left * SHARPNESS), round(top * SHARPNESS)))

    def cells(
        self,
        values: np.ndarray,
        left: float,
        top: float,
        *,
        cell: float,
        limit: float,
        known: np.ndarray | None = None,
        edge: Colour = "#c9c9c2",
    ) -> None:
        """A matrix as coloured cells with numbers; where `known` is false a cell stays empty."""
        for (row, column), value in np.ndenumerate(values):
            x, y = left + column * cell, top + row * cell
            there = known is None or bool(known[row, column])
            self.box(
                x,
                y,
                x + cell + 0.5,
                y + cell + 0.5,
                fill=signed(value, limit) if there else PAPER,
                edge=edge,
                width=0.5,
            )
            if there:
                strong = abs(value) > 0.62 * limit
                self.text(
                    x + cell / 2,
                    y + cell / 2,
                    number(value),
                    size=cell * (0.38 if len(number(value)) < 4 else 0.3),
                    colour="#ffffff" if strong else INK,
                    anchor="mm",
                )

    def frame(self, milliseconds: int) -> Frame:
        """What was drawn, shrunk."""
        return Frame(self._image.resize(self.size, Image.Resampling.BOX), milliseconds)


def signed(value: float, limit: float) -> tuple[int, int, int]:
    """The colour of a signed value: blue below zero, orange above, paper at zero."""
    return _byte(SIGNED(0.5 + 0.5 * max(-1.0, min(1.0, value / limit)))[:3])


def number(value: float) -> str:
    """A value with the minus sign of print.

    >>> number(-2.0), number(0.5)
    ('−2', '0.5')
    """
    return f"{value:g}".replace("-", "−")


def write_film(frames: Sequence[Frame], path: Path) -> tuple[str, ...]:
    """Write `path`.gif, and `path`.mp4 where an encoder is there; the names of what was written.

    Raises RunError where the encoder fails.
    """
    gif = path.with_suffix(".gif")
    palette = _palette(frames)
    pictures = [frame.picture.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [frame.milliseconds for frame in frames]
    pictures[0].save(gif, save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False)
    executable = encoder()
    if executable is None:
        return (gif.name,)
    return gif.name, _write_mp4(frames, path.with_suffix(".mp4"), executable).name


def encoder() -> str | None:
    """The ffmpeg that is there: of the package imageio-ffmpeg, or on the path."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


def _write_mp4(frames: Sequence[Frame], path: Path, executable: str) -> Path:
    width, height = (side - side % 2 for side in frames[0].picture.size)
    command = [executable, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
    command += ["-r", str(FRAMES_PER_SECOND), "-i", "-", "-an", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    content = b"".join(_raw(frames, width, height))
    done = subprocess.run([*command, str(path)], input=content, capture_output=True, check=False)
    if done.returncode:
        raise RunError(
            "the encoder could not write the film",
            where=str(path),
            why=done.stderr.decode(errors="replace").strip()[:300],
            fix=f"the GIF beside it is whole; check {executable}",
        )
    return path


def _raw(frames: Sequence[Frame], width: int, height: int) -> Iterator[bytes]:
    for frame in frames:
        pixels = frame.picture.crop((0, 0, width, height)).tobytes()
        yield pixels * max(1, round(frame.milliseconds * FRAMES_PER_SECOND / 1000))


def _palette(frames: Sequence[Frame]) -> Image.Image:
    """The palette of frames evenly taken, with the colours of words and lines given room, as one picture."""
    chosen = [frames[round(place)].picture for place in np.linspace(0, len(frames) - 1, 8)]
    width, height = chosen[0].size
    strip = max(1, height // 4)
    sheet = Image.new("RGB", (width, height * len(chosen) + strip * len(style.COLOURS)))
    for row, picture in enumerate(chosen):
        sheet.paste(picture, (0, row * height))
    for row, colour in enumerate(style.COLOURS):
        sheet.paste(Image.new("RGB", (width, strip), colour), (0, height * len(chosen) + row * strip))
    return sheet.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _byte(colour: Sequence[float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in colour)
    return red, green, blue


@lru_cache(maxsize=64)
def _font(size: int, weight: str) -> ImageFont.FreeTypeFont:
    name = "DejaVuSans-Bold.ttf" if weight == "bold" else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name, size)

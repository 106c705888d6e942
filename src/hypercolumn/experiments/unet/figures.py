"""The figures of the experiment: each takes what was measured and a path. Nothing is computed here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from skimage.segmentation import find_boundaries

from hypercolumn.experiments import style
from hypercolumn.experiments.unet.ingredients import Ingredients, Measured

FIGURES = (("dice", "Dice"), ("precision", "AP of objects"), ("boundary", "boundary F1"))


def draw_ingredients(found: Ingredients, path: Path) -> None:
    """Three panels, a row a recipe: every seed a dot, their mean a bar; the threshold's Dice a line."""
    names = list(found.recipes)
    title = "What each ingredient of U-Net is worth: trained without it"
    with style.drawing(path, size=(10.5, 0.42 * len(names) + 1.6), title=title) as figure:
        panels = figure.subplots(1, 3, sharey=True)
        for axes, (attribute, label) in zip(panels, FIGURES, strict=True):
            for row, name in enumerate(names):
                values = [getattr(one, attribute) for one in found.recipes[name]]
                colour = style.BLUE if name == "all ingredients" else style.SLATE
                axes.plot([np.mean(values)] * 2, [row - 0.3, row + 0.3], color=colour, linewidth=3)
                axes.plot(values, [row] * len(values), "o", color=colour, alpha=0.6)
            axes.axvline(
                np.mean([getattr(one, attribute) for one in found.recipes[names[0]]]), color=style.RULE, zorder=0
            )
            axes.set(xlabel=label, ylim=(len(names) - 0.5, -0.5))
            axes.grid(axis="x")
        panels[0].set_yticks(range(len(names)), names)
        low = found.threshold
        panels[0].set_title(f"the best threshold: {low:.2f}", fontsize=8.5, fontweight="normal", color=style.SOFT)


def draw_images(found: Ingredients, path: Path) -> None:
    """Each figure against the number of training fields, on a logarithmic axis."""
    counts = sorted(found.images)
    with style.drawing(path, size=(7.6, 3.9), title="A few annotated fields") as figure:
        axes = figure.subplots()
        for (attribute, label), colour, marker in zip(FIGURES, style.COLOURS, style.MARKERS, strict=False):
            _curve(axes, found.images, counts, attribute, label=label, colour=colour, marker=marker)
        axes.axhline(found.threshold, color=style.SOFT, linestyle=":")
        words = "Dice of the best threshold, all fields"
        axes.text(counts[-1], found.threshold - 0.015, words, fontsize=8, color=style.SOFT, va="top", ha="right")
        axes.set(xscale="log", xlabel="training fields", ylim=(0, 1))
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        axes.grid(axis="y")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_maps(found: Ingredients, path: Path) -> None:
    """One test field with the outlines of its true objects, and what each network makes of it."""
    image, objects, maps = found.example
    shown: Sequence[tuple[str, np.ndarray]] = list(maps.items())
    columns = min(4, len(shown) + 1)
    rows = -(-(len(shown) + 1) // columns)
    with style.drawing(path, size=(2.7 * columns, 2.95 * rows), title="The probability of a nucleus") as figure:
        panels = np.atleast_1d(figure.subplots(rows, columns)).reshape(-1)
        low, high = np.percentile(image, (1, 99.5))
        panels[0].imshow(image, cmap="gray", vmin=low, vmax=high)
        panels[0].imshow(np.ma.masked_equal(find_boundaries(objects, mode="inner"), 0), cmap="autumn", alpha=0.9)
        panels[0].set_title("a test field, true outlines", fontsize=9)
        for axes, (name, probability) in zip(panels[1:], shown, strict=False):
            axes.imshow(probability, cmap=style.SIZES, vmin=0, vmax=1)
            axes.set_title(name, fontsize=9)
        for axes in panels:
            style.plain(axes)
        for axes in panels[len(shown) + 1 :]:
            axes.set_visible(False)


def _curve(
    axes: object,
    images: Mapping[int, tuple[Measured, ...]],
    counts: Sequence[int],
    attribute: str,
    *,
    label: str,
    colour: str,
    marker: str,
) -> None:
    values = [[getattr(one, attribute) for one in images[count]] for count in counts]
    means = [float(np.mean(each)) for each in values]
    axes.plot(counts, means, color=colour, marker=marker, label=label)  # type: ignore[attr-defined]
    axes.fill_between(  # type: ignore[attr-defined]
        counts, [min(each) for each in values], [max(each) for each in values], color=colour, alpha=0.15, linewidth=0
    )

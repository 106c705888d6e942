"""The figures of the experiment: each takes what was measured and a path. Nothing is computed here."""

from pathlib import Path

import numpy as np
from matplotlib.patches import Rectangle

from hypercolumn.convolution.kernels import Kernel, frequency_response, passes
from hypercolumn.experiments import style
from hypercolumn.experiments.convolution.depth import NONLINEARITIES, DepthResult, scores_of
from hypercolumn.experiments.convolution.filters import BANK, Filtered
from hypercolumn.experiments.convolution.laws import HOLDS
from hypercolumn.experiments.convolution.numbers import Numbers
from hypercolumn.experiments.convolution.pooling import SHIFTS, Shifted
from hypercolumn.experiments.convolution.worked_examples import BOWL, SHARPENING, TO_POOL, Example
from hypercolumn.experiments.outcome import Table, shown


def draw_laws(table: Table, path: Path) -> None:
    """A field of laws by operators: what holds is green with its rounding error, what fails orange with its size."""
    failures = np.array([[float(cell) for cell in row[2:]] for row in table.rows])
    with style.drawing(path, size=(9.6, 5.4), title="Which laws hold, and by how much the others fail") as figure:
        axes = figure.subplots()
        for (row, column), value in np.ndenumerate(failures):
            holds = value < HOLDS
            colour = "#d5e8e0" if holds else style.SIGNED(0.5 + 0.5 * min(0.2 + value / 4, 0.6))
            axes.fill([column, column + 0.97, column + 0.97, column], [row, row, row + 0.93, row + 0.93], color=colour)
            words, strong = ("holds", value) if holds else ("fails by", value)
            axes.text(
                column + 0.06, row + 0.5, words, va="center", fontsize=8.5, color=style.GREEN if holds else style.INK
            )
            axes.text(column + 0.91, row + 0.5, _error(strong), va="center", ha="right", fontsize=8.5)
        axes.set(xlim=(0, failures.shape[1]), ylim=(failures.shape[0], 0))
        axes.set_xticks(np.arange(failures.shape[1]) + 0.48, [str(name) for name in table.columns[2:]])
        axes.xaxis.tick_top()
        axes.set_yticks(np.arange(len(failures)) + 0.48, [f"{row[0]}\n{row[1]}" for row in table.rows])
        axes.tick_params(length=0, labelcolor=style.INK)
        for spine in axes.spines.values():
            spine.set_visible(False)


def draw_limit(table: Table, path: Path) -> None:
    """Error against step on logarithmic axes: lines of slope one, two, and a fall."""
    steps = [float(column.split()[1]) for column in table.columns[1:-1]]
    with style.drawing(path, size=(5.6, 3.8), title="The integral as the limit of its sums") as figure:
        axes = figure.subplots()
        for row, colour, marker in zip(table.rows, style.COLOURS, style.MARKERS, strict=False):
            errors = [max(float(cell), 1e-17) for cell in row[1:-1]]
            axes.loglog(steps, errors, color=colour, marker=marker, label=f"{row[0]}, order {float(row[-1]):.1f}")
        axes.set(xlabel="step h", ylabel="largest error", xticks=steps)
        axes.set_xticks(steps, [f"{step:g}" for step in steps])
        axes.minorticks_off()
        axes.grid(axis="y")
        axes.legend(loc="center left", bbox_to_anchor=(0.02, 0.4))


def draw_worked_examples(examples: tuple[Example, ...], path: Path) -> None:
    """The matrices of the worked examples, all cells of one size."""
    valid, same, largest, mean = (example.computed for example in examples[:4])
    with style.drawing(path, size=(11, 6.2), title="Worked examples, computed") as figure:
        axes = figure.subplots()
        style.matrix(axes, BOWL, (0, 0), title="input", limit=25)
        style.matrix(axes, SHARPENING, (7, 0), title="kernel", limit=8)
        style.matrix(axes, valid, (11, 0), title="valid", limit=25)
        style.matrix(axes, same, (16, 0), title="same, zeros outside", limit=25)
        style.matrix(axes, TO_POOL, (0, 7.6), title="input", limit=14)
        style.matrix(axes, largest, (5, 7.6), title="max 2 × 2", limit=14)
        style.matrix(axes, mean, (8, 7.6), title="average 2 × 2", limit=14)
        lines = [f"{item.name}  →  {' × '.join(str(size) for size in item.computed)}" for item in examples[4:]]
        axes.text(11.5, 9.6, "\n\n".join(lines), va="center", fontsize=9.5)
        axes.set(xlim=(-0.1, 22.1), ylim=(11.8, -0.9), aspect="equal")
        style.plain(axes)


def draw_depth(result: DepthResult, path: Path) -> None:
    """R^2 by depth with the spread over seeds, and one test image with its target and two predictions."""
    depths = sorted(result.filters)
    with style.drawing(path, size=(11.4, 4.6), title="The same stack with and without its nonlinearities") as figure:
        panels = figure.subplot_mosaic("AAIT\nAANR", width_ratios=[1.3, 1.3, 0.9, 0.9])
        axes = panels["A"]
        axes.plot(
            depths, [result.filters[d] for d in depths], color=style.SLATE, linestyle="--", label="best linear filter"
        )
        for name, colour, marker in zip(NONLINEARITIES, style.COLOURS, style.MARKERS, strict=False):
            scores = [scores_of(result, name, depth) for depth in depths]
            axes.plot(depths, [np.mean(each) for each in scores], color=colour, marker=marker, label=f"stack, {name}")
            axes.fill_between(
                depths, [min(s) for s in scores], [max(s) for s in scores], color=colour, alpha=0.15, lw=0
            )
        axes.set(xlabel="convolutions of 3 × 3", ylabel="R² on images not trained on", xticks=depths, ylim=(0, 1))
        axes.grid(axis="y")
        axes.legend(loc="center right")
        target = result.example["target"]
        top = float(np.quantile(target, 0.99))
        for key, name, title in (("I", "image", "image"), ("T", "target", "its steepness")):
            cut = (target.shape[0] - result.example["none"].shape[0]) // 2
            shown_image = result.example[name][cut:-cut, cut:-cut]
            limits = {"cmap": "gray"} if name == "image" else {"cmap": style.SIZES, "vmin": 0, "vmax": top}
            panels[key].imshow(shown_image, **limits)
            panels[key].set_title(title)
        for key, name, title in (("N", "none", "linear stack"), ("R", "ReLU", "with ReLU")):
            panels[key].imshow(result.example[name], cmap=style.SIZES, vmin=0, vmax=top)
            panels[key].set_title(title)
        for key in "ITNR":
            style.plain(panels[key])


def draw_sharing(costs: Table, field: Table, path: Path) -> None:
    """Weights and multiply-adds on a logarithmic axis, and the growth of the field with depth."""
    first = [row for row in costs.rows if row[0] == costs.rows[4][0]]
    with style.drawing(path, size=(10.4, 3.9)) as figure:
        bars, lines = figure.subplots(1, 2, width_ratios=[1.25, 1])
        places = np.arange(len(first))
        for offset, column, colour, name in (
            (-0.19, 2, style.BLUE, "weights"),
            (0.19, 3, style.ORANGE, "multiply-adds"),
        ):
            values = [int(row[column]) for row in first]
            bars.barh(places + offset, values, height=0.36, color=colour, label=name, left=1)
            for place, value in zip(places, values, strict=True):
                bars.text(value * 1.25, place + offset, shown(value), va="center", fontsize=7.5, color=style.SOFT)
        bars.set(xscale="log", xlim=(100, 1e12), title=f"One layer: {first[0][0]}".replace("^2", "²"))
        bars.set_yticks(places, [str(row[1]) for row in first])
        bars.invert_yaxis()
        bars.legend(loc="lower right")
        for column, (name, colour, marker) in enumerate(
            zip(field.columns[1:], style.COLOURS, style.MARKERS, strict=False)
        ):
            sizes = [int(row[column + 1]) for row in field.rows]
            lines.semilogy(
                [row[0] for row in field.rows],
                sizes,
                color=colour,
                marker=marker,
                label=name.replace(" x ", " × "),
                base=2,
            )
        lines.set(title="How far one output sees", xlabel="layers", ylabel="samples along an axis")
        lines.set_yticks(ticks := [4, 8, 16, 32, 64, 128, 256, 512], [str(tick) for tick in ticks])
        lines.grid(axis="y")
        lines.legend(loc="upper left")


def draw_pooling(results: tuple[Shifted, ...], path: Path) -> None:
    """Both failures over the shifts, for strides of two above and of four below."""
    rows = ((2, "Windows and strides of 2"), (4, "Windows and strides of 4"))
    title = "Pooling gives up equivariance for invariance and computation"
    with style.drawing(path, size=(10.4, 6.2), title=title) as figure:
        grid = figure.subplots(2, 2, sharex=True, sharey=True)
        for (stride, name), (left, right) in zip(rows, grid, strict=True):
            chosen = [item for item in results if item.pooling.stride in (0, 1, stride)]
            for item, colour, marker in zip(chosen, (style.INK, *style.COLOURS), ("", *style.MARKERS), strict=False):
                look = {"color": colour, "marker": marker, "label": item.pooling.name}
                left.plot(SHIFTS, item.equivariance, **look)
                right.plot(SHIFTS, item.change, **look)
            left.set(title=f"{name}: not equivariant", ylabel="relative to the maps")
            right.set(title=f"{name}: changed (not invariant)")
            right.legend(loc="center left", bbox_to_anchor=(1, 0.5))
            for axes in (left, right):
                axes.grid(axis="y")
                axes.set_xticks(SHIFTS)
        for axes in grid[1]:
            axes.set_xlabel("shift in samples")


def draw_numbers(numbers: Numbers, path: Path) -> None:
    """The image with its patch marked, and each channel of the patch as cells with their values."""
    count = min(len(numbers.channels), 4)
    shape = " × ".join(map(str, numbers.array.shape))
    title = f"{numbers.name}: {shape} numbers (channel, y, x)"
    with style.drawing(path, size=(4.2 * (count + 1), 4.6), title=title) as figure:
        panels = figure.subplots(1, count + 1)
        whole = numbers.array.astype(float)
        low, high = np.nanmin(whole), np.nanmax(whole)
        scaled = (whole - low) / ((high - low) or 1.0)
        coloured = len(whole) in (3, 4) and numbers.channels[:3] == ("red", "green", "blue")
        panels[0].imshow(np.moveaxis(scaled[:3], 0, -1) if coloured else scaled[0], cmap="gray", vmin=0, vmax=1)
        top, left = numbers.corner
        rows, columns = numbers.patch.shape[1:]
        box = ([left, left + columns, left + columns, left, left], [top, top, top + rows, top + rows, top])
        for width, colour in ((4, "white"), (1.8, style.ORANGE)):
            panels[0].plot(np.array(box[0]) - 0.5, np.array(box[1]) - 0.5, color=colour, linewidth=width)
        panels[0].set_title("the image, and a patch of it")
        style.plain(panels[0])
        for axes, name, plane, grey in zip(
            panels[1:],
            numbers.channels,
            numbers.patch,
            scaled[:, top : top + rows, left : left + columns],
            strict=False,
        ):
            axes.imshow(grey, cmap="gray", vmin=0, vmax=1)
            for (row, column), value in np.ndenumerate(plane):
                colour = "white" if not grey[row, column] > 0.55 else style.INK
                axes.text(column, row, _short(value), ha="center", va="center", fontsize=7.5, color=colour)
            axes.set_title(name)
            style.plain(axes)


def draw_kernels(kernels: tuple[Kernel, ...], path: Path) -> None:
    """Each kernel's weights, and below them its gain by frequency, zero in the middle, with what passes."""
    with style.drawing(path, size=(1.75 * len(kernels), 4.2), title="Kernels, and the frequencies that pass") as figure:
        above, below = figure.subplots(2, len(kernels))
        for weights, gain, kernel in zip(above, below, kernels, strict=True):
            limit = float(np.abs(kernel.weights).max())
            weights.imshow(kernel.weights, cmap=style.SIGNED, vmin=-limit, vmax=limit)
            weights.set_title(kernel.name, fontsize=8.5)
            response = np.abs(np.fft.fftshift(frequency_response(kernel, 64)))
            gain.imshow(response, cmap=style.SIZES, vmin=0)
            gain.set_title(
                f"passes {passes(kernel)}".replace("passes band", "passes a band"), fontsize=8.5, fontweight="normal"
            )
            for axes in (weights, gain):
                style.plain(axes)
                axes.patch.set_visible(False)
                axes.add_patch(Rectangle((0, 0), 1, 1, transform=axes.transAxes, fill=False, edgecolor=style.RULE))


def draw_filters(filtered: Filtered, path: Path) -> None:
    """A part of the micrograph, smoothed, differentiated, sharpened."""
    shown_kernels = ("Gaussian", "Sobel", "sharpening", "Laplacian of Gaussian")
    part = (slice(64, 192), slice(64, 192))
    with style.drawing(path, size=(12.5, 3.2), title="One micrograph under four kernels") as figure:
        panels = figure.subplots(1, len(shown_kernels) + 1)
        low, high = (float(limit) for limit in np.quantile(filtered.image, (0.001, 0.999)))
        panels[0].imshow(filtered.image[part], cmap="gray", vmin=low, vmax=high)
        panels[0].set_title("image")
        by_name = {kernel.name: response for kernel, response in zip(BANK, filtered.responses, strict=True)}
        for axes, name in zip(panels[1:], shown_kernels, strict=True):
            response = by_name[name][part]
            if name in ("Gaussian", "sharpening"):
                axes.imshow(response, cmap="gray", vmin=low, vmax=high)
            else:
                limit = float(np.quantile(np.abs(response), 0.998))
                axes.imshow(response, cmap=style.SIGNED, vmin=-limit, vmax=limit)
            axes.set_title(name)
        for axes in panels:
            style.plain(axes)


def _error(value: float) -> str:
    return "exactly" if value == 0 else f"{value:.0e}" if value < HOLDS else f"{value:.2f}"


def _short(value: float) -> str:
    if float(value).is_integer() and abs(value) < 1e5:
        return f"{int(value)}".replace("-", "−")
    return f"{value:.2g}".replace("-", "−")

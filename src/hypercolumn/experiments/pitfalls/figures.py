"""The figures of the experiment. Nothing is computed here."""

from collections.abc import Mapping
from pathlib import Path

from hypercolumn.experiments import style
from hypercolumn.experiments.pitfalls import power
from hypercolumn.experiments.pitfalls.power import Share
from hypercolumn.experiments.pitfalls.trained import Trained

ENOUGH, FALSE = 0.95, 0.05


def draw_power(found: Mapping[str, Mapping[float, Share]], path: Path) -> None:
    """Four panels, one a pitfall: the share of cohorts with an alarm by the size of the flaw."""
    with style.drawing(path, size=(11.0, 3.1), title="How often each pitfall is found, by its size") as figure:
        panels = figure.subplots(1, len(power.PITFALLS), sharey=True)
        for axes, pitfall, colour in zip(panels, power.PITFALLS, style.COLOURS, strict=False):
            shares = found[pitfall.name]
            sizes = list(shares)
            values = [shares[size].value for size in sizes]
            ends = [shares[size].interval for size in sizes]
            axes.fill_between(
                sizes, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.18, linewidth=0
            )
            axes.plot(sizes, values, "o-", color=colour)
            axes.axvline(pitfall.matters, color=style.RULE, zorder=0)
            for level in (ENOUGH, FALSE):
                axes.axhline(level, color=style.SOFT, linestyle=":", linewidth=0.8)
            axes.set(xlabel=pitfall.flaw, ylim=(-0.03, 1.03))
            axes.set_title(pitfall.name, fontsize=10)
        panels[0].set_ylabel("share of cohorts with an alarm")


def draw_trained(found: Mapping[str, list[tuple[Trained, Trained]]], path: Path) -> None:
    """A row a pitfall: each planted cohort and each twin a dot, filled where the pitfall was found."""
    with style.drawing(
        path, size=(7.6, 3.2), title="From files through training: found in planted and clean"
    ) as figure:
        axes = figure.subplots()
        names = list(found)
        for row, name in enumerate(names):
            for number, pair in enumerate(found[name]):
                for side, colour in enumerate((style.ORANGE, style.BLUE)):
                    place = number + side * (len(found[name]) + 2)
                    face = colour if pair[side].found else "none"
                    axes.plot([place], [row], "o", markersize=8, color=colour, markerfacecolor=face)
        longest = max(len(pairs) for pairs in found.values())
        axes.set_yticks(range(len(names)), names)
        axes.set_xticks([(longest - 1) / 2, (longest - 1) / 2 + longest + 2], ["planted", "clean twins"])
        axes.set(ylim=(len(names) - 0.5, -0.5), xlabel="filled: the pitfall was found")

"""What convolution is, which laws it keeps, what depth, sharing and pooling add: measured, drawn, and filmed.

`hypercolumn experiment convolution` writes below one folder: a CSV a table and all of them in `results.json`, a PNG a
figure, a GIF a film, and an MP4 beside it where an encoder is there.
"""

from dataclasses import dataclass, field
from pathlib import Path

from hypercolumn.experiments.convolution import figures, films
from hypercolumn.experiments.convolution.depth import Effort, depth_table, measure_depth
from hypercolumn.experiments.convolution.filters import BANK, filter_micrograph, filters_table
from hypercolumn.experiments.convolution.laws import measure_laws, measure_limit
from hypercolumn.experiments.convolution.numbers import image_as_numbers, numbers_table
from hypercolumn.experiments.convolution.pooling import measure_pooling, pooling_table
from hypercolumn.experiments.convolution.sharing import field_table, matrix_table, sharing_table
from hypercolumn.experiments.convolution.worked_examples import examples_table, worked_examples
from hypercolumn.experiments.film import write_film
from hypercolumn.experiments.outcome import Outcome, Table, new_folder, write_tables
from hypercolumn.study.progress import Silent, Watcher


@dataclass(frozen=True)
class Scale:
    """How large the experiment is: how much is trained, how many micrographs are shifted, how long a film is."""

    effort: Effort = field(default_factory=Effort)
    images: int = 4
    film_every: int = 10


def run(
    folder: Path,
    *,
    seed: int = 0,
    image: Path | None = None,
    scale: Scale | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Measure everything into a new folder; `image` is a file to show as numbers, by default a simulated section.

    Raises UsageError where the folder holds files, and what `read_image` raises for an image that it cannot read.
    """
    scale, watcher = scale or Scale(), watcher or Silent()
    numbers = image_as_numbers(image, seed=seed)
    folder = new_folder(folder)
    drawn: list[str] = []

    def place(name: str) -> Path:
        drawn.append(name)
        return folder / name

    watcher.stage("laws, limits and worked examples")
    laws, instead = measure_laws(seed=seed)
    limit, examples = measure_limit(), worked_examples()
    figures.draw_laws(laws, place("laws.png"))
    figures.draw_limit(limit, place("limit.png"))
    figures.draw_worked_examples(examples, place("worked-examples.png"))

    watcher.stage("kernels: what passes, and what they do to a micrograph")
    filtered = filter_micrograph(seed=seed)
    figures.draw_kernels(BANK, place("kernels.png"))
    figures.draw_filters(filtered, place("filters.png"))

    watcher.stage("depth: small stacks are trained")
    deep = measure_depth(seed=seed, effort=scale.effort)
    figures.draw_depth(deep, place("depth.png"))

    watcher.stage("sharing of weights, and how far an output sees")
    costs, reach = sharing_table(), field_table()
    figures.draw_sharing(costs, reach, place("sharing.png"))

    watcher.stage("pooling over shifts")
    pooled = measure_pooling(seed=seed, images=scale.images)
    figures.draw_pooling(pooled, place("pooling.png"))
    figures.draw_numbers(numbers, place("numbers.png"))

    tables: tuple[Table, ...] = (
        laws,
        instead,
        limit,
        examples_table(examples),
        filters_table(filtered, seed=seed),
        depth_table(deep),
        costs,
        matrix_table(),
        reach,
        pooling_table(pooled),
        numbers_table(numbers),
    )
    write_tables(tables, folder, seed=seed)

    watcher.stage("films")
    for name, frames in (
        ("film-1d", films.film_in_one_dimension()),
        ("film-2d", films.film_in_two_dimensions()),
        ("film-image", films.film_over_an_image(seed=seed, every=scale.film_every)),
    ):
        drawn += write_film(tuple(frames), folder / name)
    then = "hypercolumn experiment convolution --image YOURS.png -o another/"
    return Outcome(folder, tables, tuple(drawn), then)


__all__ = ["Scale", "run"]

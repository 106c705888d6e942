"""What each published ingredient of U-Net is worth, and how few annotated fields do: trained, measured, drawn.

`hypercolumn experiment unet` writes below one folder: a CSV a table and both in `results.json`, a PNG a figure. Three
seeds of ten networks each are trained: it takes its time on two cores.
"""

from pathlib import Path

from hypercolumn.experiments.outcome import Outcome, new_folder, refuse_image, write_tables
from hypercolumn.experiments.unet import figures
from hypercolumn.experiments.unet.ingredients import Effort, images_table, ingredients_table, measure_ingredients
from hypercolumn.study.progress import Silent, Watcher


def run(
    folder: Path,
    *,
    seed: int = 0,
    image: Path | None = None,
    effort: Effort | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Measure everything into a new folder. Raises UsageError where the folder holds files, or an image is given."""
    refuse_image(image, instead="a study of your own images: hypercolumn init DATA, then train")
    folder = new_folder(folder)
    found = measure_ingredients(seed=seed, effort=effort or Effort(), watcher=watcher or Silent())
    figures.draw_ingredients(found, folder / "ingredients.png")
    figures.draw_images(found, folder / "images.png")
    figures.draw_maps(found, folder / "maps.png")
    tables = (ingredients_table(found), images_table(found))
    write_tables(tables, folder, seed=seed)
    then = "hypercolumn init DATA"
    return Outcome(folder, tables, ("ingredients.png", "images.png", "maps.png"), then)

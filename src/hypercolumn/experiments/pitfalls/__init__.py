"""The four pitfalls, planted with a known size and looked for: in tables, in signals, volumes and sequences from files
through the check, and in images from files through training.

`hypercolumn experiment pitfalls` writes below one folder: a CSV a table and both in `results.json`, a PNG a figure, and
each cohort that was trained with its run and report, planted and clean side by side. Cohorts that are only checked are
not kept. It takes an hour on two cores.
"""

from dataclasses import dataclass, field
from pathlib import Path

from hypercolumn.experiments.outcome import Outcome, new_folder, refuse_image, write_tables
from hypercolumn.experiments.pitfalls import figures
from hypercolumn.experiments.pitfalls.checked import checked_table, measure_checked
from hypercolumn.experiments.pitfalls.power import measure_power, power_table
from hypercolumn.experiments.pitfalls.trained import CASES, Scale, train_case, trained_table
from hypercolumn.study.progress import Silent, Watcher


@dataclass(frozen=True)
class Effort:
    """How many planted tables a pitfall and size, how many cohorts a flaw of other data go through the check and of how
    many patients or sequences, and how many cohorts a pitfall go through training.
    """

    cohorts: int = 100
    checked: int = 12
    patients: int = 100
    trained: int = 12
    scale: Scale = field(default_factory=Scale)


def run(
    folder: Path,
    *,
    seed: int = 0,
    image: Path | None = None,
    effort: Effort | None = None,
    watcher: Watcher | None = None,
) -> Outcome:
    """Measure everything into a new folder. Raises UsageError where the folder holds files, or an image is given."""
    refuse_image(image, instead="a study of your own: hypercolumn audit RUN")
    effort, watcher = effort or Effort(), watcher or Silent()
    folder = new_folder(folder)
    power = measure_power(seed=seed, cohorts=effort.cohorts, watcher=watcher)
    figures.draw_power(power, folder / "power.png")
    write_tables((power_table(power),), folder, seed=seed)
    checked = checked_table(
        measure_checked(seed=seed, cohorts=effort.checked, patients=effort.patients, watcher=watcher)
    )
    write_tables((power_table(power), checked), folder, seed=seed)
    trained = {}
    for case in CASES:
        trained[case.pitfall] = [
            (
                train_case(
                    folder / f"{case.pitfall}-{number:02d}-planted", case, planted=True, seed=seed + number,
                    scale=effort.scale, watcher=watcher,
                ),
                train_case(
                    folder / f"{case.pitfall}-{number:02d}-clean", case, planted=False, seed=seed + number,
                    scale=effort.scale, watcher=watcher,
                ),
            )
            for number in range(effort.trained)
        ]  # fmt: skip
    figures.draw_trained(trained, folder / "trained.png")
    tables = (power_table(power), checked, trained_table(trained))
    write_tables(tables, folder, seed=seed)
    return Outcome(folder, tables, ("power.png", "trained.png"), "hypercolumn audit RUN --fail-on leakage,site")

"""How fast the command line answers before anything heavy is needed."""

import statistics
import subprocess
import sys
import time

from benchmarks.harness import Measured, bar

RUNS = 9


def seconds(arguments: list[str]) -> float:
    """The median time of a whole process."""
    found = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "hypercolumn", *arguments], check=True, capture_output=True)
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


@bar("--help of the command line", unit="seconds, median of 9 processes", at_most=0.3)
def help_time() -> Measured:
    interpreter = []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        interpreter.append(time.perf_counter() - begun)
    return Measured(seconds(["--help"]), {"the interpreter alone": round(statistics.median(interpreter), 3)})


@bar("modules of torch that --help imports", unit="modules", at_most=0)
def torch_modules() -> Measured:
    code = "import sys, hypercolumn.cli; print(sum(name.split('.')[0] == 'torch' for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return Measured(int(done.stdout))

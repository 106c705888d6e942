"""Other people's packages, each installed in an environment of its own, so that none of them meets ours.

    peer("monai", "monai>=1.5,<2") -> Path of a Python that can import it

An environment is made once, under `.peers/` of the repository, and used again. The two sides of a comparison run in
processes of their own and give their figures back as JSON (`ask`), so that neither pays for what the other has loaded.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HOME = Path(__file__).parents[1] / ".peers"
TORCH = "torch>=2.13,<2.14"


def peer(name: str, *packages: str, torch: bool = True) -> Path:
    """The Python of an environment that holds these packages, made where there is none yet."""
    folder = HOME / name
    python, done = folder / "bin" / "python", folder / "installed"
    wanted = "\n".join(packages)
    if not done.exists() or done.read_text("utf-8") != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *([TORCH] if torch else []), *packages], check=True)
        done.write_text(wanted, "utf-8")
    return python


def ask(python: Path, code: str, arguments: Sequence[object] = ()) -> dict[str, Any]:
    """Run code in that environment; what it prints last is JSON. Its arguments stand in `sys.argv[1:]`."""
    command = [str(python), "-c", code, *map(str, arguments)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise RuntimeError(f"{python.parents[1].name} failed: {answer.stderr.strip().splitlines()[-1:]}")
    return json.loads(answer.stdout.strip().splitlines()[-1])

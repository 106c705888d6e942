"""`python -m benchmarks ROOM|all [--only TEXT]`: measure bars, write the results; exit 1 where one is missed."""

import argparse
import sys

from benchmarks import harness


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure the bars of one room, or of all."
    )
    parser.add_argument("room", choices=[*harness.rooms(), "all"])
    parser.add_argument("--only", default="", metavar="TEXT", help="only the bars whose name contains TEXT")
    chosen = parser.parse_args(arguments)
    rows = []
    for room in harness.rooms() if chosen.room == "all" else (chosen.room,):
        rows += harness.run_room(room, only=chosen.only)
    harness.write_readme()
    print(harness.table(rows))
    if not rows:
        print(f"no bar's name contains {chosen.only!r}", file=sys.stderr)
        return 2
    return 0 if all(row["reached"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())

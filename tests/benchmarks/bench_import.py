"""What ``import progress_kit`` costs beside ``import tqdm``: time and modules, each in fresh processes, in turns."""

import argparse
import json
import statistics
import subprocess
import sys

STATEMENTS = {
    "import progress_kit": "import progress_kit",
    "import tqdm": "import tqdm",
    "import tqdm.auto": "import tqdm.auto",
    "from progress_kit import track": "from progress_kit import track",
    "first tracked loop": "import progress_kit as pk; list(pk.track([1, 2, 3]))",
    "first tqdm loop": "import io, tqdm; list(tqdm.tqdm([1, 2, 3], file=io.StringIO()))",
}
PROGRAM = """
import sys, time
before = set(sys.modules)
began = time.perf_counter()
{statement}
passed = time.perf_counter() - began
print(passed, len(set(sys.modules) - before))
"""


def measure(statement: str) -> tuple[float, int]:
    """Return the milliseconds that `statement` takes in a new interpreter, and how many modules it loads."""
    program = PROGRAM.format(statement=statement)
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    seconds, modules = output.split()
    return float(seconds) * 1_000, int(modules)


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true", help="print figures only")
    options = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    modules: dict[str, int] = {}
    for _ in range(options.rounds):
        for name, statement in STATEMENTS.items():
            milliseconds, modules[name] = measure(statement)
            times[name].append(milliseconds)
    figures = {name: {"ms": statistics.median(found), "modules": modules[name]} for name, found in times.items()}
    if options.json:
        print(json.dumps(figures, indent=1))
        return
    print(f"{'':32}{'ms':>10}{'modules':>10}")
    for name, figure in figures.items():
        print(f"{name:32}{figure['ms']:10.1f}{figure['modules']:10}")


if __name__ == "__main__":
    main()

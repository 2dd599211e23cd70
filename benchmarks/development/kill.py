"""What do killed runs leave? Runs are killed (SIGKILL) again and again, and resumed to their end.

    python benchmarks/development/kill.py --kills 500 --seed 1 --runs pieces simulation fit

A run is killed before a random one of its file operations, between which nothing changes that
stays; then it is resumed, and killed again, until it is finished. Its result must be that of a run
that was never killed, nothing of fermiml's own may be left behind, and no foreign file may be lost.
"""

import argparse
import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine
from makers import killed, runs


def makers(folder):
    """The runs by name; some need inputs in a folder."""
    return {
        "pieces": runs.pieces,
        "simulation": runs.simulation,
        "fields": runs.stored_fields,
        "fit": runs.fit,
        "lightcurve": lambda: runs.lightcurve(folder),
        "transients": lambda: runs.transients(folder),
        "training": lambda: runs.training(folder),
    }


def chain(run, folder, random, expected):
    """Kill and resume one run; how often it was killed, and what is wrong then."""
    folder.mkdir()
    kills = killed.finish(run, folder, random)
    killed.add_foreign(folder)
    killed.run(lambda: run.work(folder), folder)  # once more, on what is finished
    return kills, killed.problems(folder, expected, run.content)


def main():
    """Kill every kind of run until there were enough."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of each kind of run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--runs",
        nargs="*",
        default=["pieces", "simulation", "fields"],
        help="also fit, lightcurve, transients, training",
    )
    options = parser.parse_args()
    logging.getLogger("fermiml").setLevel(logging.ERROR)
    print(machine(options.seed), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name in options.runs:
            (inputs := folder / f"{name}-inputs").mkdir()
            known = makers(inputs)
            report(name, kill(known[name](), folder / name, options))


def kill(run, folder, options):
    """Counts of kills, chains and problems of a run."""
    folder.mkdir()
    expected = killed.reference(run, folder / "whole")
    random, found = np.random.default_rng(options.seed), Counter()
    while found["kills"] < options.kills:
        kills, problems = chain(run, folder / f"{found['chains']}", random, expected)
        found.update({"kills": kills, "chains": 1, **dict.fromkeys(problems, 1)})
    return found


def report(name, found):
    """Print what was found."""
    problems = {text: n for text, n in found.items() if text not in ("kills", "chains")}
    print(f"{name}: {found['kills']} kills of {found['chains']} runs, "
          f"{problems or 'nothing lost, nothing left'}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

"""Runs that are killed and resumed, in a process of its own.

    python -m makers.killcases CASE DIR

The process is forked again and again, which is safe only as long as it has no threads; those of the
tests may have some, of TensorFlow or of BLAS.
"""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from makers import killed, runs


def main(case, folder):
    """Run a case in an empty folder; an AssertionError says what is wrong."""
    CASES[case](Path(folder))


def every_operation(folder):
    """Kill at each file operation in turn."""
    run = runs.pieces()
    expected, number, finished = killed.reference(run, folder / "whole"), 0, False
    while not finished:
        number += 1
        place = folder / str(number)
        killed.add_foreign(place)
        finished = killed.run(partial(run.work, place), place, number)
        assert killed.run(partial(run.work, place), place)
        assert killed.problems(place, expected, run.content) == []
    assert number > 30


def again_and_again(run, folder):
    """Kill at random operations until the run is finished."""
    expected, random = killed.reference(run, folder / "whole"), np.random.default_rng(4)
    place = folder / "killed"
    place.mkdir()
    assert killed.finish(run, place, random) > 0
    assert killed.problems(place, expected, run.content) == []


CASES = {
    "every operation": every_operation,
    "simulation": lambda folder: again_and_again(runs.simulation(), folder),
    "fit": lambda folder: again_and_again(runs.fit(), folder),
    "lightcurve": lambda folder: again_and_again(runs.lightcurve(folder), folder),
    "transients": lambda folder: again_and_again(runs.transients(folder), folder),
}

if __name__ == "__main__":
    main(*sys.argv[1:])

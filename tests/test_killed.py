"""A run that was killed loses nothing, leaves nothing, and is resumed to the same result."""

import numpy as np
import pytest
from makers import killed, runs


def check(run, folder, expected):
    assert killed.problems(folder, expected, run.content) == []


def reference(run, folder):
    folder.mkdir()
    killed.run(lambda: run.work(folder), folder)
    return run.content(folder)


def test_killed_at_every_file_operation_in_turn(tmp_path):
    run = runs.pieces()
    expected, number, finished = reference(run, tmp_path / "whole"), 0, False
    while not finished:
        number += 1
        folder = tmp_path / str(number)
        killed.add_foreign(folder)
        finished = killed.run(lambda folder=folder: run.work(folder), folder, number)
        assert killed.run(lambda folder=folder: run.work(folder), folder)
        check(run, folder, expected)
    assert number > 30


@pytest.mark.parametrize(
    "make", [runs.simulation, pytest.param(runs.stored_fields, marks=pytest.mark.slow),
             pytest.param(runs.fit, marks=pytest.mark.slow)]
)  # fmt: skip
def test_killed_again_and_again(make, tmp_path):
    run = make()
    expected, random = reference(run, tmp_path / "whole"), np.random.default_rng(4)
    folder = tmp_path / "killed"
    folder.mkdir()
    assert killed.finish(run, folder, random) > 0
    check(run, folder, expected)


@pytest.mark.slow
def test_a_training_that_is_killed(tmp_path):
    fields = tmp_path / "fields"
    fields.mkdir()
    run = runs.training(fields)
    expected, random = reference(run, tmp_path / "whole"), np.random.default_rng(4)
    folder = tmp_path / "killed"
    folder.mkdir()
    assert killed.finish(run, folder, random) > 0
    check(run, folder, expected)

"""A run that was killed loses nothing, leaves nothing, and is resumed to the same result."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SLOW = ("simulation", "fit", "lightcurve", "transients")


@pytest.mark.parametrize(
    "case",
    ["every operation", *(pytest.param(c, marks=pytest.mark.slow) for c in _SLOW)],
)
def test_killed_and_resumed(case, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "makers.killcases", case, str(tmp_path)], cwd=Path(__file__).parent,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]

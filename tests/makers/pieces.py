"""Tasks for the tests of executors; other processes import them from here."""

import os
import signal
import time
from pathlib import Path

from fermiml.errors import InputError


def square(number):
    return number * number


def slow_square(number):
    time.sleep(0.02 * (5 - number % 5))
    return number * number


def fraction(number):
    return 12 / number


def refused(number):
    raise InputError(f"number {number}: is not wanted")


def interrupted(number):
    if number == 2:
        raise KeyboardInterrupt
    return number


def fails_once(path):
    """Fail if there is no such file yet, and make it."""
    path = Path(path)
    if not path.exists():
        path.touch()
        raise OSError("no network drive")
    return path.name


def killed_once(path):
    """Kill this process, likewise."""
    path = Path(path)
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def surroundings(_):
    """What a worker finds around itself."""
    from threadpoolctl import threadpool_info

    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    own = os.environ.get("PFILES", "").partition(";")
    return {"jobs": os.environ.get("FERMIML_JOBS"), "blas": max(blas, default=1),
            "own": own[0], "there": os.path.isdir(own[0]), "system": own[2]}  # fmt: skip

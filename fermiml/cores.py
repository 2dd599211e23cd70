"""How many cores this process may use."""

import math
import os
from pathlib import Path

from fermiml.errors import InputError

_CGROUP = Path("/sys/fs/cgroup/cpu.max")
_SETTING = "FERMIML_JOBS"


def usable_cores():
    """Return the number of cores that this process may use, or the value of FERMIML_JOBS.

    The scheduler's mask and the limit of a container, which batch systems set for a job, take
    precedence over the cores of the machine.
    """
    return wanted_jobs() or min(len(_mask()), _limit_of_container())


def wanted_jobs():
    """Return the number in FERMIML_JOBS, or None."""
    wanted = os.environ.get(_SETTING)
    if not wanted:
        return None
    if not wanted.isdecimal() or int(wanted) < 1:
        raise InputError(f"{_SETTING}={wanted}: give a number of cores, 1 or more")
    return int(wanted)


def bound_tensorflow():
    """Let TensorFlow compute in as many threads as there are usable cores.

    It reads these variables when it starts; one that has started, or another backend of Keras,
    takes no notice. What the user has set stays.
    """
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(usable_cores()))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")  # a network is one chain of operations


def _mask():
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return range(os.cpu_count() or 1)


def _limit_of_container():
    """Cores that the cgroup's quota is worth, rounded up; infinite without one."""
    try:
        quota, period = _CGROUP.read_text().split()
        return max(1, math.ceil(int(quota) / int(period)))
    except (OSError, ValueError):  # "max", or no cgroup
        return math.inf

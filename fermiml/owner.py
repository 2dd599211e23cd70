"""Who works on a file or folder, and whether that process is gone."""

import getpass
import json
import os
import platform
import re
import time
import zlib
from pathlib import Path

_TAG = re.compile(r"\.([0-9a-f]{8})-([0-9]{1,9})-([0-9]{1,18})\.")
_SILENCE = 3600.0  # s without a sign of life after which a process of another host is given up
_WRITTEN = 10.0  # s within which a process writes its name into the file that it has made


def write(path, **more):
    """Write a file that names this process; raise FileExistsError if there is one already."""
    # In one go, so that no other process reads a part of it; O_EXCL, so that one of two wins.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    try:
        os.write(descriptor, json.dumps({**_this_process(), **more}).encode())
    finally:
        os.close(descriptor)


def read(path):
    """Read the owner that a file names; return {} if the file exists but names none."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def tag():
    """Return text for a file name that identifies the process that made the file."""
    mine = _this_process()
    return f"{_host_number():08x}-{mine['pid']}-{mine['started']}"


def from_tag(name):
    """Return the owner whose tag a name holds, or {}."""
    found = _TAG.search(name)
    if found is None:
        return {}
    is_here = int(found[1], 16) == _host_number()
    host = platform.node() if is_here else f"host {found[1]}"
    return {"host": host, "pid": int(found[2]), "started": int(found[3])}


def is_gone(owner, path):
    """Return whether the process that wrote `path` has ended, or has been silent for long."""
    if not owner and Path(path).is_file():
        return silence(path) > _WRITTEN
    if owner.get("host") != platform.node() or not isinstance(owner.get("pid"), int):
        return silence(path) > _SILENCE
    return owner.get("started") != _started(owner["pid"])


def is_mine(owner):
    """Return whether an owner is this process."""
    mine = _this_process()
    return all(owner.get(key) == mine[key] for key in ("host", "pid", "started"))


def silence(path):
    """Return the seconds since the owner last touched a file."""
    return time.time() - os.stat(path).st_mtime


def describe(owner):
    """Describe an owner in words."""
    if not owner:
        return "unknown owner"
    return "process {} of {} on {}, since {}".format(
        *(owner.get(key, "?") for key in ("pid", "user", "host", "since"))
    )


def _host_number():
    return zlib.crc32(platform.node().encode())


def _this_process():
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without names of users
        user = str(os.getuid())
    return {
        "pid": os.getpid(),
        "user": user,
        "host": platform.node(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "started": _started(os.getpid()),
    }


def _started(pid):
    """Return when a process began, in clock ticks of the system; None if there is none.

    Process numbers are reused, above all after a restart. Where /proc does not exist, 0 stands
    for any time.
    """
    try:
        os.kill(pid, 0)
    except PermissionError:
        pass
    except (OSError, OverflowError):
        return None
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0

"""Packages that offer parts: the example in tests/plugin, and broken ones."""

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from fermiml import registry
from fermiml.detect.finder import FINDERS
from fermiml.likelihood.base import ENGINES
from fermiml.localize import LOCALIZERS
from fermiml.networks import ARCHITECTURES

SOURCE = Path(__file__).parents[1] / "plugin"


def install(folder):
    """Install the example, offline, into a folder."""
    shutil.copytree(SOURCE, folder / "source")  # where the build leaves its own files
    options = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps",
               "--no-build-isolation")  # fmt: skip
    command = [sys.executable, "-m", "pip", "install", *options, "--target", folder / "installed"]
    subprocess.run([*command, folder / "source"], check=True)
    return folder / "installed"


def write(folder, package, source, **offers):
    """Write a package of one module, as if it had been installed.

    `offers`: name of a group of entry points -> {name of a part: attribute of the module}.
    """
    module = package.replace("-", "_")
    folder.mkdir(exist_ok=True)
    (folder / f"{module}.py").write_text(source, encoding="utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = []
    for group, parts in offers.items():
        lines += [f"[fermiml.{group}]", *(f"{part} = {module}{at}" for part, at in parts.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


@contextmanager
def on_path(*folders):
    """Packages in these folders can be imported, and fermiml looks for parts anew."""
    before, modules = list(sys.path), set(sys.modules)
    sys.path[:0] = map(str, folders)
    _forget()
    try:
        yield
    finally:
        sys.path[:] = before
        _forget()
        for name in set(sys.modules) - modules:
            if any(str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder))
                   for folder in folders):  # fmt: skip
                del sys.modules[name]


def _forget():
    registry._warn_once.cache_clear()
    for known in (FINDERS, LOCALIZERS, ARCHITECTURES, ENGINES):
        vars(known).pop("_others", None)

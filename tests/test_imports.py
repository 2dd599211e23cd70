"""The picture in the folders is true: imports go one way, and none runs in a circle."""

import ast
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fermiml"
# A module imports from its own folder and from those before it; docs/architecture.md says why.
ORDER = (
    "errors", "wording", "owner", "files", "checkpoint", "checksums", "notebook", "schema",
    "fitsfile", "yamlfile", "measured_numbers", "fitsmaps", "progress", "prefetch", "registry",
    "moved", "cores",
    "workers", "cluster", "executors", "tasks",
    "response", "sky", "catalog", "model",
    "features", "networks", "localize", "photometry", "extended", "detect",
    "likelihood", "time", "traditional", "compare",
    "simulate", "plot", "evaluate", "train", "inject", "report", "fermipy", "demo", "cli",
    "__main__",
)  # fmt: skip


# Objects that users hold offer what later rooms do with them.
FACADES = {
    "fermiml.sky.cube": {"fermiml.likelihood.datasets"},
    "fermiml.catalog.catalog": {"fermiml.plot.sky"},
    "fermiml.time.light_curve": {"fermiml.plot.light_curves"},
    "fermiml.time.transients": {"fermiml.plot.flare_figure"},
}


def _modules():
    """Dotted name of every module, and its file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(_modules())


def _imports(path, lazy=True):
    """Modules of the package that a file imports, also inside functions if `lazy`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if lazy else tree.body
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fermiml":
            for name in node.names:
                full = f"{node.module}.{name.name}"
                yield full if full in MODULES else node.module
        elif isinstance(node, ast.Import):
            yield from (n.name for n in node.names if n.name in MODULES)


def _room(module):
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", [m for m in MODULES if _room(m)])
def test_imports_go_one_way(module):
    """From later rooms to earlier ones; the top of the package is a facade of all of them."""
    place = ORDER.index(_room(module))
    wrong = [other for other in _imports(MODULES[module])
             if _room(other) and ORDER.index(_room(other)) > place
             and other not in FACADES.get(module, ())]  # fmt: skip
    assert not wrong


def test_every_room_has_its_place():
    assert {_room(m) for m in MODULES if _room(m)} == set(ORDER)


def test_no_import_runs_in_a_circle():
    """Also lazily, but for the facades: `SkyCube` offers what makes and divides cubes, too."""
    graph = {module: set(_imports(path)) - {module} for module, path in MODULES.items()}
    graph["fermiml"] = set()
    graph |= {module: set(_imports(MODULES[module], lazy=False)) for module in FACADES}
    while True:
        leaves = {module for module, others in graph.items() if not others & graph.keys()}
        if not leaves:
            break
        graph = {module: others for module, others in graph.items() if module not in leaves}
    assert not graph


def test_a_file_name_is_used_once():
    """A name says where one is; the commands are named after what they call."""
    names = Counter(path.name for module, path in MODULES.items() if _room(module) != "cli")
    del names["__init__.py"]
    assert [name for name, count in names.items() if count > 1] == []


def test_a_class_name_is_used_once():
    """A name says what it is; one that stands twice makes the reader guess."""
    classes = Counter(
        node.name
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in classes.items() if count > 1] == []

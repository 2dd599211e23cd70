"""The package as it is installed."""

import configparser
import importlib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

import fermiml
from fermiml import moved

ROOT = Path(__file__).parents[1]


def test_every_package_is_listed_in_setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "fermiml").rglob("__init__.py")
    }
    for folder in ("config", "data"):
        found |= {
            ".".join(("fermiml", *path.parent.relative_to(ROOT).parts))
            for path in (ROOT / folder).rglob("__init__.py")
        }
    assert listed == found


def test_every_data_file_is_installed():
    """No file beside the code is forgotten by the patterns of setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]
    for name in ("data", "data.diffuse", "data.irfs", "config", "config.architectures"):
        found = [path for path in ROOT.joinpath(*name.split(".")).iterdir() if path.is_file()]
        wanted = patterns[f"fermiml.{name}"].replace(",", " ").split()
        assert [path.name for path in found if path.suffix != ".py"
                and not any(path.match(pattern) for pattern in wanted)] == []  # fmt: skip
    report = ROOT / "fermiml" / "report"
    wanted = patterns["fermiml.report"].replace(",", " ").split()
    assert {path for pattern in wanted for path in report.glob(pattern)} == {
        path for path in report.rglob("*.*") if path.suffix not in (".py", ".pyc")
    }


def test_top_level_names_load_on_demand():
    for name in fermiml.__all__:
        assert getattr(fermiml, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fermiml.nothing


@pytest.mark.parametrize("name", moved.MODULES)
def test_old_names_work_and_warn(name):
    with pytest.warns(DeprecationWarning, match=f"{name} is {moved.MODULES[name]} now"):
        old = importlib.reload(importlib.import_module(name))
    new = importlib.import_module(moved.MODULES[name])
    public = next(key for key in vars(new) if not key.startswith("_"))
    assert getattr(old, public) is getattr(new, public)


def test_renamed_attributes_have_their_old_names():
    for (module, old), new in moved.ATTRIBUTES.items():
        former = next(name for name, now in moved.MODULES.items() if now == module)
        expected = getattr(importlib.import_module(module), new)
        assert getattr(importlib.import_module(former), old) is expected


def test_renamed_attributes_of_modules_that_stayed():
    from fermiml.likelihood import background

    with pytest.warns(DeprecationWarning, match="background.Given is GivenBackground now"):
        assert background.Given is background.GivenBackground
    with pytest.raises(AttributeError, match="no attribute 'Taken'"):
        _ = background.Taken


def test_the_hooks_run_a_ruff_that_the_tests_accept():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    version = next(hook["rev"] for hook in hooks if hook["repo"].endswith("ruff-pre-commit"))
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = (Requirement(line) for line in config["options.extras_require"]["test"].split())
    assert next(r for r in wanted if r.name == "ruff").specifier.contains(version.removeprefix("v"))


def test_the_map_of_the_package_is_complete():
    """docs/architecture.md names every module; the commands and figures are folders there."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    modules = [path for path in (ROOT / "fermiml").rglob("*.py") if path.name != "__init__.py"]
    rooms = [path for path in modules if path.parent.name not in ("cli", "plot")]
    assert [path.name for path in rooms if f"`{path.name}`" not in text] == []


@pytest.mark.parametrize(
    ("system", "machine", "expected"),
    [
        ("Linux", "x86_64", "tensorflow-cpu"),
        ("Linux", "aarch64", "tensorflow"),
        ("Darwin", "arm64", "tensorflow"),
        ("Windows", "AMD64", "tensorflow"),
    ],
)
def test_every_platform_gets_one_tensorflow(system, machine, expected):
    """Both builds write the same files: one must never come on top of the other."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].strip().splitlines()
    platform = {"platform_system": system, "platform_machine": machine}
    wanted = [r for r in map(Requirement, lines) if r.name.startswith("tensorflow")]
    assert [r.name for r in wanted if r.marker.evaluate(platform)] == [expected]


def test_the_constraints_hold_what_setup_cfg_asks_for():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    asked = {
        r.name: r.specifier
        for r in map(Requirement, config["options"]["install_requires"].strip().splitlines())
    }
    text = (ROOT / "config" / "constraints-fermitools.txt").read_text(encoding="utf-8")
    held = [Requirement(line) for line in text.splitlines() if not line.startswith("#")]
    pinned = [(r.name, s.version) for r in held for s in r.specifier if s.operator == "=="]
    assert {"tensorflow", "tensorflow-cpu"} <= {name for name, _ in pinned}
    wrong = [name for name, version in pinned if name in asked and version not in asked[name]]
    assert not wrong

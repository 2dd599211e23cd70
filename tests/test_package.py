"""The package as it is installed."""

import configparser
from pathlib import Path

import pytest

import fermiml

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


def test_top_level_names_load_on_demand():
    for name in fermiml.__all__:
        assert getattr(fermiml, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = fermiml.nothing

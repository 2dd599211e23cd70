"""Parts by name: fermiml's own, those of other packages, and what is wrong with some."""

import logging
import sys

import pytest
from makers import plugins

from fermiml.errors import InputError
from fermiml.registry import Registry, _warn_once

OWN = {"sqrt": "math:sqrt", "maths": "math"}


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry beside whose own parts two packages offer others."""
    plugins.write(
        tmp_path / "good", "good-parts", "def half(x): return x / 2\nnothing = None",
        tools={"half": ":half", "sqrt": ":half", "nothing": ":nothing", "reserved": ":half"},
    )  # fmt: skip
    plugins.write(
        tmp_path / "bad", "bad-parts", "raise RuntimeError('no\\nlicence')",
        tools={"broken": ":part", "half": ":part"},
    )  # fmt: skip
    for folder in ("bad", "good"):
        monkeypatch.syspath_prepend(tmp_path / folder)
    _warn_once.cache_clear()
    yield Registry("fermiml.tools", "tool", OWN, needs=["__call__"], taken=["reserved"])
    for module in ("good_parts", "bad_parts"):
        sys.modules.pop(module, None)


def test_own_parts_and_those_of_other_packages_are_loaded_by_name(registry):
    assert registry.names()[:2] == ["sqrt", "maths"]
    assert "half" in registry and "third" not in registry
    assert registry.load("sqrt")(4.0) == 2
    assert registry.load("maths").pi > 3
    assert registry.load("half")(4.0) == 2
    assert registry.origin("half") == "package good-parts"


def test_nothing_is_imported_before_it_is_asked_for(registry):
    registry.names()
    assert "good_parts" not in sys.modules and "bad_parts" not in sys.modules


def test_a_name_that_is_taken_is_ignored_with_one_warning(registry, caplog):
    for _ in range(2):
        registry.names()
    assert registry.load("sqrt")(9.0) == 3 and "reserved" not in registry
    told = [record.getMessage() for record in caplog.records]
    for name, package in (("sqrt", "good"), ("reserved", "good"), ("half", "bad")):
        text = f"package {package}-parts offers a tool {name!r}, which exists already; " \
               "it is ignored"  # fmt: skip
        assert told.count(text) == 1
    assert len(told) == 3


def test_a_broken_part_is_named_with_its_package_and_breaks_no_other(registry, caplog):
    with pytest.raises(InputError) as error:
        registry.load("broken")
    message = "tool 'broken' of package bad-parts cannot be loaded: RuntimeError: no licence"
    assert str(error.value) == message
    with pytest.raises(InputError, match="tool 'nothing' of package good-parts lacks __call__"):
        registry.load("nothing")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert {name for name, _ in registry.loadable()} == {"sqrt", "maths", "half"}
    assert [record.getMessage() for record in caplog.records].count(message) == 1


def test_an_unknown_name_is_an_error_that_lists_the_known(registry):
    with pytest.raises(InputError, match=r"unknown tool 'saw': known are sqrt, maths, .*half"):
        registry.load("saw")

"""The scripts of benchmarks/ are where the documentation says they are, and find what they need."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "benchmarks"
SHARED = ("machine.py", "arguments.py")
SCRIPTS = [path for path in sorted(FOLDER.rglob("*.py")) if path.name not in SHARED]
PAGES = [*ROOT.glob("*.md"), *FOLDER.glob("*.md"), *ROOT.glob("docs/*.md")]


def test_every_script_stands_in_the_list():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in SCRIPTS if f"`{p.relative_to(FOLDER)}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_scripts_that_a_page_names_exist(page):
    named = re.findall(r"benchmarks/[\w/]+\.py", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: str(p.relative_to(FOLDER)))
def test_what_a_script_imports_is_there(script, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(script.parent), *sys.path])  # as Python does
    spec = importlib.util.spec_from_file_location(f"benchmark_{script.stem}", script)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    spec.loader.exec_module(module)
    assert module.main

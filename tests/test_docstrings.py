"""What docs/api.md shows as a parameter is one: entries of docstrings are names, not prose."""

import ast
import inspect
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fermiml"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def _documented():
    """Name, node and docstring of whatever has a section Parameters."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                text = ast.get_docstring(node) or ""
                if "Parameters\n---" in text:
                    yield f"{path.stem}.{node.name}", node, text


def _entries(text):
    """Names of the entries of the section Parameters."""
    section = re.split(
        r"^\w[\w ]*\n-{3,}\n", text.split("Parameters\n")[1].lstrip("-\n"), flags=re.M
    )
    for line in section[0].splitlines():
        if line and not line.startswith(" "):
            yield from (name.strip() for name in line.split(" : ")[0].split(","))


def _arguments(node):
    """Names that can be given: arguments, or fields of a dataclass."""
    if isinstance(node, ast.ClassDef):
        fields = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
        made = [n for n in node.body if isinstance(n, FUNCTIONS) and n.name == "__init__"]
        return fields.union(*(_arguments(n) for n in made))
    a = node.args
    names = {arg.arg for arg in [*a.posonlyargs, *a.args, *a.kwonlyargs]}
    return names | {f"{stars}{arg.arg}" for stars, arg in (("*", a.vararg), ("**", a.kwarg)) if arg}


@pytest.mark.parametrize(
    ("node", "text"), [pytest.param(node, text, id=name) for name, node, text in _documented()]
)
def test_parameters_are_arguments(node, text):
    arguments = _arguments(node)
    prose = [name for name in _entries(text) if not re.fullmatch(r"\*{0,2}\w+", name)]
    assert not prose
    if not any(name.startswith("**") for name in arguments):  # what other functions take
        assert set(_entries(text)) <= arguments


def test_a_sentence_in_a_section_is_seen():
    text = inspect.cleandoc("""Do it.

        Parameters
        ----------
        cube : SkyCube
            Any.

        This is prose (EMIN, EMAX).

        Returns
        -------
        int
    """)
    assert list(_entries(text)) == ["cube", "This is prose (EMIN", "EMAX)."]

"""YAML files from anywhere: what is wrong is said in one short line, and takes no time."""

import time

import pytest

from fermiml.errors import InputError
from fermiml.simulate import sky_settings
from fermiml.yamlfile import read_yaml

LEVELS = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
MERGED = [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 5000, "nested with more than 50 levels"),
        ("a: " + "{a: " * 3000, "nested with more than 50 levels"),
        ("\n".join(["a0: &a0 [x]", *LEVELS]), "more than 200000 values"),
        ("\n".join(["a0: &a0 {x: 1}", *MERGED]), "more than (200000 values|50 levels)"),
        ("a: &a [*a]", "stands inside what it names"),
        ("a: !!int x", "not valid YAML"),
        ("a: 2026-02-31", "not valid YAML"),
        ("a: !!timestamp x", "not valid YAML"),
        ("a: !!bool x", "not valid YAML"),
        (f"a: {'9' * 5000}", "not valid YAML"),
        ("#" * 3_000_000, "is larger than"),
        ("? [a]\n: b", "not valid YAML"),
        ("- " * 2000, "not valid YAML|levels"),
    ],
)
def test_files_that_blow_up_are_refused(tmp_path, text, message):
    path = tmp_path / "bomb.yaml"
    path.write_text(text)
    began = time.monotonic()
    with pytest.raises(InputError, match=message) as error:
        read_yaml(path)
    assert time.monotonic() - began < 5
    assert "\n" not in str(error.value) and len(str(error.value)) < 600


def test_aliases_may_be_used(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("base: &b {x: 1}\nnext: {<<: *b, y: 2}\nagain: *b")
    assert read_yaml(path) == {"base": {"x": 1}, "next": {"x": 1, "y": 2}, "again": {"x": 1}}


@pytest.mark.parametrize("key", ["seed", "sky", "xyz", "sky: {width", "energy: {edges"])
def test_messages_show_the_beginning_of_a_large_value(tmp_path, key):
    path = tmp_path / "a.yaml"
    levels = "\n".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 3)}]" for n in range(1, 9))
    path.write_text(f"- &a0 [{', '.join(['xyz'] * 9)}]\n{levels}")
    nested = read_yaml(path)
    given = {"sky": {"nside": 4}}
    if "{" in key:
        section, inner = key.split(": {")
        given.setdefault(section, {})[inner] = nested
    else:
        given[key] = nested
    with pytest.raises(InputError) as error:
        sky_settings.check(given)
    assert len(str(error.value)) < 700


def test_an_enormous_integer(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("seed: 0x" + "f" * 20000)
    with pytest.raises(InputError, match=r"seed: .* is not a whole number"):
        sky_settings.read(path)

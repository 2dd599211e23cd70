"""The cards in the documentation are those of the networks that are shipped now."""

import importlib.util
from pathlib import Path

from fermiml.networks import pretrained

DOCS = Path(__file__).parents[2] / "docs"


def script():
    spec = importlib.util.spec_from_file_location("model_cards", DOCS / "model_cards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_cards_are_up_to_date():
    """After a change of a network: python docs/model_cards.py."""
    made = script().pages()
    for name, text in made.items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, name
    assert {f"models/{p.name}" for p in (DOCS / "models").iterdir()} | {"models.md"} == set(made)


def test_every_network_says_what_it_is_best_at():
    for name in pretrained.names():
        best = pretrained.card(name)["best_at"]
        assert best and "\n" not in best and len(best) < 90
        assert best in (DOCS / "models.md").read_text(encoding="utf-8")

"""The tables of an evaluation."""

from fermiml.evaluate import tables
from fermiml.evaluate.scores import FalseScores, MethodScores


def test_tables_of_skies_without_sources():
    results = {"empty": {"a": MethodScores(FalseScores(1, {0.5: 2.5}))}}
    assert "0.5: 2.50" in tables.markdown(results)

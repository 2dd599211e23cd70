"""The tables of an evaluation."""

from fermiml.evaluate import tables


def test_tables_of_skies_without_sources():
    results = {
        "empty": {"a": {"own fields": {"fields": 1, "false sources per 1000 deg2": {0.5: 2.5}}}}
    }
    assert "0.5: 2.50" in tables.markdown(results)

"""What a notebook shows of the objects of the interface."""

from pathlib import Path

import numpy as np
import pytest
from makers import smallskies
from makers.latfiles import write_ccube
from makers.matchedfilter import finder

from fermiml import SkyCube, SourceCatalog, SourceDetector, notebook
from fermiml.evaluate.evaluation import EvaluationResult
from fermiml.evaluate.scores import FalseScores, MethodScores


def test_texts_of_files_are_no_html():
    shown = notebook.table(["<b>"], [["<script>", 1.5]], "<i>")
    assert "<script>" not in shown and "&lt;script&gt;" in shown
    assert "<b>" not in notebook.facts("<i>", [("<b>", "<b>")])


def test_a_cube_shows_what_it_is(tmp_path):
    write_ccube(tmp_path / "ccube.fits")
    shown = SkyCube.read(tmp_path / "ccube.fits")._repr_html_()
    for fact in ("counts", "centre", "deg a pixel", "event class", "exposure"):
        assert fact in shown


def test_a_catalog_shows_ten_columns_and_its_first_rows():
    number = 40
    catalog = SourceCatalog.from_table({
        "RAJ2000": np.linspace(10, 20, number), "DEJ2000": np.full(number, -5.0),
        "ML_Prob": np.linspace(0.9, 0.5, number), "ML_TS": np.full(number, 31.4),
        "Flux1000": np.full(number, 2e-10), "ML_Flags": np.full(number, 5),
        "ASSOC_4FGL": ["4FGL J0040.0-0500"] * number,
    })  # fmt: skip
    shown = catalog._repr_html_()
    assert shown.count("<th>") == 10
    assert shown.count("<td>") == 10 * 30
    assert "40 sources, of which the first 30" in shown
    for text in ("31.4", "2.00", "near the edge of the data; blended", "4FGL J0040.0-0500"):
        assert text in shown
    assert "0 sources" in SourceCatalog()._repr_html_()


def test_the_release_of_a_known_catalog_is_shown():
    """It has no ML_Flags, and its own names as associations."""
    columns = {"RAJ2000": [83.6], "DEJ2000": [22.0], "Source_Name": ["4FGL J0534.5+2200"],
               "ASSOC_FGL": ["4FGL J0534.5+2200"], "ASSOC1": ["Crab"]}  # fmt: skip
    shown = SourceCatalog.from_table(columns)._repr_html_()
    assert shown.count("4FGL J0534.5+2200") == 1 and "Crab" in shown


def test_a_row_is_had_by_the_end_of_its_name():
    catalog = SourceCatalog.from_table({"RAJ2000": [10.0, 20.0], "DEJ2000": [1.0, 2.0]})
    name = str(catalog.table["Source_Name"][1])
    assert catalog[name]["RAJ2000"] == catalog[name.split()[1]]["RAJ2000"] == 20
    with pytest.raises(KeyError, match="J9999"):
        catalog["J9999"]


def test_a_detector_and_scores():
    shown = SourceDetector(finder(), threshold=0.5)._repr_html_()
    assert "least ML_Prob" in shown and "0.5" in shown
    scores = {"empty": {"mine": MethodScores(FalseScores(1, {0.5: 2.5}))}}
    result = EvaluationResult(scores, Path())
    assert repr(result) == "<EvaluationResult: mine on empty>"
    assert "Completeness" in result._repr_html_()
    assert len(result.table) == 0 and "completeness" in result.table.colnames


def test_what_users_hold_can_be_drawn_and_handed_to_gammapy():
    cube, catalog = smallskies.cube(smallskies.four()), smallskies.seeds(smallskies.four())
    assert len(catalog.plot(cube, names=True).texts) == len(catalog)
    (dataset,) = cube.to_gammapy()
    assert dataset.counts.data.sum() == pytest.approx(cube.total_counts)
    assert dataset.npred_background().data.sum() > 0

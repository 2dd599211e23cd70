"""Truth tables."""

from xml.etree import ElementTree

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from gammapy.maps import Map
from makers.catalogs import sample

from fermiml import SkySimulator, SourceCatalog


def test_the_former_name_of_the_asimov_ts_is_read(tmp_path):
    table = sample().table
    table["TS_Oracle"] = range(len(table))
    table.write(tmp_path / "truth.fits")
    read = SourceCatalog.read(tmp_path / "truth.fits").table
    assert list(read["TS_Asimov"]) == list(range(len(table))) and "TS_Oracle" not in read.colnames


def test_irregular_sources_have_images_in_the_truth(tmp_path):
    """One that gtlike's library names, with unit integral, at the place of the source."""
    settings = {
        "seed": 2,
        "sky": {"centers": [[268, 1]], "width": 4, "projection": "TAN"},
        "energy": {"edges": [1000, 10000, 100000]},
        "population": {"spectra": "parametric", "faintest": "1e-9", "extended": 800,
                       "irregular": 1.0},
        "wrong": {"model": "none"},
    }  # fmt: skip
    (folder,) = SkySimulator(settings).run(tmp_path / "sky")
    catalog = SourceCatalog.read(folder / "truth.fits")
    assert set(catalog.extended["Model_Form"]) == {"Map"}
    assert set(catalog.extended["Spatial_Function"]) == {"SpatialMap"}
    files = {str(name) for name in catalog.extended["Spatial_Filename"]} - {""}
    assert files == {path.name for path in folder.glob("SIM_extended_*.fits")}
    library = ElementTree.parse(folder / "sources.xml").getroot()
    named = {s.get("file") for s in library.iter("spatialModel")} - {None}
    assert named == files
    row = catalog.extended[0]
    image = Map.read(folder / str(row["Spatial_Filename"]))
    assert np.sum(image.data * image.geom.solid_angle().value) == pytest.approx(1, rel=0.01)
    place = image.geom.get_coord().skycoord
    weight = image.data / image.data.sum()
    lon, lat = np.sum(weight * place.l.deg), np.sum(weight * place.b.deg)
    assert np.hypot(lon - row["GLON"], lat - row["GLAT"]) < 0.1 * row["Model_SemiMajor"]
    away = place.separation(SkyCoord(row["GLON"], row["GLAT"], unit="deg", frame="galactic")).deg
    assert weight[away < row["Model_SemiMajor"]].sum() == pytest.approx(0.68, abs=0.03)

"""Extended sources of a catalog: in its file, and in the formats of other programs."""

from xml.etree import ElementTree

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import Table
from gammapy.maps import Map
from gammapy.modeling.models import DiskSpatialModel, GaussianSpatialModel, PointSpatialModel

from fermiml import SourceCatalog
from fermiml.catalog.ellipses import R68
from fermiml.catalog.export import export
from fermiml.catalog.extended_sources import extended_table, name_extended
from fermiml.catalog.fitsio import to_hdus
from fermiml.catalog.sky_regions import to_ds9
from fermiml.catalog.spectral_models import to_xml
from fermiml.errors import InputError
from fermiml.model.from_catalog import sources_of
from fermiml.model.sources import DISK, GAUSS, POINT
from fermiml.report.source_table import table as page_table


@pytest.fixture
def catalog():
    """A point, a disk of 0.5 deg and a Gaussian whose 68 % radius is 0.3 deg."""
    table = Table({
        "RAJ2000": [83.633, 120.5, 240.0], "DEJ2000": [22.01, -40.2, 10.0],
        "ML_Ext_Form": ["", "Disk", "2D Gaussian"], "ML_Ext_Size": [0.0, 0.5, 0.3],
        "Unc_ML_Ext_Size": [np.nan, 0.05, 0.02], "ML_TS_Ext": [0.0, 100.0, 60.0],
        "ML_Flags": [0, 8, 8], "Flux1000": [1e-9] * 3, "PL_Index": [2.1] * 3,
    })  # fmt: skip
    name_extended(table)
    table = SourceCatalog.from_table(table).table
    return SourceCatalog(table, extended=extended_table(table))


def test_rows_are_named_as_in_4fgl(catalog):
    names = catalog.table["Source_Name"].tolist()
    assert names == ["FNN J0534.5+2200", "FNN J0802.0-4012e", "FNN J1600.0+1000e"]
    assert catalog.table["Extended_Source_Name"].tolist() == ["", *names[1:]]


def test_the_file_gives_them_back(catalog, tmp_path):
    catalog.write(tmp_path / "ml.fits")
    read = SourceCatalog.read(tmp_path / "ml.fits")
    assert read.table["ML_Ext_Form"].tolist() == catalog.table["ML_Ext_Form"].tolist()
    assert np.allclose(read.extensions(), [0, 0.5, 0.3])
    for name in catalog.extended.colnames:
        assert np.all(read.extended[name] == catalog.extended[name])
    sources = sources_of(read)
    assert sources.form.tolist() == [POINT, DISK, GAUSS]
    assert np.allclose(sources.size, [0, 0.5, 0.3])


def test_the_columns_are_those_of_4fgl(catalog):
    columns = to_hdus(catalog.table, catalog.extended)["ExtendedSources"].columns
    assert columns.names == [
        "Source_Name", "RAJ2000", "DEJ2000", "GLON", "GLAT", "Model_Form", "Model_SemiMajor",
        "Model_SemiMinor", "Model_PosAng", "Spatial_Function", "Spatial_Filename",
    ]  # fmt: skip
    assert [columns[n].unit for n in ("Model_SemiMajor", "Model_PosAng")] == ["deg", "deg"]
    functions = catalog.extended["Spatial_Function"].tolist()
    assert functions == ["RadialDisk", "RadialGauss"]


def test_gammapy_reads_the_shapes_from_the_file(catalog, tmp_path):
    from gammapy.catalog import SourceCatalog4FGL

    catalog.write(tmp_path / "ml.fits")
    theirs = SourceCatalog4FGL(tmp_path / "ml.fits")
    disk, gauss = (
        theirs[name].sky_model().spatial_model for name in catalog.extended["Source_Name"]
    )
    assert isinstance(disk, DiskSpatialModel) and isinstance(gauss, GaussianSpatialModel)
    assert np.isclose(disk.r_0.value, 0.5)


def test_models_of_gammapy_hold_the_shape(catalog):
    point, disk, gauss = (model.spatial_model for model in catalog.to_models())
    assert isinstance(point, PointSpatialModel)
    assert isinstance(disk, DiskSpatialModel) and isinstance(gauss, GaussianSpatialModel)
    assert u.isclose(disk.r_0.quantity, 0.5 * u.deg) and np.isclose(disk.r_0.error, 0.05)
    assert u.isclose(gauss.sigma.quantity, 0.3 / R68 * u.deg, rtol=1e-6)
    assert np.allclose([disk.lon_0.value, disk.lat_0.value], [120.5, -40.2], atol=1e-4)


def test_xml_holds_the_shape(catalog):
    library = ElementTree.fromstring(to_xml(catalog.table, catalog.extended))
    shapes = {}
    for source in library:
        spatial = source.find("spatialModel")
        values = {p.get("name"): float(p.get("value")) for p in spatial}
        shapes[source.get("name")] = source.get("type"), spatial.get("type"), values
    point, disk, gauss = shapes.values()
    assert point[:2] == ("PointSource", "SkyDirFunction")
    assert disk[:2] == ("DiffuseSource", "RadialDisk") and disk[2]["Radius"] == 0.5
    assert gauss[:2] == ("DiffuseSource", "RadialGaussian")
    assert np.isclose(gauss[2]["Sigma"], 0.3 / R68)


def test_gtlike_gets_an_image_of_a_ring(catalog, tmp_path):
    """Flat between 0.7 of the radius and the radius, with an integral of one."""
    catalog.extended["Model_Form"] = ["Ring", "2D Gaussian"]
    export(catalog, "xml", tmp_path / "ml.xml")
    library = ElementTree.parse(tmp_path / "ml.xml").getroot()
    _, ring, gauss = (source.find("spatialModel") for source in library)
    assert ring.get("type") == "SpatialMap" and gauss.get("type") == "RadialGaussian"
    assert ring.get("file") == str(tmp_path / "ml_FNN_J0802.0-4012e.fits")
    image = Map.read(ring.get("file"))
    flux = image.data * image.geom.solid_angle().value
    assert flux.sum() == pytest.approx(1, rel=1e-3)
    away = image.geom.separation(catalog.positions[1]).deg
    assert flux[(away > 0.35) & (away < 0.5)].sum() == pytest.approx(1, abs=0.03)
    with pytest.raises(InputError, match="exists already"):
        export(catalog, "xml", tmp_path / "ml.xml")


def test_regions_are_drawn_with_the_extent(catalog):
    _, disk, _ = to_ds9(catalog.table, "class", catalog.outlines()).splitlines()[2:]
    assert disk.startswith("ellipse(120.500000,-40.200000,0.500000,0.500000,")
    assert [region.width.to_value("deg") for region in catalog.to_regions()[1:]] == [1.0, 0.6]


def test_the_page_tells_the_radius_of_extended_rows_alone(catalog):
    shown = page_table(catalog)
    names = [column["name"] for column in shown["columns"]]
    assert [row[names.index("ML_Ext_Size")] for row in shown["rows"]] == [None, 0.5, 0.3]


def test_a_shape_that_is_an_image_is_left_out(catalog):
    catalog.extended["Spatial_Function"][0] = "SpatialMap"
    assert len(catalog.to_models()) == 2


def test_there_is_no_table_without_extended_rows(catalog):
    assert extended_table(catalog.table[:1]) is None
    fits.HDUList(to_hdus(catalog.table[:1], None))

"""The XML export read by the library behind gtlike; needs the Fermitools."""

import numpy as np
import pytest
from makers.catalogs import sample

from fermiml import SourceCatalog
from fermiml.catalog.derive import PARAMETERS
from fermiml.catalog.export import export
from fermiml.catalog.spectra import shape

pytestmark = pytest.mark.fermitools

ENERGY = np.geomspace(50, 1e6, 9)  # MeV
# gtlike's function and its parameters in the order of PARAMETERS, with the sign of each;
# then the one that holds the pivot energy, and those that are free.
GTLIKE = {
    "PowerLaw": ("PowerLaw", {"Prefactor": 1, "Index": -1}, "Scale", {"Prefactor", "Index"}),
    "LogParabola": (
        "LogParabola",
        {"norm": 1, "alpha": 1, "beta": 1},
        "Eb",
        {"norm", "alpha", "beta"},
    ),
    "PLSuperExpCutoff": (
        "PLSuperExpCutoff4",
        {"Prefactor": 1, "IndexS": -1, "ExpfactorS": 1, "Index2": 1},
        "Scale",
        {"Prefactor", "IndexS", "ExpfactorS"},
    ),
}


@pytest.fixture(scope="module")
def pylike():
    return pytest.importorskip("pyLikelihood")


@pytest.fixture
def gtlike(pylike, tmp_path):
    """A function that exports a catalog and gives the sources that gtlike finds, by name."""
    response, orbit, cuts = pylike.ResponseFunctions(), pylike.ScData(), pylike.RoiCuts()
    livetime, exposure = pylike.ExposureCube(), pylike.ExposureMap()
    events = pylike.EventContainer(response, cuts, orbit)
    # The sources refer to the observation, and this to its parts: all live until the test is over.
    observation = pylike.Observation(response, orbit, cuts, livetime, exposure, events)

    def read(catalog):
        export(catalog, "xml", tmp_path / "model.xml")
        factory = pylike.SourceFactory(observation)
        functions = pylike.SourceFactory.funcFactory()
        factory.readXml(str(tmp_path / "model.xml"), functions, False)
        names = pylike.StringVector()
        factory.fetchSrcNames(names)
        return {name: factory.create(name) for name in names}

    yield read


def parameters(pylike, function):
    """A function's parameters by name."""
    names = pylike.StringVector()
    function.getParamNames(names)
    return {name: function.parameter(name) for name in names}


def check(pylike, row, source):
    """Position, parameters and flux densities of a source are those of its row."""
    kind = row["SpectrumType"]
    function, signs, scale_name, free = GTLIKE[kind]
    columns = PARAMETERS[kind]
    values = [float(row[name]) for name in columns]

    direction = pylike.PointSource.cast(source).getDir()
    assert np.isclose(direction.ra(), row["RAJ2000"], atol=1e-4)
    assert np.isclose(direction.dec(), row["DEJ2000"], atol=1e-4)

    spectrum = source.spectrum()
    assert spectrum.genericName() == function
    found = parameters(pylike, spectrum)
    assert set(found) == {*signs, scale_name}
    assert {name for name, parameter in found.items() if parameter.isFree()} == free
    for parameter in found.values():
        low, high = parameter.getBounds()
        assert low < parameter.getValue() < high
    assert np.isclose(found[scale_name].getTrueValue(), row["Pivot_Energy"], rtol=1e-5)
    for (name, sign), column, value in zip(signs.items(), columns, values, strict=True):
        assert np.isclose(found[name].getTrueValue(), sign * value, rtol=1e-5)
        error = found[name].error() * abs(found[name].getScale())
        assert np.isclose(error, np.nan_to_num(row[f"Unc_{column}"]), rtol=1e-3)
    assert 1 <= found[next(iter(signs))].getValue() <= 10  # the flux density, as the fit sees it

    density = [spectrum(pylike.dArg(energy)) for energy in ENERGY]
    expected = values[0] * shape(kind, ENERGY, row["Pivot_Energy"], *values[1:])
    assert np.allclose(density, expected, rtol=1e-4, atol=0)


def test_gtlike_reads_every_source(pylike, gtlike):
    catalog = sample()
    sources = gtlike(catalog)
    assert set(sources) == set(catalog.table["Source_Name"])
    for row in catalog[:5]:
        check(pylike, row, sources[row["Source_Name"]])


def test_source_without_spectrum_has_the_starting_flux(pylike, gtlike):
    source = gtlike(sample())["FNN J1325.4-4301"]
    assert source.spectrum().genericName() == "PowerLaw"
    assert np.isclose(source.flux(1e3, 1e9), 1e-10, rtol=1e-3)


@pytest.mark.parametrize(
    "kind, pivot, values",
    [
        ("PowerLaw", 0.4, (1e-3, 1.8)),  # pivots beyond the LAT's energies
        ("PowerLaw", 3e7, (1e-21, 1.8)),
        ("PowerLaw", 1000.0, (9.9999999e-9, -0.3)),  # rising
        ("PowerLaw", 1000.0, (1e-30, 6.1234567)),  # faint and very soft
        ("LogParabola", 700.0, (3e-12, -0.5, 2.3)),
        ("LogParabola", 5e4, (3e-15, 2.5, -0.12)),  # bends upwards
        ("PLSuperExpCutoff", 1500.0, (2e-12, 2.0, 0.1, 1e-3)),  # almost a log-parabola
        ("PLSuperExpCutoff", 1500.0, (2e-12, 2.0, 5.5, 1.0)),
        ("PLSuperExpCutoff", 1500.0, (2e-12, -0.2, -0.1, 0.5)),
    ],
)
def test_gtlike_accepts_unusual_values(pylike, gtlike, kind, pivot, values):
    columns = dict(zip(PARAMETERS[kind], [[value] for value in values], strict=True))
    catalog = SourceCatalog.from_table(
        {
            "RAJ2000": [359.9999],
            "DEJ2000": [-89.9],
            "SpectrumType": [kind],
            "Pivot_Energy": [pivot],
            **columns,
        }
    )
    (source,) = gtlike(catalog).values()
    check(pylike, catalog.table[0], source)


def test_gtlike_reads_names_with_special_characters(gtlike):
    names = ['A & "B" <C>', *(f"S{i}" for i in range(5))]
    assert set(gtlike(sample(Source_Name=names))) == set(names)


def test_empty_catalog(gtlike):
    assert gtlike(SourceCatalog()) == {}

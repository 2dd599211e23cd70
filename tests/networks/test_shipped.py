"""The networks that come with fermiml, on a sky that they have not seen."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from fermiml import SkyCube, SkySimulator, SourceCatalog, SourceDetector
from fermiml.cli.main import main
from fermiml.networks import pretrained

SETTINGS = {
    "seed": 8,
    "sky": {"centers": [[50, 40]], "width": 12},
    "energy": {"min": 500, "max": 1e6, "bins_per_decade": 5},
    "population": {"preset": "nominal", "spectra": "parametric"},
    "wrong": {"model": "none"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("field") / "sky"
    SkySimulator(SETTINGS).run(folder)
    return folder


def response(folder):
    return {"exposure": folder / "bexpmap.fits", "psf": folder / "psf.fits"}


def shares(catalog, truth):
    """Share of clear sources inside the field that are found, of detections that are real."""
    table = truth.table
    inside = np.asarray(table["Inside"], bool) & (np.asarray(table["TS_Asimov"]) > 50)
    known = np.asarray(table["TS_Asimov"]) > 9
    found = truth.positions[inside].match_to_catalog_sky(catalog.positions)[1].deg < 0.3
    real = catalog.positions.match_to_catalog_sky(truth.positions[known])[1].deg < 0.3
    return found.mean(), real.mean()


@pytest.mark.parametrize("name", pretrained.names())
def test_shipped_networks_find_the_clear_sources(name, folder):
    card = pretrained.card(name)
    assert (pretrained.locate(name) / "weights.npz").stat().st_size < 8e6
    assert (pretrained.locate(name) / "curve.csv").is_file()
    assert card["operating"]
    cube = SkyCube.read(folder / "counts.fits", **response(folder))
    catalog = SourceDetector.from_pretrained(name, photometry=False).run(cube)
    found, real = shares(catalog, SourceCatalog.read(folder / "truth.fits"))
    assert found > 0.8
    assert real > 0.8


@pytest.mark.slow
def test_coarse_pixels_leave_the_bright_sources(folder):
    """Pixels of 0.6 deg; those of the whole sky that comes with 3FHL have 0.9."""
    cube = SkyCube.read(folder / "counts.fits", **response(folder))
    (component,) = cube.components
    counts = component.counts.downsample(6)
    coarse = replace(component, counts=counts, mask=np.ones(counts.data.shape[1:], bool))
    catalog = SourceDetector.from_pretrained().run(replace(cube, components=[coarse]))
    truth = SourceCatalog.read(folder / "truth.fits")
    table = truth.table
    bright = np.asarray(table["Inside"], bool) & (np.asarray(table["TS_Asimov"]) > 100)
    separation = truth.positions[bright].match_to_catalog_sky(catalog.positions)[1].deg
    assert np.mean(separation < 0.5) > 0.7
    known = truth.positions[np.asarray(table["TS_Asimov"]) > 9]
    assert np.mean(catalog.positions.match_to_catalog_sky(known)[1].deg < 0.5) > 0.9


@pytest.mark.slow
def test_the_default_network_on_the_command_line(folder, tmp_path):
    """Counts in, a catalog with all that an analyst needs out; a second run is refused."""
    output = tmp_path / "ml.fits"
    options = [f"--{name}={path}" for name, path in response(folder).items()]
    arguments = ["detect", str(folder / "counts.fits"), *options, "-o", str(output)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "expected to be real" in result.output
    catalog = SourceCatalog.read(output)
    table = catalog.table
    found, real = shares(catalog, SourceCatalog.read(folder / "truth.fits"))
    assert found > 0.9
    assert real > 0.85
    for column in ("ML_TS", "Flux1000", "PL_Index", "Conf_95_SemiMajor", "ML_Prob"):
        assert np.all(np.isfinite(table[column])), column
    total = sum(table[f"ML_Prob_{name}"] for name in ("AGN", "PSR", "SNR", "OTH", "FAKE"))
    assert np.allclose(total, 1, atol=1e-5)
    assert set(table["ML_Model"]) == {"lat-best"}
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 2
    assert "exists already" in again.output


def test_wrong_names_on_the_command_line_are_one_line(folder, tmp_path, monkeypatch):
    """And nothing is left where the catalog would have been written."""
    monkeypatch.chdir(tmp_path)
    for option, message in (
        ("--model=lat-worst", "unknown network 'lat-worst': known are lat-best"),
        ("--localizer=watershed", "unknown localizer 'watershed': known are kmeans"),
        ("--threshold=3", "threshold 3"),
    ):
        result = CliRunner().invoke(main, ["detect", str(folder / "counts.fits"), option])
        assert result.exit_code == 2
        assert message in result.output
        assert result.output.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_models_command_lists_the_networks_and_shows_a_card():
    result = CliRunner().invoke(main, ["models"])
    assert result.exit_code == 0
    assert "lat-best" in result.output
    assert "(default)" in result.output
    card = CliRunner().invoke(main, ["models", "lat-best"])
    assert "threshold" in card.output
    assert CliRunner().invoke(main, ["models", "lat-worst"]).exit_code == 2


@pytest.mark.latdata
def test_a_field_of_events_smaller_than_the_psf(latdata, tmp_path):
    """From 100 MeV, where the PSF is wider than the field of 2 deg."""
    events, output = latdata / "real/pg1553_100mev/ft1_00.fits.gz", tmp_path / "ml.fits"
    result = CliRunner().invoke(main, ["detect", str(events), "--width", "2", "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert "1 source" in result.output


def test_a_network_travels_by_name_and_is_loaded_once(folder):
    """What another process gets finds the same; it has one core."""
    cube = SkyCube.read(folder / "counts.fits", **response(folder))
    detector = SourceDetector.from_pretrained("lat-unek", photometry=False, jobs=4)
    packed = pickle.dumps(detector)
    assert len(packed) < 20_000
    first, second = pickle.loads(packed), pickle.loads(packed)
    assert first.finder.network is second.finder.network and first._jobs == 1
    found, again = (d.run(cube).table for d in (detector, first))
    np.testing.assert_array_equal(found["ML_Prob"], again["ML_Prob"])

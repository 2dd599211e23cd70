"""`fermiml lightcurve`: events in; a catalog, a figure and a table out."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from click.testing import CliRunner
from makers import latfiles as lat
from makers import smallskies

from fermiml import InputError, SourceCatalog
from fermiml.cli.main import main

EVENTS_OF_SOURCE = 300


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Events of an even sky and a source that shines in the second half of the time alone."""
    folder = tmp_path_factory.mktemp("lightcurve")
    events, source = lat.random_events(), lat.random_events(EVENTS_OF_SOURCE, 0.1, seed=4)
    source["time"] = 239557417.0 + np.linspace(0.51, 0.99, EVENTS_OF_SOURCE) * lat.GOOD_TIME
    for name, values in events.items():
        if name == "position":
            parts = [SkyCoord(p.galactic) for p in (values, source[name])]
            lon, lat_ = (np.concatenate([getattr(p, k).deg for p in parts]) for k in "lb")
            events[name] = SkyCoord(lon, lat_, unit="deg", frame="galactic")
        else:
            events[name] = np.concatenate([values, source[name]])
    lat.write_ft1(folder / "ft1.fits", events)
    one = smallskies.power_laws([lat.CENTER.l.deg], [lat.CENTER.b.deg], [3e-9], 2.0)
    smallskies.seeds(one, shapes=True).write(folder / "catalog.fits")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["lightcurve", *map(str, arguments)])


def test_the_command_writes_catalog_figure_and_table(files):
    result = run(files / "catalog.fits", files / "ft1.fits", "--time-bins", 4,
                 "-o", files / "lc.fits")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "1 light curves of 4 intervals, 1 sources vary" in result.output
    table = SourceCatalog.read(files / "lc.fits").table
    first, second = table["Flux_History"][0].reshape(2, 2).sum(axis=1)
    assert second > 5 * first
    assert (files / "lc.png").stat().st_size > 5000
    assert len((files / "lc.csv").read_text().splitlines()) == 5
    assert not (files / "lc.parts").exists()


def test_finished_regions_are_kept_until_all_files_are_written(files, tmp_path, monkeypatch):
    arguments = (files / "catalog.fits", files / "ft1.fits", "--time-bins", 4,
                 "-o", tmp_path / "lc.fits", "--overwrite")  # fmt: skip

    def full(*_):
        raise InputError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("fermiml.plot.style.save", full)
        assert run(*arguments).exit_code == 2
    monkeypatch.setattr("fermiml.time.curve_regions.RegionModel", None)
    assert run(*arguments).exit_code == 0
    assert not (tmp_path / "lc.parts").exists()


def test_one_source_is_drawn_alone(files):
    name = SourceCatalog.read(files / "catalog.fits").table["Source_Name"][0]
    result = run(files / "catalog.fits", files / "ft1.fits", "--time-bins", 4, "--source", name,
                 "-o", files / "one.fits")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert (files / "one.png").exists()


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (["--time-bins", "weekly"], "at least two edges"),
        (["--time-bins", 1], "are one interval"),
        (["--source", "nobody"], "no source 'nobody'"),
        (["--scfile", "missing.fits"], "missing.fits"),
    ],
)
def test_bad_input_is_one_line(files, arguments, complaint):
    result = run(files / "catalog.fits", files / "ft1.fits", *arguments, "-o", files / "bad.fits")
    assert result.exit_code == 2
    assert complaint in result.output.splitlines()[-1]
    assert not (files / "bad.fits").exists()

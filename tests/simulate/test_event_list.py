"""Event lists of `fermiml simulate`: what they hold is what the counts cube holds."""

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from gammapy.maps import Map

from fermiml import SkySimulator
from fermiml.sky.cube import SkyCube

SETTINGS = {
    "seed": 3,
    "sky": {"centers": [[200, 70]], "width": 6},
    "energy": {"min": 1000, "max": 1e5, "bins_per_decade": 3},
    "observation": {"years": 2, "events": True},
    "population": {"spectra": "parametric", "faintest": "1e-10"},
    "wrong": {"model": "none"},
}


def simulate(folder, **sections):
    (folder,) = SkySimulator({**SETTINGS, **sections}).run(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("sim") / "run")


def binned(folder, number=""):
    """The events on the grid of the counts, and the counts."""
    counts = SkyCube.read(folder / f"counts{number}.fits").components[0].counts
    again = Map.from_geom(counts.geom)
    table = fits.getdata(folder / f"events{number}.fits", "EVENTS")
    position = SkyCoord(table["RA"].astype(float), table["DEC"].astype(float), unit="deg")
    again.fill_by_coord({"skycoord": position, "energy": table["ENERGY"] * u.MeV})
    return again.data, counts.data


def test_binned_events_are_the_counts(folder):
    events, counts = binned(folder)
    assert counts.sum() > 500
    assert np.array_equal(events, counts)


def test_events_change_no_counts(folder, tmp_path):
    """The same seed gives the same sky, with or without them."""
    without = simulate(tmp_path / "run", observation={"years": 2})
    assert not (without / "events.fits").exists()
    assert np.array_equal(*(fits.getdata(f / "counts.fits") for f in (folder, without)))


def test_fermiml_reads_them(folder):
    """The same events, cuts and good time as in the cube; the whole square and no more."""
    cube, events = (SkyCube.read(folder / f"{name}.fits") for name in ("counts", "events"))
    assert events.total_counts == pytest.approx(cube.total_counts, rel=0.01)
    binned, listed = (c.components[0].selection for c in (cube, events))
    for name in ("evclass", "evtype", "release", "energy", "zenith", "simulated"):
        assert getattr(binned, name) == getattr(listed, name)
    assert np.array_equal(binned.gti, listed.gti)
    mask = events.components[0].mask
    assert mask.sum() * events.components[0].pixel_size ** 2 == pytest.approx(36, rel=0.1)


def test_gammapy_reads_them(folder):
    from gammapy.data import EventList

    events = EventList.read(folder / "events.fits")
    assert len(events.table) == fits.getdata(folder / "counts.fits").sum()
    assert events.time.min().utc.iso.startswith("2008-08")
    assert np.all(events.energy.to_value("MeV") >= 1000)
    assert events.galactic.b.deg.min() > 66.9


def test_the_columns_are_those_of_an_ft1_file(folder):
    table = fits.getdata(folder / "events.fits", "EVENTS")
    gti = fits.getdata(folder / "events.fits", "GTI")
    assert np.all(np.diff(table["TIME"]) >= 0)
    number = np.searchsorted(gti["START"], table["TIME"], side="right") - 1
    assert np.all(table["TIME"] <= gti["STOP"][number])
    assert np.array_equal(table["RUN_ID"], gti["START"][number].astype(int))
    identity = np.column_stack([table["RUN_ID"], table["EVENT_ID"]])
    assert len(np.unique(identity, axis=0)) == len(table)
    assert table["ZENITH_ANGLE"].max() < 100
    assert np.all(table["EVENT_CLASS"].sum(axis=1) == 1)
    assert np.all(table["EVENT_CLASS"][:, -8])  # bit 7: SOURCE
    types = table["EVENT_TYPE"][:, ::-1]
    for partition in (slice(0, 2), slice(2, 6), slice(6, 10)):
        assert np.all(types[:, partition].sum(axis=1) == 1)
    assert np.array_equal(table["CONVERSION_TYPE"] == 1, types[:, 1])


def test_several_event_types_have_a_list_each(tmp_path):
    folder = simulate(tmp_path / "run", observation={"years": 1, "event_types": [16, 32],
                                                     "events": True})  # fmt: skip
    for i in range(2):
        assert np.array_equal(*binned(folder, f"_{i:02d}"))
        types = fits.getdata(folder / f"events_{i:02d}.fits", "EVENTS")["EVENT_TYPE"]
        assert np.all(types[:, -5 - i])


def test_healpix_pixels(tmp_path):
    folder = simulate(tmp_path / "run", sky={**SETTINGS["sky"], "nside": 64, "frame": "icrs"})
    events = fits.getdata(folder / "events.fits", "EVENTS")
    counts = fits.getdata(folder / "counts.fits", "SKYMAP")
    pixel = healpy.ang2pix(64, events["RA"], events["DEC"], lonlat=True)
    bins = np.digitize(events["ENERGY"], np.geomspace(1e3, 1e5, 7))
    assert np.isin(pixel, counts["PIX"]).all()
    for i in range(6):
        binned = np.bincount(pixel[bins == i + 1], minlength=12 * 64**2)
        assert np.array_equal(binned[counts["PIX"]], counts[f"CHANNEL{i + 1}"])
    assert SkyCube.read(folder / "events.fits").components[0].selection.circles

"""Faint artificial sources in real events: what `ml_seed` finds of them, and `find_sources`:

    python benchmarks/likelihood/fermipy_real_events.py EVENTS DIR --galactic gll_iem_v07.fits \\
        --isotropic iso_P8R3_SOURCE_V3_v1.txt [--emin 1000] [--count 10] [--seed 1]

EVENTS is the FT1 file of one region. With the real Fermitools; prints a line of the table of
docs/fermipy.md for each search. DIR must be new. The livetime is that of a survey in the events'
good time. With `--count 0` nothing is put in: what is found then is new in the sky, or false.
"""

import argparse
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import yaml
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from fermipy_thresholds import HEAD, score, searches, wanted
from machine import machine

warnings.filterwarnings("ignore")
WIDTH, PIXEL, EDGE, APART = 10.0, 0.1, 1.0, 0.8  # deg
PER_DECADE = 8  # bins in energy
FLUXES, INDEX = (4e-10, 9e-10), 2.2  # cm-2 s-1 above 1 GeV


def configuration(given):
    """Bin the events, and write their analysis into the folder; return the path of its YAML."""
    from fermiml.fermipy import example
    from fermiml.sky.selection import Selection

    folder = given.folder.resolve()
    (folder / "analysis").mkdir(parents=True)
    with fits.open(given.events) as hdus:
        selection = Selection.from_hdus(hdus)
        center, (start, stop) = selection.circles[0][0].icrs, map(float, selection.time)
        counts_cube(hdus, center, given.emin, selection.energy[1]).writeto(
            folder / "analysis" / "ccube_00.fits"
        )
    (folder / "analysis" / "ft1_00.fits").touch()  # fermipy looks at the counts alone
    example.livetime_cube(folder / "ltcube.fits", selection.gti)
    config = {
        "fileio": {"outdir": str(folder / "analysis")},
        "data": {"evfile": str(given.events.resolve()), "ltcube": str(folder / "ltcube.fits")},
        "binning": {"roiwidth": WIDTH, "binsz": PIXEL, "binsperdec": PER_DECADE},
        "selection": {
            "emin": given.emin, "emax": float(selection.energy[1]),
            "zmax": float(selection.zenith[1]), "evclass": 128, "evtype": 3, "tmin": start,
            "tmax": stop, "ra": float(center.ra.deg), "dec": float(center.dec.deg),
        },
        "gtlike": {"edisp": not given.no_edisp, "edisp_disable": ["isodiff"],
                   "irfs": "P8R3_SOURCE_V3"},
        "model": {
            "src_roiwidth": WIDTH + 10, "galdiff": str(given.galactic.resolve()),
            "isodiff": str(given.isotropic.resolve()), "catalogs": [given.catalog],
        },
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def counts_cube(hdus, center, emin, emax):
    """Bin events as gtbin does."""
    from gammapy.maps import MapAxis, WcsNDMap

    bins = round(PER_DECADE * np.log10(emax / emin))
    axis = MapAxis.from_energy_bounds(emin, emax, bins, unit="MeV")
    counts = WcsNDMap.create(
        npix=round(WIDTH / PIXEL), binsz=PIXEL, skydir=center, proj="AIT", axes=[axis], dtype=int
    )
    events = hdus["EVENTS"]
    place = SkyCoord(events.data["RA"], events.data["DEC"], unit="deg")
    counts.fill_by_coord({"skycoord": place, "energy": events.data["ENERGY"] * u.MeV})
    image = fits.PrimaryHDU(counts.data.astype(np.int32), counts.geom.to_image().wcs.to_header())
    image.header.update({
        "CROTA2": 0.0, "CTYPE3": "Energy", "CRPIX3": 1.0, "CRVAL3": emin, "CUNIT3": "MeV",
        "CDELT3": axis.edges[1].value - emin,
    })  # fmt: skip
    cuts = re.compile("NDSKEYS|DS[A-Z]+[0-9]+")
    image.header.update({k: v for k, v in events.header.items() if cuts.fullmatch(k)})
    edges = axis.edges.to_value("keV")
    bounds = fits.BinTableHDU.from_columns(
        [fits.Column("CHANNEL", "I", array=np.arange(1, bins + 1)),
         fits.Column("E_MIN", "1E", unit="keV", array=edges[:-1]),
         fits.Column("E_MAX", "1E", unit="keV", array=edges[1:])], name="EBOUNDS",
    )  # fmt: skip
    return fits.HDUList([image, bounds, hdus["GTI"].copy()])


def put_in(gta, count, seed):
    """Add the counts of sources, log-uniform in flux, away from each other and from the model's."""
    rng, half = np.random.default_rng(seed), WIDTH / 2 - EDGE
    np.random.seed(seed)  # fermipy's simulation draws from it
    taken = [source.skydir.icrs for source in gta.roi.point_sources]
    drawn = []
    while len(drawn) < count:
        place = gta.roi.skydir.icrs.spherical_offsets_by(*rng.uniform(-half, half, 2) * u.deg)
        if place.separation(SkyCoord([*taken, *drawn])).deg.min() > APART:
            drawn.append(place)
            norm = np.exp(rng.uniform(*np.log(FLUXES))) * (INDEX - 1) / 1000
            gta.simulate_source({"ra": place.ra.deg, "dec": place.dec.deg, "Index": INDEX,
                                 "Prefactor": norm})  # fmt: skip
    return Table({"RAJ2000": [p.ra.deg for p in drawn], "DEJ2000": [p.dec.deg for p in drawn]})


def main():
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--galactic", type=Path, required=True)
    parser.add_argument("--isotropic", type=Path, required=True)
    parser.add_argument("--catalog", default="4FGL-DR4")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--emin", type=float, default=1000.0)
    parser.add_argument("--no-edisp", action="store_true")
    parser.add_argument("--sqrt-ts", type=float, default=4.0)
    parser.add_argument("--thresholds", default="0.3")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    from fermiml.fermipy import GTAnalysis

    gta = GTAnalysis(str(configuration(given)), logging={"verbosity": 1})
    gta.setup()
    sources = put_in(gta, given.count, given.seed) if given.count else None
    gta.optimize()
    gta.write_roi("begin", make_plots=False)
    print(machine(given.seed))
    print("| search | " + " | ".join(HEAD[1:]) + " |\n" + "|---" * len(HEAD) + "|")
    for name, place, gain, used in searches(gta, list(wanted(given.thresholds)), given.sqrt_ts):
        found, false = score(SkyCoord(place) if place else place, sources)
        line = [found, *((false, 0) if given.count else (0, false)), gain, used]
        print(f"| {name} | " + " | ".join(f"{value:.3g}" for value in line) + " |", flush=True)


if __name__ == "__main__":
    main()

"""A small fermipy analysis of a simulated sky, to try `ml_seed` on:

    python -m fermiml.fermipy.example -o DIR [--seed N]

`DIR/sky` is what `fermiml simulate` writes, `DIR/analysis` has the files that fermipy would make
of events (counts, livetime cube), and `DIR/config.yaml` the analysis of them. Half of the bright
sources are in its model, as those of a catalog are; the others are to be found.
"""

import shutil
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from fermiml.catalog.catalog import SourceCatalog
from fermiml.files import write_text
from fermiml.model import diffuse
from fermiml.response import irfs
from fermiml.response.exposure import inclinations
from fermiml.simulate import lat_files
from fermiml.simulate import sky_settings as simulation
from fermiml.simulate.simulator import SkySimulator
from fermiml.sky.selection import duration

YEARS = 14
LIVE = 0.9  # fraction of the time in which the LAT is not busy reading out
PIXEL = 0.1  # deg
BINS = 4  # per decade
_MARGIN, _STEP = 30.0, 0.25  # deg: how far and how finely the diffuse model reaches
_BRIGHT = 100.0  # Asimov TS above which every second source is in the model
_EDGES = 1 - np.linspace(0, 1, 41)[::-1] ** 2  # of costheta, gtltcube's


def make(folder, seed=1, center=(79.0, 20.0), width=10.0, event_types=(3,), *, emin=1000.0,
         model="embedded", population=None):  # fmt: skip
    """Simulate and write the analysis; return the path of its YAML file.

    `width` is that of the field (deg), `emin` the least energy (MeV); each of `event_types` makes a
    component. `model` is the true model of the Galaxy, as `fermiml simulate` knows them; fermipy
    gets the embedded one. `population` is the section of that name in a simulation.
    """
    folder = Path(folder).resolve()
    analysis = folder / "analysis"
    analysis.mkdir(parents=True, exist_ok=True)
    livetime_cube(folder / "ltcube.fits", lat_files.survey_gti(YEARS * lat_files.GOOD_TIME))
    sky = folder / "sky"
    settings = _simulation(folder, seed, center, width, event_types, emin)
    settings |= {"diffuse": {"model": model}, "population": population or {}}
    SkySimulator(simulation.check(settings)).run(sky)
    components = "components:\n"
    for number, (event_type, counts) in enumerate(
        zip(event_types, sorted(sky.glob("counts*.fits")), strict=True)
    ):
        shutil.copy(counts, analysis / f"ccube_{number:02d}.fits")
        # fermipy skips the selection of events where counts and events exist: none are needed.
        (analysis / f"ft1_{number:02d}.fits").touch()
        iso = diffuse.embedded_isotropic("P8R3_SOURCE_V3", irfs.type_names(event_type))
        spectrum = folder / f"isotropic_{number:02d}.txt"
        np.savetxt(spectrum, np.column_stack([iso.nodes, iso.spectrum]))
        components += _COMPONENT.format(event_type=event_type, spectrum=spectrum)
    _galactic(folder / "galactic.fits", center, emin)
    _known(SourceCatalog.read(sky / "truth.fits")).write(folder / "known.fits", overwrite=True)
    text = _CONFIG.format(
        folder=folder, width=width, emin=emin, lon=center[0], lat=center[1],
        tmin=lat_files.START, tmax=lat_files.START + YEARS * lat_files.YEAR,
    )  # fmt: skip
    config = folder / "config.yaml"
    write_text(config, text + components, overwrite=True)
    return config


def _simulation(folder, seed, center, width, event_types, emin):
    return {
        "seed": seed,
        "sky": {"centers": [list(center)], "width": width, "pixel": PIXEL, "projection": "AIT"},
        "energy": {"min": emin, "max": 1e5, "bins_per_decade": BINS},
        "observation": {
            "livetime_cube": str(folder / "ltcube.fits"),
            "event_types": list(event_types),
        },
    }


def livetime_cube(path, gti):
    """Write the inclinations of a survey in good time intervals (start, stop; s), as gtltcube does.

    They depend on the declination.
    """
    from fermipy.hpx_utils import HPX
    from fermipy.ltcube import LTCube

    good_time = duration(gti)
    pixels = HPX(32, True, "CEL", ebins=_EDGES)
    livetime = np.empty((len(_EDGES) - 1, 12 * 32**2))
    for number, declination in enumerate(pixels.get_sky_dirs().dec.deg):
        known, fraction = inclinations(declination)
        summed = np.concatenate([[0.0], np.cumsum(fraction)])
        livetime[:, number] = good_time * np.diff(np.interp(_EDGES, known, summed))
    cube = LTCube(
        livetime, pixels, _EDGES, tstart=gti[0, 0], tstop=gti[-1, 1], data_wt=LIVE * livetime,
        tab_gti=Table(gti, names=("START", "STOP")),
    )  # fmt: skip
    cube.write(path)


def _galactic(path, center, emin):
    """Write the embedded model around the field as a MapCube."""
    model = diffuse.embedded_galactic()
    nodes = np.geomspace(0.3 * emin, 5e5, 14)
    side = int(2 * _MARGIN / _STEP)
    header = fits.Header(
        {
            "CTYPE1": "GLON-CAR", "CRPIX1": side / 2 + 0.5, "CRVAL1": center[0], "CDELT1": -_STEP,
            "CUNIT1": "deg", "CTYPE2": "GLAT-CAR", "CRVAL2": 0.0, "CDELT2": _STEP,
            "CRPIX2": side / 2 + 0.5 - center[1] / _STEP, "CUNIT2": "deg",
            "CTYPE3": "Energy", "CRPIX3": 1.0, "CRVAL3": nodes[0], "CDELT3": nodes[1] - nodes[0],
            "CUNIT3": "MeV",
        }
    )  # fmt: skip
    pixel = np.arange(side) + 0.5 - side / 2
    lat, lon = np.meshgrid(center[1] + _STEP * pixel, center[0] - _STEP * pixel, indexing="ij")
    values = model.intensity(lon.ravel() % 360, np.clip(lat.ravel(), -90, 90), nodes)
    energies = fits.BinTableHDU.from_columns(
        [fits.Column("Energy", "D", unit="MeV", array=nodes)], name="ENERGIES"
    )
    image = fits.PrimaryHDU(values.reshape(-1, side, side).astype(np.float32), header)
    fits.HDUList([image, energies]).writeto(path, overwrite=True)


def _known(truth):
    """Select every second of the bright sources, brightest first."""
    bright = truth.filter(truth.table["TS_Asimov"] > _BRIGHT).sort("TS_Asimov", reverse=True)
    return bright[::2]


_CONFIG = """\
fileio: {{outdir: {folder}/analysis}}
logging: {{verbosity: 2}}
data:
  evfile: {folder}/analysis/ft1_00.fits
  ltcube: {folder}/ltcube.fits
binning: {{roiwidth: {width}, binsz: 0.1, binsperdec: 4, coordsys: GAL, proj: AIT}}
selection:
  emin: {emin:.0f}
  emax: 100000
  zmax: 100
  tmin: {tmin:.0f}
  tmax: {tmax:.0f}
  evclass: 128
  glon: {lon}
  glat: {lat}
gtlike: {{edisp: false, irfs: P8R3_SOURCE_V3}}
model:
  src_roiwidth: 20.0
  galdiff: {folder}/galactic.fits
  catalogs: [{folder}/known.fits]

ml_seed:
  sqrt_ts_threshold: 5.0
"""
_COMPONENT = """\
- selection: {{evtype: {event_type}}}
  model: {{isodiff: {spectrum}}}
"""


def main():
    """Run the command line."""
    import argparse

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", required=True, help="the folder")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(make(given.output, given.seed))


if __name__ == "__main__":
    main()

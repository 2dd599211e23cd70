"""Transients: false alarms on skies where nothing varies, and what is found of flares.

    python benchmarks/time/transients.py alarms CACHE --fields 100
    python benchmarks/time/transients.py check CACHE
    python benchmarks/time/transients.py fit CACHE -o data/transients.yaml
    python benchmarks/time/transients.py flares CACHE --fields 10
    python benchmarks/time/transients.py efficiency CACHE
    python benchmarks/time/transients.py example FOLDER
    python benchmarks/time/transients.py speed

`alarms` searches fields of 10 x 10 deg with 10 years of survey from 100 MeV on, full of steady
sources, and saves all excesses down to a rate that is ten times the default one; `check` compares
them with the rates that come with fermiml, `fit` makes new ones from them; `flares` puts flares
into such fields and tells how many are found; `speed` measures CPU time and memory with 5 million
events. Finished fields are saved in CACHE, so that an interrupted run resumes.
"""

import argparse
import resource
import sys
import time
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from gammapy.maps import WcsNDMap
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).parents[1]))
from machine import machine

from fermiml import SkyCube, SkySimulator, TransientSearch
from fermiml.catalog.spectra import MEV, row_flux
from fermiml.model import point_sources
from fermiml.model.sources import Shapes, Sources
from fermiml.plot import style
from fermiml.simulate import event_list, fields, sky_settings
from fermiml.simulate.event_list import Drawn
from fermiml.simulate.lat_files import START
from fermiml.simulate.time_profiles import TimeProfile
from fermiml.sky.cube import Component, EnergyDispersion
from fermiml.sky.times import DAY, YEAR, TimedEvents, good_time
from fermiml.time.false_alarms import DEFAULT_RATE, FalseAlarms

SEED = 71
WIDTH, YEARS = 10.0, 10.0
AREA_TIME = WIDTH**2 * YEARS  # deg2 yr of a field
# Galactic [l, b] of the fields, by turns: far from the plane, near it and in it; those from the
# fifth on have gas with structure on small scales.
CENTERS = ([60, 50], [250, -60], [130, 15], [100, 1], [170, -15], [75, 0], [15, -8], [335, 0])
SMOOTH = 4
STRUCTURE = {"rms": 0.2, "slope": 2.8, "clumps": 1500, "filaments": 300}
DURATIONS = (0.5, 2.0, 7.0, 30.0, 120.0)  # d
FLUENCES = -5.0, -3.0  # decimal logarithm of erg cm-2, 100 MeV to 100 GeV
INDICES = (2.0, 2.3, 2.7)
WHAT = ("alarms", "check", "fit", "flares", "efficiency", "example", "speed")
EXAMPLE = """\
seed: 5
sky: {centers: [[60, 50]], width: 10, projection: ZEA}
energy: {min: 100, max: 1e5, bins_per_decade: 8}
observation: {years: 3, events: true}
population: {preset: nominal, flares: 6, novae: 2}
"""
LENGTHS = tuple(2.0**k for k in range(9))  # d
LOOSE = 1e-3  # false alarms per deg2 and year, down to which excesses are saved
ROUGH = FalseAlarms(level=-5.1, shortness=1.0, slope=0.36)  # what decides which these are


@cache
def prepared(number):
    """The field of a centre: what is expected in ten years."""
    settings = sky_settings.check({
        "seed": SEED + number,
        "sky": {"centers": [list(CENTERS[number])], "width": WIDTH, "projection": "ZEA"},
        "energy": {"min": 100, "max": 1e5, "bins_per_decade": 8},
        "observation": {"years": YEARS},
        "population": {"preset": "nominal"},
        "diffuse": {"structure": None if number < SMOOTH else STRUCTURE},
    })  # fmt: skip
    setup = fields.prepare(settings)
    ((_, geom),) = fields.geometries(settings)
    made, _ = fields.simulate_field(setup, geom, np.random.default_rng(SEED + number))
    return made[0]


def data_of(field, counts, own, profiles, rng):
    """(SkyCube, TimedEvents) of drawn counts."""
    observation, selection = field.observation, field.selection
    photons = event_list.photons(Drawn(counts, own), observation, selection.gti, profiles, rng)
    position = SkyCoord(photons.ra, photons.dec, unit="deg").galactic
    events = TimedEvents(position.l.deg, position.b.deg, photons.energy, photons.time, selection)
    component = Component(
        "all", WcsNDMap(observation.geom, counts), selection,
        mask=np.ones(observation.pixels.shape, bool), psf=observation.psf,
        exposure=observation.exposure_map,
        edisp=EnergyDispersion(observation.true_edges, observation.dispersion),
    )  # fmt: skip
    return SkyCube([component], "simulated"), events


def alarms(cache_folder, number):
    """Search constant fields; save length (s) and test statistic of what is found in each."""
    for i in range(number):
        path = cache_folder / f"alarms_{i:04d}.npy"
        if not path.is_file():
            field = prepared(i % len(CENTERS))
            rng = np.random.default_rng([SEED, i])
            data = data_of(field, rng.poisson(field.expected), {}, {}, rng)
            start = time.process_time()
            search = TransientSearch(false_alarms=LOOSE, alarms=ROUGH, systematic=0.05)
            sky = search.sky(*data)
            found = [
                (sky.ladder.seconds[f.peak.length], f.ts, f.index, f.peak.ts)
                for f in search.flares(sky)
            ]
            np.save(path, np.reshape(found, (-1, 4)))
            print(f"field {i}: {len(data[1])} events, {len(found)} excesses, "
                  f"{time.process_time() - start:.0f} s", flush=True)  # fmt: skip


def flares(cache_folder, number):
    """Put flares into fields, search them, and save for each fluence, duration and what is found.

    A field has nine positions, 3 deg apart, at each of which one flare a year begins.
    """
    for i in range(number):
        path = cache_folder / f"flares_{i:04d}.npy"
        if not path.is_file():
            rng = np.random.default_rng([SEED, 1, i])
            np.save(path, _searched_flares(prepared(i % len(CENTERS)), rng))
            print(f"field {i} done", flush=True)


def _searched_flares(field, rng):
    observation, gti = field.observation, field.selection.gti
    positions, begin = _places(observation.geom, gti, rng)
    number = len(begin)
    duration = rng.choice(DURATIONS, number)
    fluence = 10 ** rng.uniform(*FLUENCES, number)  # erg cm-2
    index = rng.choice(INDICES, number)
    sources = _sources(positions, fluence, duration, index)
    profiles = {k: TimeProfile(np.array([b, b + d * DAY]), np.ones(1), "flare")
                for k, (b, d) in enumerate(zip(begin, duration, strict=True))}  # fmt: skip
    counts, own = rng.poisson(field.expected), {}
    flat = counts.reshape(len(counts), -1)
    for k, pixels, expected in point_sources.windows(observation, sources):
        fraction = good_time(profiles[k].edges, gti)[0] / np.sum(np.diff(gti))
        added = rng.poisson(expected * fraction)
        flat[:, pixels] += added
        bins, columns = np.nonzero(added)
        cells = bins * flat.shape[1] + pixels[columns]
        if len(cells):  # it may be in a gap
            own[k] = np.repeat(cells, added[bins, columns])
    data = data_of(field, counts, own, profiles, rng)
    catalog = TransientSearch(systematic=0.1).run(data).catalog
    return _scored(catalog, positions, begin, duration, fluence, index)


def _sources(positions, fluence, duration, index):
    """Power laws with the fluxes that the flares have while they last."""
    one = np.ones(len(index))
    pars = 1e3 * one, one, index
    density = fluence / (duration * DAY) / (row_flux("PowerLaw", pars, 100, 1e5, 1) * MEV)
    flux = density * row_flux("PowerLaw", pars, 1e3, 1e5)
    shapes = Shapes(1e3 * one, index, 0 * one, 0 * one)
    return Sources.points(positions.l.deg, positions.b.deg, flux, shapes, "bll")


def _scored(catalog, positions, begin, duration, fluence, index):
    """What was found of each flare."""
    table, at = catalog.table, catalog.positions
    rows = []
    for k in range(len(begin)):
        ellipse = np.asarray(table["Conf_95_SemiMajor"], float)
        apart = at.separation(positions[k]).deg
        stop = table["ML_Start"] + table["ML_Duration"]
        near = (apart < np.maximum(2 * ellipse, 0.3)) & (stop > begin[k])
        near &= table["ML_Start"] < begin[k] + duration[k] * DAY
        best = int(np.argmin(np.where(near, apart, np.inf))) if near.any() else None
        rows.append([fluence[k], duration[k], index[k], *_measured(table, best, apart)])
    return np.array(rows)


def _measured(table, row, apart):
    """TS, fluence, duration (d), offset (deg) and that in units of the mean 95 % radius."""
    if row is None:
        return [0.0, *[np.nan] * 4]
    radius = np.sqrt(table["Conf_95_SemiMajor"][row] * table["Conf_95_SemiMinor"][row])
    return [table["ML_TS"][row], table["ML_Fluence"][row], table["ML_Duration"][row] / DAY,
            apart[row], apart[row] / radius]  # fmt: skip


def _places(geom, gti, rng):
    """Positions of the flares, and when they begin."""
    x, y = (v.ravel() for v in np.meshgrid(*[[20.0, 50.0, 80.0]] * 2))
    years = np.arange(int(YEARS) - 1)
    x, y = (np.repeat(v, len(years)) + rng.uniform(-6, 6, len(v) * len(years)) for v in (x, y))
    lon, lat = geom.to_image().pix_to_coord((x, y))
    begin = gti[0, 0] + (np.tile(years, 9) + rng.uniform(0.1, 0.6, len(x))) * YEAR
    return SkyCoord(lon, lat, frame="galactic"), begin


def fit(cache_folder, output):
    """Fit the rates of false alarms to the excesses of constant fields, and write the table."""
    found, number = _saved(cache_folder, "alarms")
    seconds, ts = found[:, 0], found[:, 1]
    lengths = np.array(LENGTHS) * DAY
    least = ROUGH.least(lengths, LOOSE / len(lengths))

    def cost(pars):
        rates = FalseAlarms(*pars)
        expected = AREA_TIME * number * np.exp(rates.ln_rate(lengths, least))
        return expected.sum() - np.sum(np.log(pars[2]) + rates.ln_rate(seconds, ts))

    best = minimize(cost, [ROUGH.level, ROUGH.shortness, ROUGH.slope], method="Nelder-Mead",
                    options={"maxiter": 5000}).x  # fmt: skip
    rates = FalseAlarms(*best)
    print("days  TS from  excesses  fitted  TS of the default rate")
    for length, low in zip(lengths, least, strict=True):
        fitted = AREA_TIME * number * np.exp(rates.ln_rate(length, low))
        default = rates.least(length, DEFAULT_RATE / len(lengths))
        print(f"{length / DAY:4g}  {low:7.1f}  {np.sum(seconds == length):8d}  {fitted:6.1f}  "
              f"{default:.1f}")  # fmt: skip
    _tell_promises(rates, seconds, ts, number)
    names = ("level", "shortness", "slope")
    values = ", ".join(f"{name}: {v:.3f}" for name, v in zip(names, best, strict=True))
    Path(output).write_text(
        "# Rates of false alarms; made by benchmarks/time/transients.py (docs/transients.md)\n"
        f"seed: {SEED}\nfields: {number}\ndeg2_years: {AREA_TIME * number:g}\n"
        f"excesses: {len(found)}\nfit: {{{values}}}\n"
    )


def check(cache_folder):
    """Compare the excesses of constant fields with the rates that come with fermiml."""
    found, number = _saved(cache_folder, "alarms")
    print(f"{number} fields, {AREA_TIME * number:g} deg2 yr; excesses by sky, [l, b]:")
    for sky, center in enumerate(CENTERS):
        paths = sorted(cache_folder.glob("alarms_*.npy"))
        some = [len(np.load(path)) for path in paths if int(path.stem[-4:]) % len(CENTERS) == sky]
        print(f"{center}: {sum(some)} in {len(some)} fields")
    _tell_promises(FalseAlarms.load(), found[:, 0], found[:, 1], number)


def _tell_promises(rates, seconds, ts, number):
    """Print how many excesses some rates promise, and how many there are."""
    rarest = rates.ln_rate(seconds, ts) + np.log(len(LENGTHS))
    for rate in (1e-3, 5e-4, 2e-4, 1e-4, 5e-5):  # what is saved is complete from there on
        seen = np.sum(rarest <= np.log(rate))
        print(f"rate {rate:g}: {AREA_TIME * number * rate:.3g} promised, {seen} found")


def _saved(cache_folder, name):
    """All rows that were saved, and of how many fields."""
    paths = sorted(cache_folder.glob(f"{name}_*.npy"))
    return np.concatenate([np.load(path) for path in paths]), len(paths)


def efficiency(cache_folder):
    """Print what was found of the flares, by sky and then in all."""
    for sky, center in enumerate(CENTERS):
        paths = [path for path in sorted(cache_folder.glob("flares_*.npy"))
                 if int(path.stem[-4:]) % len(CENTERS) == sky]  # fmt: skip
        for found in map(np.load, paths):
            bright = found[:, 0] > 10**-4
            print(f"{center}: {np.sum(found[:, 3] > 0)} of {len(found)} flares, above 1e-4: "
                  f"{np.sum(found[bright, 3] > 0)} of {bright.sum()}")  # fmt: skip
    found, number = _saved(cache_folder, "flares")
    fluence, duration, index, ts, measured, days, _, offset = found.T
    print(f"{len(found)} flares in {number} fields; found of each fluence (erg cm-2)")
    edges = np.linspace(*FLUENCES, 6)
    print("days   " + "  ".join(f"{10**low:.0e}-{10**high:.0e}" for low, high in pairwise(edges)))
    for each in DURATIONS:
        parts = []
        for low, high in pairwise(edges):
            some = (duration == each) & (np.log10(fluence) >= low) & (np.log10(fluence) < high)
            parts.append(f"{np.sum(ts[some] > 0):6d} of {some.sum():2d}")
        print(f"{each:5g}  " + "  ".join(parts))
    for each in INDICES:
        some = index == each
        print(f"index {each}: {np.sum(ts[some] > 0)} of {some.sum()}")
    ok = ts > 0
    ratio = measured[ok] / fluence[ok]
    print(f"fluence, measured over true: median {np.median(ratio):.2f}, 16 to 84 % "
          f"{np.percentile(ratio, 16):.2f} to {np.percentile(ratio, 84):.2f}")  # fmt: skip
    ratio = days[ok] / duration[ok]
    print(f"duration, measured over true: median {np.median(ratio):.2f}, 16 to 84 % "
          f"{np.percentile(ratio, 16):.2f} to {np.percentile(ratio, 84):.2f}")  # fmt: skip
    print(f"within the 95 % ellipse: {np.sum(offset[ok] < 1)} of {ok.sum()}")


def speed():
    """Print CPU time and memory of a search in 5 million events."""
    field, rng = prepared(len(CENTERS) - 1), np.random.default_rng(SEED)
    expected = field.expected * (5e6 / field.expected.sum())
    data = data_of(field, rng.poisson(expected), {}, {}, rng)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    found = TransientSearch(systematic=0.1).run(data)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{len(data[1])} events: {time.process_time() - start:.0f} s of CPU time, at most "
          f"{after / 1e6:.2f} GB ({before / 1e6:.2f} GB before), {len(found)} rows")  # fmt: skip


def example(folder):
    """Make the example of docs/transients.md: a sky with flares and novae, what is found, and the
    figure."""
    folder.joinpath("flaring.yaml").write_text(EXAMPLE)
    SkySimulator(folder / "flaring.yaml").run(folder / "sky")
    field = folder / "sky"
    start = time.process_time()
    found = TransientSearch().run(field / "events.fits", exposure=field / "bexpmap.fits")
    print(f"{time.process_time() - start:.0f} s of CPU time")
    style.save(found.plot(), Path(__file__).parents[2] / "docs/figures/transients.png", True)
    truth = Table.read(field / "truth.fits", hdu="TRANSIENTS")
    at = SkyCoord(truth["RAJ2000"], truth["DEJ2000"], unit="deg", frame="fk5")
    print("truth: kind, fluence (ph cm-2, 1-100 GeV), start and duration (d), TS found")
    for row, position in zip(truth, at, strict=True):
        table = found.table
        near = found.catalog.positions.separation(position).deg < 0.5
        near &= table["ML_Start"] < row["Start"] + row["Duration"]
        near &= table["ML_Start"] + table["ML_Duration"] > row["Start"]
        ts = np.asarray(table["ML_TS"][near]).round(1)
        print(row["Kind"], f"{row['Fluence']:.3f}", *_days(row["Start"], row["Duration"]), ts)
    print("found: start and duration (d), TS, rate of false alarms")
    for row in found.table:
        days = _days(row["ML_Start"], row["ML_Duration"])
        print(row["Source_Name"], *days, f"{row['ML_TS']:.1f} {row['ML_False_Rate']:.1e}")


def _days(start, duration):
    return f"{(start - START) / DAY:.1f}", f"{duration / DAY:.1f}"


def main():
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("cache", nargs="?", type=Path, default=Path("CACHE"))
    parser.add_argument("--fields", type=int, default=10)
    parser.add_argument("-o", "--output", default="data/transients.yaml")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    print(machine(SEED))
    if given.what in ("alarms", "flares"):
        {"alarms": alarms, "flares": flares}[given.what](given.cache, given.fields)
    elif given.what == "fit":
        fit(given.cache, given.output)
    elif given.what == "speed":
        speed()
    else:
        {"check": check, "efficiency": efficiency, "example": example}[given.what](given.cache)


if __name__ == "__main__":
    main()

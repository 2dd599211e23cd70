"""Test the likelihood fit on known truth: TS, flux, index, position, noise, false sources, time.

    python benchmarks/likelihood/known_truth.py isolated skies noise false speed \
        -o docs/figures --cache DIR

`isolated`: power laws 2.5 deg apart on a true diffuse model. `skies`: a whole population, with the
true sources of Asimov TS > 16; those outside the data or within half a degree of their edge
are in the model as known ones. Seeds of both are moved by 0.03 deg and everything is free. `noise`:
a fixed position, fixed shape, norm >= 0, no source. `false`: maxima of a TS map of source-free
skies as seeds. `speed`: time against the number of seeds. Fields are simulated with 500 MeV-1 TeV,
6 bins a decade, 14 years, FRONT+BACK, pixels of 0.1 deg.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy import units as u
from gammapy.maps import WcsNDMap
from scipy import stats

from fermiml import LikelihoodFit, SkyCube, SourceCatalog, TraditionalDetector
from fermiml.catalog.flags import MLFlag
from fermiml.model import point_sources
from fermiml.model.from_catalog import sources_of
from fermiml.model.sources import Shapes, Sources
from fermiml.plot import style
from fermiml.simulate import fields, sky_settings
from fermiml.sky.cube import Component, EnergyDispersion, Origin

sys.path.insert(0, str(Path(__file__).parents[1]))  # what the folders share
from machine import machine

SEED = 7
ISOLATED = 20  # fields of 25 sources
ZONES = {"high": [(100, 45), (60, 60), (230, -50), (300, 40), (130, -62), (200, 38)],
         "middle": [(95, 16), (320, -15), (215, 15), (140, -16), (280, 15), (40, -16)],
         "plane": [(85, 2), (125, -2), (240, 1), (205, 0)]}  # fmt: skip


def prepare(center, width=14.0, seed=SEED, preset="nominal"):
    """The field of a population, its bright sources, the generator of what is drawn later."""
    settings = sky_settings.check(
        {
            "seed": seed,
            "sky": {"centers": [list(center)], "width": width},
            "energy": {"min": 500, "max": 1e6, "bins_per_decade": 6},
            "observation": {"years": 14},
            "population": {"preset": preset},
        }
    )
    setup = fields.prepare(settings)
    ((_, geom),) = fields.geometries(settings)
    rng = np.random.default_rng([seed, *(int(c) % 360 for c in center)])
    (seen,), bright = fields.simulate_field(setup, geom, rng)
    return seen, bright, rng


def cube_of(field, rng):
    """Poisson counts of a field."""
    return SkyCube([_component(field, rng)], "simulated")


def _component(field, rng):
    o, given = field.observation, Origin("simulated")
    return Component(
        "all",
        WcsNDMap(o.geom, rng.poisson(field.expected)),
        field.selection,
        mask=np.ones(o.pixels.shape, bool),
        psf=o.psf,
        exposure=o.exposure_map,
        edisp=EnergyDispersion(o.true_edges, o.dispersion),
        background=WcsNDMap(o.geom, field.background),
        origins={"psf": given, "exposure": given, "edisp": given},
    )


def seeds_of(catalog, rng, scatter=0.03):
    """Bare positions, moved at random."""
    angle = rng.uniform(0, 360, len(catalog)) * u.deg
    distance = scatter * np.hypot(*rng.normal(size=(2, len(catalog)))) * u.deg
    moved = catalog.positions.directional_offset_by(angle, distance)
    return SourceCatalog.from_table({"RAJ2000": moved.ra.deg, "DEJ2000": moved.dec.deg})


def near_the_edge(truth, geom):
    """Which true sources are outside the data or within half a degree of their edge."""
    x, y = geom.to_image().coord_to_pix(truth.positions)
    ny, nx = geom.data_shape[1:]
    return ~((x > 4.5) & (y > 4.5) & (x < nx - 5.5) & (y < ny - 5.5))


def skies(cache):
    """Fits of fields with a whole population; one file each: an interrupted run resumes."""
    for zone, centers in ZONES.items():
        for center in centers:
            path = cache / f"sky_{zone}_{center[0]}_{center[1]}.npz"
            if not path.is_file():
                field, bright, rng = prepare(center)
                truth = fields.true_catalog([field], bright)
                near_edge = near_the_edge(truth, field.observation.geom)
                detectable = np.asarray(truth.table["TS_Asimov"], float) > 16
                _fit(path, field, truth[detectable & ~near_edge], rng, truth[near_edge])


def isolated(cache):
    """Fits of power laws 2.5 deg apart, and nothing else but the diffuse emission."""
    empty, _, _ = prepare((100, 45), preset="none")
    step = np.arange(5) - 2.0
    column, row = (g.ravel() for g in np.meshgrid(step, step))
    for number in range(ISOLATED):
        path = cache / f"isolated_{number:02d}.npz"
        if path.is_file():
            continue
        rng = np.random.default_rng([SEED, 3, number])
        lat = 45 + 2.5 * row + rng.uniform(-0.1, 0.1, row.size)
        lon = 100 + (2.5 * column + rng.uniform(-0.1, 0.1, row.size)) / np.cos(np.radians(lat))
        index = rng.normal(2.2, 0.2, row.size)
        shapes = Shapes(np.full(row.size, 1000.0), index, 0 * index, 0 * index)
        flux = 10 ** rng.uniform(-9.9, -8.7, row.size)
        sources = Sources.points(lon, lat, flux, shapes, "bll")
        field = replace(empty, sources=point_sources.total(empty.observation, sources))
        truth = fields.true_catalog([field], sources)
        _fit(path, field, truth, rng)


def _fit(path, field, true, rng, known=None):
    """Fit bare positions near the true ones, with known sources in the model, and keep the
    comparison."""
    cube, seeds = cube_of(field, rng), seeds_of(true, rng)
    start = time.process_time()
    found = LikelihoodFit(known=known, bands=False).run(seeds, cube)
    seconds = time.process_time() - start
    np.savez(path, seconds=seconds, scatter=_scatter(field, true), **_compare(true, found))
    print(f"{path.stem}: {len(true)} sources, {seconds:.0f} s of CPU", flush=True)


def _scatter(field, true):
    """Standard deviation of sqrt(TS) from Poisson noise alone, all parameters known.

    It is 1 for a source on a bright background. Where photons come one by one on hardly any
    background, each brings ln(1 + s/b) >> 1, and it is more.
    """
    everything = field.expected.reshape(len(field.expected), -1)
    out = np.full(len(true), np.nan)
    for i, pixels, s in point_sources.windows(field.observation, sources_of(true)):
        both = everything[:, pixels]
        logs = np.log1p(s / np.maximum(both - s, 1e-12))
        out[i] = np.sqrt(np.sum(both * logs**2) / np.sum(2 * (both * logs - s)))
    return out


def _compare(true, found):
    t, f = true.table, found.table
    offset = true.positions.separation(found.positions).deg
    angle = found.positions.position_angle(true.positions).deg
    turned = np.radians(angle - np.asarray(f["Conf_95_PosAng"], float))
    major, minor = (np.asarray(f[f"Conf_95_{n}"], float) for n in ("SemiMajor", "SemiMinor"))
    index, error = _index(f)
    return {
        "asimov": np.array(t["TS_Asimov"], float),
        "ts": np.array(f["TS"], float),
        "flux_pull": np.array((f["Flux1000"] - t["Flux1000"]) / f["Unc_Flux1000"], float),
        "flux_ratio": np.array(f["Flux1000"] / t["Flux1000"], float),
        "index_pull": (index - _local_index(t, f)) / error,
        "offset": offset,
        "r95": np.sqrt(major * minor),
        "sigma": np.hypot(offset * np.cos(turned) / major, offset * np.sin(turned) / minor),
        "flags": np.array(f["ML_Flags"].filled(0), int),
        "kind": np.asarray(f["SpectrumType"]).astype("U"),
        "class1": np.asarray(t["CLASS1"]).astype("U"),
    }


def _index(table):
    """Index at the pivot energy, and its error, of the shape that each row has."""
    kinds = np.asarray(table["SpectrumType"])
    names = {"PowerLaw": "PL_Index", "LogParabola": "LP_Index", "PLSuperExpCutoff": "PLEC_IndexS"}
    return tuple(
        np.select(
            [kinds == k for k in names], [np.array(table[unc + n], float) for n in names.values()]
        )
        for unc in ("", "Unc_")
    )


def _local_index(true, found):
    """Index of the true spectrum at the pivot energy of the fit."""
    shapes = sources_of(SourceCatalog(true)).shapes
    energy = np.asarray(found["Pivot_Energy"], float)
    step = 0.01
    up, down = (
        np.array([shapes[[i]].density(np.array([e * s]))[0, 0] for i, e in enumerate(energy)])
        for s in (np.exp(step), np.exp(-step))
    )
    return -np.log(up / down) / (2 * step)


def noise(cache):
    """TS where there is no source: a fixed position, a power law of index 2.2."""
    path = cache / "noise.npz"
    if path.is_file():
        return
    empty, _, _ = prepare((100, 45), width=12.0, preset="none")
    fixed = LikelihoodFit(positions=False, spectra=False, bands=False, neighbours=0.1)
    values = []
    for number in range(30):
        cube = cube_of(empty, np.random.default_rng([SEED, 4, number]))
        step = np.arange(7)
        column, row = (g.ravel() for g in np.meshgrid(step, step))
        lat = 45 + 1.5 * (row - 3)
        lon = 100 + 1.5 * (column - 3) / np.cos(np.radians(lat))
        # Every second row and column at a time: the seeds of one fit are each other's neighbours.
        for part in range(4):
            use = (column % 2) + 2 * (row % 2) == part
            seeds = SourceCatalog.from_table({"GLON": lon[use], "GLAT": lat[use]})
            found = fixed.run(seeds, cube)
            values.extend(np.asarray(found.table["TS"], float))
        print("noise", number, len(values), flush=True)
    np.savez(path, ts=np.array(values))


def false(cache):
    """Maxima of TS maps of source-free skies as seeds of a full fit."""
    for number in range(10):
        path = cache / f"false_{number:02d}.npz"
        if path.is_file():
            continue
        center = (100 + 20 * number, (45, -30)[number % 2])
        empty, _, rng = prepare(center, width=20.0, seed=2000 + number, preset="none")
        cube = cube_of(empty, rng)
        seeds = TraditionalDetector(final=3.0).run(cube)
        ts = []
        if len(seeds):
            positions = {n: np.array(seeds.table[n], float) for n in ("RAJ2000", "DEJ2000")}
            found = LikelihoodFit(bands=False).run(SourceCatalog.from_table(positions), cube)
            ts = np.asarray(found.table["TS"], float)
        np.savez(path, ts=ts, seeds=np.asarray(seeds.table["TS"], float), area=400.0)
        print("false", number, len(ts), np.sort(ts)[-3:], flush=True)


def speed(cache):
    """Seconds of CPU against the number of seeds in the same field."""
    path = cache / "speed.npz"
    if path.is_file():
        return
    field, bright, rng = prepare((100, 45), width=24.0)
    cube = cube_of(field, rng)
    truth = fields.true_catalog([field], bright)
    detectable = np.asarray(truth.table["TS_Asimov"], float) > 9
    true = truth[detectable & ~near_the_edge(truth, field.observation.geom)]
    true = true[np.argsort(-np.asarray(true.table["TS_Asimov"]))]
    rows = []
    for count in (5, 10, 20, 40, 80, 160):
        if count > len(true):
            break
        seeds = seeds_of(true[:count], np.random.default_rng(1))
        wall, cpu = time.perf_counter(), time.process_time()
        LikelihoodFit().run(seeds, cube)
        rows.append((count, time.perf_counter() - wall, time.process_time() - cpu))
        print("speed", rows[-1], flush=True)
    np.savez(path, rows=np.array(rows))


def main():
    """Run what is asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", choices=list(EXPERIMENTS))
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("likelihood-cache"))
    options = parser.parse_args()
    options.cache.mkdir(exist_ok=True)
    print(machine(SEED))
    for name in options.what:
        EXPERIMENTS[name](options.cache)
    report(options.cache)
    if options.output:
        plot(options.cache, options.output / "likelihood.png")


CLASSES = ((16, 25), (25, 50), (50, 200), (200, np.inf), (25, np.inf), (50, np.inf))  # Asimov TS


def report(cache):
    """Print the tables of docs/fit.md from what is in the cache."""
    for name, alone in (("isolated", False), ("sky", False), ("sky", True)):
        found = _joined(cache.glob(f"{name}_*.npz"))
        if not found:
            continue
        each = found.pop("seconds").sum() / len(found["ts"])
        if alone:
            found = {k: v[found["flags"] & MLFlag.BLENDED == 0] for k, v in found.items()}
        print(f"\n{name}{', not blended' * alone}: {len(found['ts'])} sources, {each:.2f} s each")
        print("Asimov TS   n  dsqrt(TS) (over its scatter) [median]  flux pull  index pull  "
              "in 95 %  offset")  # fmt: skip
        for low, high in CLASSES:
            _print_row(found, low, high)
    if (cache / "noise.npz").is_file():
        ts = np.load(cache / "noise.npz")["ts"]
        positive = ts[ts > 1e-4]
        test = stats.kstest(positive, stats.chi2(1).cdf).pvalue
        print(f"\nnoise: {len(ts)} positions, {np.mean(ts < 1e-4):.3f} at zero (0.5), "
              f"K-S of the others against chi2(1): p = {test:.2f}")  # fmt: skip
        for least in (2.71, 4, 6, 9):
            expected = len(ts) * stats.chi2(1).sf(least) / 2
            print(f"  above {least}: {np.sum(ts > least)} ({expected:.1f} expected)")
    false_ones = _joined(cache.glob("false_*.npz"))
    if false_ones:
        area = false_ones["area"].sum()
        for name, what in (("seeds", "TS map"), ("ts", "full fit")):
            ts = false_ones[name]
            for least in (9, 12.25, 16, 20, 25):
                count = np.sum(ts > least)
                print(f"false sources above TS {least} ({what}): {count} in {area:.0f} deg2, "
                      f"{count / area * 1000:.2f} per 1000 deg2")  # fmt: skip
    if (cache / "speed.npz").is_file():
        for count, _, cpu in np.load(cache / "speed.npz")["rows"]:
            print(f"{count:4.0f} seeds: {cpu:.1f} s of CPU, {cpu / count:.2f} each")


def _joined(paths):
    files = [dict(np.load(path)) for path in sorted(paths)]
    if not files:
        return {}
    return {key: np.concatenate([np.atleast_1d(f[key]) for f in files]) for key in files[0]}


def _print_row(found, low, high):
    """One class of Asimov TS; the share in the ellipse is of the sources that have one."""
    use = (found["asimov"] > low) & (found["asimov"] <= high)
    if not use.any():
        return
    root = np.sqrt(found["ts"][use]) - np.sqrt(found["asimov"][use])
    scaled = root / found["scatter"][use]
    text = f"{low:4}-{high:<6} {use.sum():4} {root.mean():6.2f} +- {root.std():.2f}"
    text += f" ({scaled.mean():5.2f} +- {scaled.std():.2f}) [{np.median(root):5.2f}]"
    for name in ("flux_pull", "index_pull"):
        pull = found[name][use]
        pull = pull[np.isfinite(pull)]
        text += f" {pull.mean():6.2f} +- {pull.std():.2f}"
    sigma = found["sigma"][use & np.isfinite(found["sigma"])]
    inside = stats.binomtest(int(np.sum(sigma < 1)), max(len(sigma), 1)).proportion_ci()
    text += f"  {np.mean(sigma < 1):.3f} ({inside.low:.3f}-{inside.high:.3f})"
    print(f"{text}  {np.median(found['offset'][use]):.4f}")


def plot(cache, path):
    """sqrt(TS) against the Asimov TS, offsets, pulls; TS of noise, false sources, time."""
    figure = style.new_figure(12, 7)
    axes = figure.subplots(2, 3)
    found = _joined(cache.glob("isolated_*.npz"))
    if found:
        _plot_isolated(found, axes[0])
    if (cache / "noise.npz").is_file():
        ts = np.load(cache / "noise.npz")["ts"]
        x = np.linspace(0, 12, 200)
        axes[1, 0].step(x, [np.mean(ts > v) for v in x], where="post")
        axes[1, 0].plot(x, 0.5 * stats.chi2(1).sf(x), "k:")
        axes[1, 0].set(yscale="log", xlabel="TS of noise", ylabel="fraction above")
    false_ones = _joined(cache.glob("false_*.npz"))
    if false_ones:
        x = np.linspace(9, 26, 100)
        for name, label in (("ts", "fit of the maxima"), ("seeds", "TS map")):
            rate = [np.sum(false_ones[name] > v) / false_ones["area"].sum() * 1000 for v in x]
            axes[1, 1].step(x, rate, where="post", label=label)
        axes[1, 1].set(yscale="log", xlabel="TS", ylabel="false sources above / 1000 deg$^2$")
        axes[1, 1].legend()
    if (cache / "speed.npz").is_file():
        rows = np.load(cache / "speed.npz")["rows"]
        axes[1, 2].plot(rows[:, 0], rows[:, 2], "o-")
        axes[1, 2].set(xlabel="seeds", ylabel="CPU time (s)")
    style.save(figure, path, overwrite=True)


def _plot_isolated(found, axes):
    root = np.sqrt(found["asimov"])
    axes[0].scatter(root, np.sqrt(found["ts"]) - root, s=6)
    axes[0].axhline(0, color=style.GREY, lw=1)
    axes[0].set(xscale="log", ylim=(-6, 6), xlabel="sqrt(Asimov TS)",
                ylabel="sqrt(TS) - sqrt(Asimov TS)")  # fmt: skip
    axes[0].minorticks_off()
    axes[0].set_xticks([10, 20, 50], ["10", "20", "50"])
    sigma = np.sort(found["sigma"][np.isfinite(found["sigma"])])
    axes[1].plot(sigma, np.arange(1, len(sigma) + 1) / len(sigma))
    x = np.linspace(0, 2, 100)
    axes[1].plot(x, 1 - 0.05 ** (x**2), "k:")
    axes[1].set(
        xlim=(0, 2), xlabel="offset / radius of the 95 % ellipse", ylabel="fraction of sources"
    )
    x = np.linspace(-4, 4, 100)
    for name in ("flux", "index"):
        pull = found[f"{name}_pull"]
        axes[2].hist(pull, x[::4], density=True, histtype="step", label=name)
    axes[2].plot(x, stats.norm.pdf(x), "k:")
    axes[2].set(xlabel="(fitted - true) / error")
    axes[2].legend()


EXPERIMENTS = {"isolated": isolated, "skies": skies, "noise": noise, "false": false, "speed": speed}

if __name__ == "__main__":
    main()

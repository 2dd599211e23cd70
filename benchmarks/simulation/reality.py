"""Compare expected counts of 4FGL-DR4 + diffuse + isotropic with real LAT data, band by band.

    FERMIML_TEST_DATA=... python benchmarks/simulation/reality.py -o docs/figures

Free in each field, as in any likelihood analysis: the norms of the Galactic model and of
the isotropic spectrum, and those of the sources that 4FGL-DR4 calls variable
(Variability_Index > 24.7) and that are bright there. Needs fermipy (its catalogs).
"""

import argparse
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.catalog.catalog import SourceCatalog
from fermiml.model import convolve, diffuse, from_catalog, point_sources
from fermiml.model.observation import Observation
from fermiml.response import exposure, irfs
from fermiml.response.caldb import read_caldb
from fermiml.sky.bands import assign_bins
from fermiml.sky.cube import SkyCube

VARIABLE = 24.725  # 4FGL-DR4: variable at 99 % confidence
NAMES = ("0.1-0.5", "0.5-1", "1-2", "2-7", "7-20", ">20")


@dataclass(frozen=True)
class Case:
    """One data set and the models that go with it."""

    name: str
    counts: str
    isotropic: str
    options: dict = field(default_factory=dict)
    exposure: str | None = None
    psf: str | None = None
    irf: str | None = None
    apart: tuple = ()  # more sources whose norm is free


CASES = (
    Case("j2024_ft1", "j2024_ft1/ft1.fits.gz", "iso_P8R2_SOURCE_V6_v06.txt"),
    Case(
        "pg1553_100mev",
        "pg1553_100mev/ccube_00.fits.gz",
        "iso_P8R3_SOURCE_V3_v1.txt",
        exposure="pg1553_100mev/bexpmap_roi_00.fits.gz",
    ),
    Case(
        "3fhl_gc",
        "3fhl_gc/fermi-3fhl-gc-counts-cube.fits.gz",
        "iso_P8R2_SOURCE_V6_v06.txt",
        exposure="3fhl_gc/fermi-3fhl-gc-exposure-cube.fits.gz",
        psf="3fhl_gc/fermi-3fhl-gc-psf-cube.fits.gz",
        irf="P8R2_SOURCE_V6",
    ),
)


def galactic(folder):
    """The official model: the coarse file times the fine structure of another map."""
    return diffuse.galactic_cube(
        folder / "diffuse" / "gll_iem_v07_allsky_1p5deg_fixed.fits",
        fine=folder / "diffuse" / "modelO_2to20GeV_nside128.fits.gz",
    )


def psf_there(component, caldb):
    """The PSF for the inclinations at which a survey sees the field, as gtpsf has it."""
    livetime = exposure.inclinations(component.center.icrs.dec.deg)
    name = component.selection.irf_name
    parts = read_caldb(caldb, name, component.event_types, livetime)
    return irfs.Response.combine(name, parts).psf


def read(case, folder):
    """The cube of a data set."""
    real = folder / "real"
    options = {k: real / getattr(case, k) for k in ("exposure", "psf") if getattr(case, k)}
    options |= case.options
    if case.irf:
        options["irf"] = case.irf
    return SkyCube.read(real / case.counts, **options)


def templates(case, folder, inclined=False):
    """Component, observation, and expected counts by part: galactic, isotropic, sources ...

    With `inclined` the PSF is that of the field's own inclinations.
    """
    component = read(case, folder).components[0]
    if inclined:
        component.psf = psf_there(component, folder / "caldb")
    observation = Observation.like(component, irf=case.irf)
    parts = {
        "galactic": convolve.expect(observation, galactic(folder).intensity),
        "isotropic": convolve.expect(
            observation, diffuse.isotropic_file(folder / "diffuse" / case.isotropic).intensity
        ),
    }
    sources, variable, names = _catalog(observation)
    variable |= np.isin(names, case.apart)
    parts["sources"] = point_sources.total(observation, sources[~variable])
    for i in np.flatnonzero(variable):
        parts[names[i]] = point_sources.total(observation, sources[[i]])
    return component, observation, parts


def _catalog(observation):
    """4FGL-DR4 around the field; which of them are bright, variable and within it."""
    path = from_catalog.find("4FGL-DR4")
    sources, names = from_catalog.own_sources(path)
    table = SourceCatalog.read(path).table
    index = dict(zip(table["Source_Name"], table["Variability_Index"], strict=True))
    index = np.array([index[name] for name in names], float)
    center, radius = observation.pixels.center
    away = SkyCoord(sources.lon, sources.lat, unit="deg", frame="galactic").separation(center).deg
    near = away < radius + 10
    sources, names, index, away = sources[near], names[near], index[near], away[near]
    bright = (observation.photons(sources) @ observation.dispersion).sum(axis=1) > 100
    return sources, (index > VARIABLE) & bright & (away < radius + 2), names


def fit_norms(component, parts):
    """Maximum-likelihood norms of the parts (sources fixed at one), over pixels and bins."""
    from scipy.optimize import minimize

    use = component.mask
    counts = component.counts.data[:, use].astype(float)
    names = [n for n in parts if n != "sources"]
    fixed = parts["sources"][:, use]
    free = np.array([parts[n][:, use] for n in names])

    def cost(norms):
        model = np.maximum(fixed + np.tensordot(norms, free, 1), 1e-12)
        gradient = np.tensordot(free, 1 - counts / model, 2)
        return np.sum(model - counts * np.log(model)), gradient

    result = minimize(
        cost, np.ones(len(names)), jac=True, method="L-BFGS-B", bounds=[(0.05, 20)] * len(names)
    )
    return dict(zip(names, result.x, strict=True)) | {"sources": 1.0}


def band_table(component, parts, norms):
    """Observed and expected counts per band: as they come, and with the free norms."""
    use = component.mask
    number = assign_bins(component.energy_edges) + 1
    observed = component.counts.data[:, use].sum(axis=1, dtype=float)
    plain = sum(p[:, use].sum(axis=1) for p in parts.values())
    fitted = sum(norms[n] * p[:, use].sum(axis=1) for n, p in parts.items())
    return [
        (NAMES[b], *(float(x[number == b].sum()) for x in (observed, plain, fitted)))
        for b in range(6)
        if (number == b).any()
    ]


def passes(observed, expected):
    """Within 10 % or two standard deviations of the counts."""
    return abs(observed - expected) <= max(0.1 * expected, 2 * np.sqrt(expected))


def plot(case, component, parts, norms, path):
    """Observed and expected counts and the residual in sigma, of all energies, smoothed."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from scipy.ndimage import gaussian_filter

    image = component.counts.geom.to_image()
    observed = component.counts.data.sum(axis=0).astype(float) * component.mask
    model = sum(norms[n] * p for n, p in parts.items()).sum(axis=0) * component.mask
    sigma = 0.15 / component.pixel_size
    smooth = [gaussian_filter(x, sigma) for x in (observed, model)]
    residual = (smooth[0] - smooth[1]) / np.sqrt(np.maximum(smooth[1], 1e-9))
    residual *= np.sqrt(4 * np.pi) * sigma  # noise of a Gaussian mean of Poisson counts
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), subplot_kw={"projection": image.wcs})
    top = np.percentile(smooth[0][component.mask], 99.7)
    for axis, data, title in zip(
        axes, (*smooth, residual), ("observed", "expected", "residual (sigma)"), strict=True
    ):
        shown = np.where(component.mask, data, np.nan)
        limits = {"vmin": -5, "vmax": 5, "cmap": "RdBu_r"} if "res" in title else {"vmax": top}
        drawn = axis.imshow(shown, origin="lower", **limits)
        figure.colorbar(drawn, ax=axis, shrink=0.8)
        axis.set_title(f"{case.name}: {title}", fontsize=10)
        axis.coords[0].set_axislabel("longitude" if image.frame == "galactic" else "RA")
        axis.coords[1].set_axislabel("latitude" if image.frame == "galactic" else "Dec")
    figure.tight_layout()
    figure.savefig(path, dpi=75)
    plt.close(figure)


def main():
    """Print the tables and draw the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default=".", type=Path)
    parser.add_argument("--only", help="one data set")
    options = parser.parse_args()
    folder = Path(os.environ["FERMIML_TEST_DATA"])
    for case in CASES:
        if options.only in (None, case.name):
            component, _, parts = templates(case, folder)
            norms = fit_norms(component, parts)
            shown = ", ".join(f"{n} {v:.2f}" for n, v in norms.items() if n != "sources")
            print(f"\n{case.name}: norms {shown}")
            print(f"{'band (GeV)':<12}{'observed':>10}{'expected':>10}{'fitted':>10}{'obs/fit':>9}")
            for name, seen, plain, fitted in band_table(component, parts, norms):
                verdict = "" if passes(seen, fitted) else "  outside"
                print(f"{name:<12}{seen:>10.0f}{plain:>10.1f}{fitted:>10.1f}"
                      f"{seen / fitted:>9.3f}{verdict}")  # fmt: skip
            plot(case, component, parts, norms, options.output / f"reality_{case.name}.png")


if __name__ == "__main__":
    main()

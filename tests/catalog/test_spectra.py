"""Fluxes, pivot energies and band values against closed forms, gammapy and 4FGL itself."""

from pathlib import Path

import numpy as np
import pytest
from makers.catalogs import sample

from fermiml import SourceCatalog
from fermiml.catalog import spectra


def test_power_law_integrals_have_a_closed_form():
    pivot, amplitude, index = np.array([1500.0]), np.array([1e-12]), np.array([2.3])
    photon = amplitude * pivot**index * (1e3**-1.3 - 1e5**-1.3) / 1.3
    energy = amplitude * pivot**index * (1e2**-0.3 - 1e5**-0.3) / 0.3
    pars = (pivot, amplitude, index)
    assert np.allclose(spectra.row_flux("PowerLaw", pars, 1e3, 1e5), photon, rtol=1e-5)
    assert np.allclose(spectra.row_flux("PowerLaw", pars, 1e2, 1e5, 1), energy, rtol=1e-5)


@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")  # of gammapy
def test_fluxes_agree_with_gammapy():
    import astropy.units as u

    catalog = sample()
    for row, model in zip(catalog, catalog.to_models(), strict=True):
        if np.isnan(row["Flux1000"]):
            continue
        flux = model.spectral_model.integral(1 * u.GeV, 100 * u.GeV).to_value("cm-2 s-1")
        energy = model.spectral_model.energy_flux(0.1 * u.GeV, 100 * u.GeV)
        assert np.isclose(row["Flux1000"], flux, rtol=2e-3)
        assert np.isclose(row["Energy_Flux100"], energy.to_value("erg cm-2 s-1"), rtol=2e-3)


def test_flux_error_is_that_of_a_monte_carlo():
    rng = np.random.default_rng(1)
    row = sample()[0]
    n = 20000
    amplitude = rng.normal(row["PL_Flux_Density"], row["Unc_PL_Flux_Density"], n)
    index = rng.normal(row["PL_Index"], row["Unc_PL_Index"], n)
    flux = spectra.row_flux(
        "PowerLaw", (np.full(n, row["Pivot_Energy"]), amplitude, index), 1e3, 1e5
    )
    assert np.isclose(row["Unc_Flux1000"], flux.std(), rtol=0.05)


def test_decorrelation_energy():
    # A power law known at 2 GeV, looked at from 500 MeV: amplitude and index correlate there.
    pivot, amplitude, index, unc_a, unc_i = 2000.0, 1e-13, 2.4, 1e-14, 0.2
    x = np.log(500.0 / pivot)
    at_500 = amplitude * np.exp(-index * x)
    covariance = at_500**2 * np.array([[(unc_a / amplitude) ** 2 + (x * unc_i) ** 2, 0], [0, 0]])
    covariance[0, 1] = covariance[1, 0] = -at_500 * x * unc_i**2
    covariance[1, 1] = unc_i**2
    found = spectra.decorrelate(500.0, at_500, index, covariance)
    assert np.allclose(found, (pivot, amplitude, unc_a))


def test_band_upper_limits_as_4fgl_writes_them():
    flux = np.array([1e-10, 2e-12])
    errors = spectra.band_errors([1e-11, 1e-12], [2e-11, 3e-12], [6.0, 0.4], flux, [np.nan, 9e-12])
    assert np.allclose(errors[0], [-1e-11, 2e-11])
    assert np.isnan(errors[1, 0])
    np.testing.assert_allclose(spectra.upper_limits(flux, errors), [np.nan, 9e-12])


def test_cutoff_becomes_a_log_parabola_for_a_vanishing_exponent():
    energy = np.geomspace(100, 1e5, 20)
    cutoff = spectra.shape("PLSuperExpCutoff", energy, 1e3, 2.0, 0.3, 1e-7)
    parabola = spectra.shape("LogParabola", energy, 1e3, 2.0, 0.15)
    assert np.allclose(cutoff, parabola, rtol=1e-4)


def _4fgl(version):
    fermipy = pytest.importorskip("fermipy")
    return SourceCatalog.read(f"{fermipy.PACKAGE_DATA}/catalogs/gll_psc_v{version}.fit")


def _forget(catalog, *names):
    table = catalog.table.copy()
    for name in names:
        table[name] = np.nan
    return SourceCatalog.from_table(table).table


def test_what_is_derived_is_what_4fgl_dr4_has():
    dr4 = _4fgl(35)
    names = ("Flux1000", "Unc_Flux1000", "Energy_Flux100", "Unc_Energy_Flux100", "LP_EPeak")
    ours = _forget(dr4, *names)
    power_law = dr4.table["SpectrumType"] == "PowerLaw"
    for name in names:
        rows = power_law if name.startswith("Unc") else dr4.table["SpectrumType"] != ""
        rows = rows & (dr4.table[name] > 0) & np.isfinite(ours[name])
        ratio = np.asarray(ours[name][rows]) / np.asarray(dr4.table[name][rows])
        assert np.sum(rows) > 3000
        assert np.all(np.abs(np.percentile(ratio, [1, 99]) - 1) < 2e-3)


def test_band_seds_are_those_of_4fgl_dr4():
    dr4 = _4fgl(35)
    table = dr4.table.copy()
    table["nuFnu_Band"] = np.full((len(table), 8), np.nan, "f4")
    ours = SourceCatalog.from_table(table).table["nuFnu_Band"]
    rows = dr4.table["SpectrumType"] == "PowerLaw"
    theirs = np.asarray(dr4.table["nuFnu_Band"][rows])
    ratio = np.divide(ours[rows], theirs, out=np.full_like(theirs, np.nan), where=theirs > 0)
    assert np.allclose(np.nanmedian(ratio, axis=0), 1, atol=1e-3)


@pytest.mark.parametrize("version", [20, 27])
def test_cutoffs_of_older_releases_are_converted(version):
    old = _4fgl(version)
    rows = old.table["SpectrumType"] == "PLSuperExpCutoff"
    flux = _forget(old, "Flux1000")["Flux1000"]
    ratio = np.asarray(flux[rows]) / np.asarray(old.table["Flux1000"][rows])
    assert np.sum(rows) > 100 and np.all(np.abs(ratio - 1) < 5e-3)


@pytest.mark.parametrize("file", ["gll_psc_v08.fit", "gll_psc_v16.fit", "gll_psc_8year_v5.fit"])
def test_spectra_of_older_catalogs_keep_their_curvature(file):
    """2FGL, 3FGL and FL8Y share columns between the models; the fluxes must come out again."""
    fermipy = pytest.importorskip("fermipy")
    path = Path(fermipy.__file__).parent / "data" / "catalogs" / file
    catalog = SourceCatalog.read(path)
    for kind in ("PowerLaw", "LogParabola", "PLSuperExpCutoff"):
        rows = catalog.filter(catalog.table["SpectrumType"] == kind).table
        published = np.array(rows["Flux1000"], float)
        rows["Flux1000"] = np.nan
        ours = np.array(SourceCatalog.from_table(rows).table["Flux1000"], float)
        known = np.isfinite(ours)
        assert known.mean() > 0.99
        assert np.percentile(np.abs(ours[known] / published[known] - 1), 90) < 0.005

"""The spectrum of a catalog row: fluxes in bands and the model."""

from itertools import pairwise

import numpy as np

from fermiml.catalog.columns import BAND_EDGES
from fermiml.catalog.derive import PARAMETERS
from fermiml.catalog.spectra import MEV, nufnu, shape, upper_limits
from fermiml.plot import style
from fermiml.sky.bands import BANDS

_TOP = 1e6  # MeV, where the open last band is taken to end
_NETWORK = [(low, min(high, _TOP)) for low, high in BANDS]


def plot_spectrum(row, ax=None, *, network_bands=True):
    """Draw nuFnu of a catalog row: 4FGL's bands, the networks' bands, and the model between them.

    Parameters
    ----------
    row : row of ``SourceCatalog.table``
    ax : matplotlib Axes, optional
    network_bands : bool
        Also the fluxes of the photometry in the five network bands (ML_Flux_Band).

    Returns
    -------
    matplotlib Axes
    """
    ax = style.new_axes() if ax is None else ax
    kind, model = _model(row)
    low, high = _reach(row, network_bands)
    if model is not None and low < high:
        energy = np.geomspace(low, high, 200)
        curve = model[0] * shape(kind, energy, *_pivot(row), *model[1:]) * energy**2 * MEV
        ax.plot(energy / 1e3, curve, color=style.GREY, lw=1.2, label=kind)
    _catalog_bands(row, kind, model, ax)
    if network_bands:
        _network_bands(row, kind, model, ax)
    ax.set(xscale="log", yscale="log", xlabel="energy (GeV)",
           ylabel="E$^2$dN/dE (erg cm$^{-2}$ s$^{-1}$)")  # fmt: skip
    style.plain_powers(ax.xaxis)
    _limit_height(ax)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=7)
    else:
        ax.text(0.5, 0.5, "no fluxes known", ha="center", transform=ax.transAxes)
    return ax


def _reach(row, network_bands):
    """Lowest and highest energy (MeV) of the data in bands with a flux or a limit: the model is
    known there, and a guess elsewhere."""
    flux, error = np.asarray(row["Flux_Band"], float), np.asarray(row["Unc_Flux_Band"], float)
    known = [np.array(list(pairwise(BAND_EDGES)))[np.isfinite(flux) & np.isfinite(error[:, 1])]]
    if network_bands:
        known.append(np.array(_NETWORK)[np.isfinite(np.asarray(row["Unc_ML_Flux_Band"], float))])
    edges = np.concatenate([np.reshape(pairs, (-1, 2)) for pairs in known])
    low, high = np.min(edges[:, 0], initial=np.inf), np.max(edges[:, 1], initial=0)
    return max(low, float(row.meta.get("EMIN", 0))), min(high, float(row.meta.get("EMAX", np.inf)))


def _pivot(row):
    return (float(row["Pivot_Energy"]),)


def _model(row):
    """Type and parameters of the row's own spectrum; None where they are not known."""
    kind = str(row["SpectrumType"]).strip()
    names = PARAMETERS.get(kind, ())
    values = [float(row[name]) for name in names]
    known = names and np.all(np.isfinite([*_pivot(row), *values]))
    return kind, values if known else None


def _catalog_bands(row, kind, model, ax):
    """4FGL's bands; an upper limit where TS < 1, as 4FGL has it."""
    flux = np.asarray(row["Flux_Band"], float)
    low, high = np.asarray(row["Unc_Flux_Band"], float).T
    edges = list(pairwise(BAND_EDGES))
    factor = _per_flux(row, kind, model, edges)
    limits = upper_limits(flux, row["Unc_Flux_Band"])
    measured = np.isfinite(flux) & np.isnan(limits) & (flux > 0)
    style_ = {"color": style.BLUE, "marker": "o", "ms": 4, "ls": "", "lw": 1.1}
    _points(
        ax, edges, flux * factor, (-low * factor, high * factor), measured, style_, "4FGL bands"
    )
    _limits(ax, edges, limits * factor, np.isfinite(limits), style.BLUE)


def _network_bands(row, kind, model, ax):
    flux = np.asarray(row["ML_Flux_Band"], float)
    error = np.asarray(row["Unc_ML_Flux_Band"], float)
    edges = _NETWORK
    factor = _per_flux(row, kind, model, edges)
    measured = np.isfinite(error) & (flux > error)
    limit = np.isfinite(error) & ~measured
    style_ = {"color": style.VERMILION, "marker": "s", "ms": 3.5, "ls": "", "lw": 1.1, "alpha": 0.8}
    errors = error * factor, error * factor
    _points(ax, edges, flux * factor, errors, measured, style_, "network bands")
    _limits(ax, edges, (np.maximum(flux, 0) + 2 * error) * factor, limit, style.VERMILION)


def _points(ax, edges, value, errors, used, look, label):
    if not used.any():
        return
    low, high = np.array(edges)[used].T / 1e3
    x, y = np.sqrt(low * high), value[used]
    down, up = (np.nan_to_num(e[used]) for e in errors)
    ax.errorbar(x, y, xerr=(x - low, high - x), yerr=(np.minimum(down, 0.999 * y), up),
                label=label, **look)  # fmt: skip


def _limits(ax, edges, value, used, color):
    for (low, high), top in zip(np.array(edges)[used] / 1e3, value[used], strict=True):
        ax.plot([low, high], [top, top], color=color, lw=1.0)
        ax.annotate("", (np.sqrt(low * high), top * 0.5), (np.sqrt(low * high), top),
                    arrowprops={"arrowstyle": "->", "color": color})  # fmt: skip


def _per_flux(row, kind, model, edges):
    """nuFnu (erg) of one photon in each band; that of an E^-2.2 spectrum without a model."""
    if model is None:
        kind, pars = "PowerLaw", (1000.0, 1.0, 2.2, 0.0, 0.0)
    else:
        pars = (*_pivot(row), *model, *(0.0,) * (4 - len(model)))
    pars = tuple(np.array([p]) for p in pars)
    one = np.ones((1, 1))
    return np.array([nufnu(kind, pars, one, pair)[0, 0] for pair in edges])


def _limit_height(ax):
    """No more than three decades below the highest point: models fall for ever."""
    top = max(
        (np.nanmax(line.get_ydata()) for line in ax.lines if len(line.get_ydata())), default=1
    )
    if top > 0:
        ax.set_ylim(max(ax.get_ylim()[0], top * 1e-3), None)

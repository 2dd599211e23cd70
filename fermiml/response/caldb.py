"""Turn CALDB response files into fermiml's tables.

The formulae are those of the LAT documentation (Cicerone, "LAT IRFs"): two King functions
for the PSF, two skewed exponential-power functions for the energy dispersion, both in
variables scaled with energy. The dependence of the area on azimuth (a few %, averaged
out by the rocking) and on the dead time (2-3 %) is left out.
"""

from pathlib import Path

import numpy as np
from scipy.special import gamma

from fermiml.errors import InputError
from fermiml.fitsfile import open_fits, reading
from fermiml.response.interpolate import bracket
from fermiml.response.irfs import PARTITIONS, Response
from fermiml.response.psf import PSF, RAD

ENERGY = np.geomspace(30.0, 3e6, 41)  # MeV, eight a decade
COSTHETA = np.linspace(0.2, 1.0, 33)
_t = np.linspace(-1, 1, 97)
RATIO = np.exp(2.3 * (0.06 * _t + 0.94 * _t**3))  # dense near 1, 0.1 to 10
_LARGEST_AREA = 2e4  # cm2; the LAT has 0.95e4 at most
PARTITION_NAMES = ("FB", "PSF", "EDISP")


def read_caldb(folder, name, types, livetime=None):
    """Responses of single event types (of one partition) from the files of a CALDB folder.

    PSF and energy dispersion are means over the inclination, weighted with the effective area
    and with `livetime`: edges of costheta and the livetime in between, by default all alike.
    """
    partition = next(
        tag
        for tag, members in zip(PARTITION_NAMES, PARTITIONS, strict=True)
        if set(types) <= set(members)
    )
    paths = {kind: _find(folder, kind, name, partition) for kind in ("aeff", "psf", "edisp")}
    with (
        reading(folder, f"IRF {name}"),
        open_fits(paths["aeff"]) as aeff,
        open_fits(paths["psf"]) as psf,
        open_fits(paths["edisp"]) as edisp,
    ):
        responses = [_response(name, t, aeff, psf, edisp, livetime) for t in types]
        for response in responses:
            _check(response)
        return responses


def _find(folder, kind, name, partition):
    paths = sorted(Path(folder).expanduser().rglob(f"{kind}_{name}_{partition}.fits"))
    if not paths:
        raise InputError(f"{folder}: contains no {kind}_{name}_{partition}.fits, nor a subfolder")
    return paths[0]


def _response(name, event_type, aeff, psf, edisp, livetime):
    area = _on_grid(aeff[f"EFFECTIVE AREA_{event_type}"], ("EFFAREA",), _first)
    weight = area
    if livetime is not None:
        edges, time = livetime
        number = np.clip(np.digitize(COSTHETA, edges) - 1, 0, len(time) - 1)
        weight = area * (time / np.diff(edges))[number]
    weight = weight / np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
    profile = _psf_profiles(
        psf[f"RPSF_{event_type}"], psf[f"PSF_SCALING_PARAMS_{event_type}"], weight
    )
    cumulative = _edisp_cumulative(
        edisp[f"ENERGY DISPERSION_{event_type}"],
        edisp[f"EDISP_SCALING_PARAMS_{event_type}"],
        weight,
    )
    table = PSF(ENERGY, RAD, profile).normalized()
    return Response(name, (event_type,), ENERGY, COSTHETA, 1e4 * area, table, RATIO, cumulative)


def _check(response):
    """Refuse what is no response: NaN, areas or a PSF below zero, or nothing at all."""
    label = f"IRF {response.name} {response.types[0]}"
    for what, values in (
        ("the effective area", response.aeff),
        ("the PSF", response.psf.values),
        ("the energy dispersion", response.edisp),
    ):
        if not (np.all(np.isfinite(values) & (values >= 0)) and np.any(values > 0)):
            raise InputError(f"{label}: {what} is negative, not a number, or zero; copy its file "
                             "again")  # fmt: skip
    if response.aeff.max() > _LARGEST_AREA:
        raise InputError(f"{label}: an effective area of {response.aeff.max():.3g} cm2 "
                         "is not that of the LAT")  # fmt: skip


def _first(parameters, _energy, _costheta):
    return parameters[0]


def _on_grid(hdu, columns, function):
    """Evaluate `function(parameters, energy, costheta)` on ENERGY x COSTHETA.

    As in the Fermitools, the function is evaluated with parameters and energy of the four
    surrounding table cells, and the four results are interpolated. (Evaluated at the wanted
    energy instead, r95 between the cells is up to 5 % below that of gtpsf.)
    """
    row = hdu.data[0]
    log_energy = np.log(np.sqrt(np.float64(row["ENERG_LO"]) * row["ENERG_HI"]))
    costheta = 0.5 * (np.float64(row["CTHETA_LO"]) + row["CTHETA_HI"])
    shape = len(costheta), len(log_energy)
    tables = [np.array(row[c], float).reshape(shape) for c in columns]
    i, wi = bracket(costheta, COSTHETA)
    j, wj = bracket(log_energy, np.log(ENERGY))
    total = 0.0
    for di, dj in ((0, 0), (0, 1), (1, 0), (1, 1)):
        weight = np.outer(wj if dj else 1 - wj, wi if di else 1 - wi)
        parameters = [table[np.ix_(i + di, j + dj)].T for table in tables]
        value = function(parameters, np.exp(log_energy[j + dj])[:, None], costheta[i + di][None, :])
        total = total + weight.reshape(weight.shape + (1,) * (value.ndim - 2)) * value
    return total


def _psf_profiles(hdu, scaling, weight):
    """Compute the PSF in sr^-1 on ENERGY x RAD, averaged over the inclination with `weight`."""
    c0, c1, beta = (float(v) for v in np.ravel(scaling.data["PSFSCALE"])[:3])

    def two_kings(parameters, energy, _costheta):
        ntail, score, stail, gcore, gtail = (p[..., None] for p in parameters)
        scale = np.hypot(c0 * (energy / 100.0) ** beta, c1)[..., None]  # radians
        x = np.radians(RAD) / scale
        core = 1 / (1 + ntail * stail**2 / score**2)
        return (core * _king(x, score, gcore) + (1 - core) * _king(x, stail, gtail)) / scale**2

    values = _on_grid(hdu, ("NTAIL", "SCORE", "STAIL", "GCORE", "GTAIL"), two_kings)
    return np.einsum("ec,ecr->er", weight, values)


def _king(x, sigma, index):
    norm = (1 - 1 / index) / (2 * np.pi * sigma**2)
    return norm * (1 + x**2 / (2 * index * sigma**2)) ** (-index)


def _edisp_cumulative(hdu, scaling, weight):
    """Cumulative distribution over RATIO on ENERGY, averaged over the inclination."""
    c = [float(v) for v in np.ravel(scaling.data["EDISPSCALE"])]
    fine = np.unique(np.concatenate([RATIO, np.geomspace(RATIO[0], RATIO[-1], 1201)]))

    def two_bells(parameters, energy, costheta):
        f, s1, k1, b1, p1, s2, k2, b2, p2 = (p[..., None] for p in parameters)
        log_energy = np.log10(energy)
        scale = (
            c[0] * log_energy**2 + c[1] * costheta**2 + c[2] * log_energy
            + c[3] * costheta + c[4] * log_energy * costheta + c[5]
        )  # fmt: skip
        x = (fine - 1) / scale[..., None]
        return f * _bell(x, s1, k1, b1, p1) + (1 - f) * _bell(x, s2, k2, b2, p2)

    columns = ("F", "S1", "K1", "BIAS", "PINDEX1", "S2", "K2", "BIAS2", "PINDEX2")
    density = np.einsum("ec,ecr->er", weight, _on_grid(hdu, columns, two_bells))
    steps = 0.5 * (density[:, 1:] + density[:, :-1]) * np.diff(fine)
    cumulative = np.concatenate([np.zeros((len(ENERGY), 1)), np.cumsum(steps, axis=1)], axis=1)
    cumulative /= cumulative[:, -1:]
    return np.array([np.interp(RATIO, fine, row) for row in cumulative])


def _bell(x, sigma, skew, bias, power):
    """Exponential power function around `bias`, wider on one side than on the other."""
    norm = power / (sigma * gamma(1 / power)) * skew / (1 + skew**2)
    side = np.where(x >= bias, skew, 1 / skew)
    return norm * np.exp(-((side * np.abs(x - bias) / sigma) ** power))

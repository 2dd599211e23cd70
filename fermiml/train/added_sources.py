"""Extended sources and clumps of gas that are added to training patches.

Fields have few extended sources, and none is used twice. A clump looks like one, but has the
spectrum of the diffuse emission around it, which no source need have.
"""

from dataclasses import dataclass

import numpy as np

from fermiml.model import masks
from fermiml.model.point_sources import expected_ts
from fermiml.model.sources import DISK, GAUSS, GAUSS_68, HOLE, RING
from fermiml.simulate.structure import WIDTH
from fermiml.sky.patches import PIXEL, pixel_at

_FORMS = (DISK, GAUSS, RING)
_SIZES = (0.15, 3.5)  # deg, even in the logarithm
_CLUMPS = tuple(GAUSS_68 * width for width in WIDTH)  # deg, likewise: 68 % radii
_TS = (9.0, 4000.0)  # approximate Asimov TS, likewise
_LEAST = 1e-9  # counts of the background in a pixel


@dataclass(frozen=True)
class AddedSources:
    """Extended sources or clumps, and the expected counts of all of them together (band, y, x)."""

    counts: np.ndarray
    artefact: np.ndarray  # whether it is a clump
    x: np.ndarray
    y: np.ndarray
    extended: np.ndarray  # deg
    ts: np.ndarray  # (source, band): Asimov TS
    npred: np.ndarray  # (source, band)
    radius: np.ndarray  # deg, as in `fermiml.model.masks`
    hole: np.ndarray

    def beside(self, sources):
        """Append these to the sources of a patch."""
        unknown = {"flux": np.full(len(self.x), np.nan), "pulsar": np.zeros(len(self.x), bool)}
        own = {name: unknown.get(name, getattr(self, name, None)) for name in sources}
        return {name: np.concatenate([sources[name], own[name]]) for name in sources}


def draw_sources(number, background, *, field, fraction, blurred, rng):
    """Draw so many sources on a background (band, y, x) of expected counts.

    Parameters
    ----------
    field : dict
        The arrays of the training field: the spectra are those of its sources.
    fraction : array (band,)
        Exposure over that of the field.
    blurred : callable
        Folds maps (band, y, x) with the PSF.
    """
    spectra = field["npred"] * fraction
    size = _log_uniform(_SIZES, number, rng)
    form = rng.choice(_FORMS, number)
    x, y = rng.uniform(0, background.shape[-1] - 1, (2, number))
    wanted = _log_uniform(_TS, number, rng)
    spectrum = [spectra[rng.integers(len(spectra))] if len(spectra) else fraction for _ in form]
    return _added(form, size, x, y, spectrum, wanted, background, field, blurred, artefact=False)


def draw_clumps(number, background, *, galactic, field, blurred, rng):
    """Draw so many clumps of gas on a background (band, y, x) of expected counts.

    Parameters
    ----------
    galactic : array (band, y, x)
        The part of them that is diffuse emission of the Galaxy, whose spectra the clumps have.
    field, blurred
        As for `draw_sources`.
    """
    size = _log_uniform(_CLUMPS, number, rng)
    x, y = rng.uniform(0, background.shape[-1] - 1, (2, number))
    spectrum = galactic[:, *pixel_at(x, y, background.shape[-1])].T
    wanted = _log_uniform(_TS, number, rng)
    form = np.full(number, GAUSS)
    return _added(form, size, x, y, spectrum, wanted, background, field, blurred, artefact=True)


def _log_uniform(limits, number, rng):
    return np.exp(rng.uniform(*np.log(limits), number))


def _added(form, size, x, y, spectrum, wanted, background, field, blurred, artefact):
    """Make sources that have about the Asimov TS `wanted`."""
    everything = np.maximum(background, _LEAST)
    counts = []
    for i in range(len(form)):
        shape = _shape(form[i], size[i] / PIXEL, x[i], y[i], background.shape[-1])
        own = np.maximum(blurred(spectrum[i][:, None, None] * shape), 0)
        faintest = np.sum(own**2 / everything)  # the TS, where it is small
        counts.append(own * np.sqrt(wanted[i] / faintest) if faintest > 0 else own)
    ts = np.array([expected_ts(own, everything).sum(axis=(1, 2)) for own in counts])
    npred = np.array([own.sum(axis=(1, 2)) for own in counts])
    radius, hole = masks.radii(*(field[k].astype(float) for k in ("rad", "psf")), npred, form, size)
    is_artefact = np.full(len(form), artefact)
    return AddedSources(np.sum(counts, axis=0), is_artefact, x, y, size, ts, npred, radius, hole)


def _shape(form, size, x, y, pixels):
    """Map (y, x) of a source with a sum of one, of a size in pixels."""
    rows, columns = np.ogrid[:pixels, :pixels]
    distance = np.hypot(columns - x, rows - y)
    if form == GAUSS:
        values = np.exp(-0.5 * np.square(distance * GAUSS_68 / size))
    else:
        values = np.clip(size - distance + 0.5, 0, 1)
        if form == RING:
            values *= np.clip(distance - HOLE * size + 0.5, 0, 1)
    return values / values.sum()

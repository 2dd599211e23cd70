"""Checks that data are possible for a LAT observation: errors and warnings.

Data that do not call themselves the LAT's (by event class or IRF) are not judged.
"""

import numpy as np

from fermiml.errors import InputError
from fermiml.response import exposure as exposures

_AREA = 1e4  # cm2, above the LAT's effective area at any energy and angle
_LEAST_AREA = 1.0  # cm2, below its mean at the best energy over any survey or pointing, by far
_LONGEST = 1e9  # s, twice the mission
_LEAST_EXPOSURE = 1e4  # cm2 s, about a second
_MOST = 1e9  # counts in a pixel; the LAT has not had more photons in all
_SINGLE = 1e4, 100  # counts of a bin in a pixel, and times those of the next brightest
_SHARP = 0.3  # deg, pixels that are finer than that share a point source with their neighbours
_BACKGROUND = 0.1, 3.0  # of the counts


def doubts(component):
    """List warnings about implausible values in a component; impossible ones raise an
    InputError."""
    selection = component.selection
    if selection.evclass is None and selection.irf_name is None:
        return []
    found = [*_of_counts(component), *_of_energies(component)]
    if not component.origins["exposure"].assumed:
        found += _of_exposure(component)
    if component.background is not None:
        found += _of_background(component)
    return found


def _of_counts(component):
    counts = component.counts.data
    most = float(counts.max())
    if most > _MOST:
        raise InputError(f"{most:.3g} counts in one pixel: more photons than the LAT has recorded")
    if counts.dtype.kind == "f" and np.any(counts != np.rint(counts)):
        some = float(counts[counts != np.rint(counts)][0])
        yield (f"counts that are not whole numbers ({some:.6g}): errors and probabilities are "
               "valid for Poisson counts only")  # fmt: skip
    if most > _SINGLE[0] and component.pixel_size < _SHARP and counts[0].size > 1:
        planes = counts.reshape(len(counts), -1)
        next_most, most = np.moveaxis(np.partition(planes, planes.shape[1] - 2)[:, -2:], 1, 0)
        bins = np.flatnonzero((most > _SINGLE[0]) & (most > _SINGLE[1] * next_most))
        if len(bins):
            here, edges = bins[0], component.energy_edges
            yield (f"one pixel contains {most[here]:.3g} counts from {edges[here]:.4g} MeV, the "
                   f"next {next_most[here]:.3g}: the PSF rules out such a source")  # fmt: skip


def _of_energies(component):
    cut, edges = component.selection.energy, component.energy_edges
    if cut is not None and not (edges[0] > 0.9 * cut[0] and edges[-1] < 1.1 * cut[1]):
        yield (f"the bins run from {edges[0]:.4g} to {edges[-1]:.4g} MeV, although the header says "
               f"that the events were cut to {cut[0]:g}-{cut[1]:g} MeV")  # fmt: skip


def _of_exposure(component):
    edges = component.energy_edges
    energy = np.sqrt(edges[:-1] * edges[1:])
    value = float(exposures.sample(component.exposure, component.center[None], energy).max())
    good_time = component.selection.good_time
    if not _LEAST_EXPOSURE < value < _AREA * _LONGEST:
        raise InputError(
            f"the exposure ({component.origins['exposure'].text}) is {value:.3g} cm2 s: no LAT "
            f"observation has less than {_LEAST_EXPOSURE:g} or more than {_AREA * _LONGEST:g} cm2 s"
        )
    if good_time and not _LEAST_AREA * good_time < value < _AREA * good_time:
        yield (f"an exposure of {value:.3g} cm2 s in {good_time:.3g} s of good time is "
               f"{value / good_time:.3g} cm2 on average: the LAT has 1 to 10000 cm2")  # fmt: skip


def _of_background(component):
    counts, expected = (float(data[:, component.mask].sum(dtype=float))
                        for data in (component.counts.data, component.background.data))  # fmt: skip
    low, high = _BACKGROUND
    if not low * counts - 30 < expected < high * counts + 30:
        yield (f"the background contains {expected:.4g} counts, the data {counts:.4g}: it does "
               "not belong to these data")  # fmt: skip

"""Expected counts of single sources, at their exact positions, and their Asimov TS."""

import numpy as np

from fermiml.model import irregular
from fermiml.model.sources import DISK, GAUSS, GAUSS_68, HOLE, IRREGULAR, POINT, RING
from fermiml.progress import progress_bar
from fermiml.sky.sphere import unit_vectors

_TINY = 1e-30
_STEP = 0.02  # deg between the points at which a pixel near a source is sampled
_LOST_SHARE, _LOST_COUNTS = 0.005, 0.05  # what may be moved from outside a window into it
_POINTS = 3000  # that fill an extended source


def windows(observation, sources, progress=None):
    """Yield each source's number, pixels and expected counts there (counts bin, pixel).

    A source whose window touches no pixel is left out. `progress` names the progress bar.
    """
    for i, pixels, values, _ in windows_by_distance(observation, sources, progress):
        yield i, pixels, values


def windows_by_distance(observation, sources, progress=None, photons=None):
    """Yield what `windows` does, and how many of the pixels the source reaches in each bin.

    Pixels are in the order of their distance; an irregular source reaches all of them. `photons`
    are those of the sources by true bin, if known.
    """
    if not len(sources):
        return
    photons = observation.photons(sources) if photons is None else photons
    vectors = unit_vectors(sources.lon, sources.lat)
    numbers = range(len(sources))
    if progress:
        numbers = progress_bar(numbers, progress, unit="source", leave=False)
    for i in numbers:
        matrix = photons[i][:, None] * observation.dispersion
        profiles = matrix.T @ observation.true_profiles  # counts per sr
        make = _window_of_blobs if sources.form[i] >= IRREGULAR else _window_of_form
        pixels, values, reach = make(
            observation, vectors[i], matrix.sum(axis=0), profiles, sources.form[i], sources.size[i]
        )
        if len(pixels):
            yield i, pixels, values, reach


def total(observation, sources, progress=None):
    """Sum the expected counts of sources, (counts bin, pixels...)."""
    bins = len(observation.edges) - 1
    out = np.zeros((bins, observation.pixels.area.size))
    for _, pixels, values, reach in windows_by_distance(observation, sources, progress):
        for plane, own, n in zip(out, values, reach, strict=True):
            plane[pixels[:n]] += own[:n]
    return out.reshape(bins, *observation.pixels.shape)


def estimate_ts(observation, sources, background):
    """Estimate the Asimov TS of sources on a background (expected counts) and nothing else.

    In each bin a source's counts stand against the background within the PSF's effective
    area. Quick, and right to some tens of percent.
    """
    if not len(sources):
        return np.zeros(0)
    pixels = observation.pixels
    index = pixels.nearest_index(unit_vectors(sources.lon, sources.lat))
    density = background.reshape(len(background), -1)[:, index] / pixels.area[index]
    s = (observation.photons(sources) @ observation.dispersion).T
    return expected_ts(s, within_psf(observation, density)).sum(axis=0)


def within_psf(observation, density):
    """Compute the background within the PSF's effective area.

    The area is the inverse of the integral of the PSF's square. `density` (bin, position) is in
    counts per sr.
    """
    energy = np.sqrt(observation.edges[:-1] * observation.edges[1:])
    rad = np.radians(observation.psf.rad)
    square = 2 * np.pi * np.sin(rad) * observation.psf.at(energy) ** 2
    area = 1 / np.sum(0.5 * (square[:, 1:] + square[:, :-1]) * np.diff(rad), axis=1)
    least = np.median(observation.pixels.area)
    return np.maximum(density * np.maximum(area, least)[:, None], 1e-9)


def expected_ts(s, b):
    """Compute the Asimov TS of expected counts s on a background b, element by element."""
    return 2 * ((s + b) * np.log1p(s / b) - s)


def asimov_ts(observation, sources, expected, progress=None):
    """Compute Asimov TS and counts of every source, both by native bin (source, counts bin).

    2 sum[(s + b) ln(1 + s / b) - s] over pixels, with b all that is expected less the source
    itself. `expected` is the sum of everything, the sources included.
    """
    bins = len(observation.edges) - 1
    everything = expected.reshape(bins, -1)
    observed = np.ones(everything.shape[1], bool)
    if observation.mask is not None:
        observed = observation.mask.ravel()
    ts, counts = np.zeros((len(sources), bins)), np.zeros((len(sources), bins))
    for i, pixels, values, reach in windows_by_distance(observation, sources, progress):
        seen = observed[pixels]
        for number, n in enumerate(reach):
            near = pixels[:n][seen[:n]]
            s = values[number, :n][seen[:n]]
            b = np.maximum(everything[number, near] - s, 1e-12)
            ts[i, number] = expected_ts(s, b).sum()
            counts[i, number] = s.sum()
    return ts, counts


def _window_of_form(observation, vector, expected, profiles, form, size):
    """Compute pixels around a point or round source and its counts there."""
    if form != POINT:
        profiles = spread(observation.psf.rad, profiles, form, size)
    return _window(observation, vector, expected, profiles, size)


def _window_of_blobs(observation, vector, expected, profiles, form, size):
    """Compute pixels around an irregular source and its counts there, which are those of its
    blobs."""
    shape, rad = irregular.blobs(int(form)), observation.psf.rad
    places = irregular.centers(vector, size * shape.offset)
    spreads = {width: spread(rad, profiles, GAUSS, size * width) for width in set(shape.size)}
    parts = [
        _window(observation, place, weight * expected, weight * spreads[width], size * width)
        for place, weight, width in zip(places, shape.weight, shape.size, strict=True)
    ]
    parts = [part for part in parts if len(part[0])]
    if not parts:
        return np.zeros(0, int), None, None
    pixels, where = np.unique(np.concatenate([p for p, _, _ in parts]), return_inverse=True)
    values = np.zeros((len(expected), len(pixels)))
    for row, own in zip(values, np.hstack([v for _, v, _ in parts]), strict=True):
        row[:] = np.bincount(where.ravel(), own, len(pixels))
    return pixels, values, np.full(len(values), len(pixels))


def _window(observation, vector, expected, profiles, size):
    """Compute pixels around a source and its counts there, bin by bin out to its own radius."""
    rad, pixels = observation.psf.rad, observation.pixels
    radii, held = _radii(rad, profiles, expected)
    found, distance = pixels.near(vector, radii.max() + pixels.side)
    if not len(found):
        return found, None, None
    logs = np.log(np.maximum(profiles, _TINY))
    slopes = np.diff(logs, axis=1) / np.diff(rad)
    reach = np.searchsorted(distance, radii + pixels.side)
    values = np.zeros((len(profiles), len(found)))
    number, beyond = _node(rad, distance)
    for row, log, slope, n in zip(values, logs, slopes, reach, strict=True):
        k = number[:n]
        row[:n] = np.exp(log[k] + slope[k] * beyond[:n])
    # The PSF changes within the pixels next to the source: sample these finely.
    close = slice(0, np.searchsorted(distance, 3.5 * pixels.side + size))
    if close.stop:
        points = pixels.sample_distances(found[close], vector, max(_STEP, size / 4))
        number, beyond = _node(rad, points)
        reach = np.maximum(reach, close.stop)
        values[:, close] = np.exp(logs[:, number] + slopes[:, number] * beyond).mean(axis=2)
    values *= pixels.area[found] / held[:, None]
    return found, values, reach


def _node(rad, distance):
    """Find the last node of a profile before each distance, and how far it is from there."""
    number = np.searchsorted(rad, distance, side="right").clip(1, len(rad) - 1) - 1
    return number, distance - rad[number]


def _radii(rad, profiles, expected):
    """Find the radius (deg) per bin that holds nearly all counts, and their fraction within it."""
    outside = _outside(rad, profiles)
    most = 0.1 * expected
    allowed = np.minimum(np.maximum(_LOST_SHARE * expected, _LOST_COUNTS), most)
    number = np.clip(np.sum(outside > allowed[:, None], axis=1), 1, outside.shape[1] - 1)
    left = np.take_along_axis(outside, number[:, None], axis=1)[:, 0]
    return rad[number], 1 - left / np.maximum(outside[:, 0], _TINY)


def _outside(rad, profiles):
    """Integrate the counts beyond each radius."""
    theta = np.radians(rad)
    ring = 2 * np.pi * np.sin(theta) * profiles
    steps = 0.5 * (ring[:, 1:] + ring[:, :-1]) * np.diff(theta)
    return np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]


def spread(rad, profiles, form, size):
    """Spread profiles over a disk, Gaussian or ring, with their sums conserved; over anything else
    as over a Gaussian of its 68 % radius.

    They are means over points that fill the source evenly, in a sunflower's order.
    """
    number = np.arange(_POINTS) + 0.5
    fraction = number / _POINTS
    if form in (DISK, RING):
        hole = HOLE**2 if form == RING else 0.0
        radius = size * np.sqrt(hole + (1 - hole) * fraction)
    else:
        radius = size / GAUSS_68 * np.sqrt(-2 * np.log(1 - fraction))
    points = radius * np.exp(1j * number * np.pi * (3 - np.sqrt(5)))
    distance = np.abs(rad[:, None] - points)
    logs = np.log(np.maximum(profiles, _TINY))
    spread = np.array([np.exp(np.interp(distance, rad, log)).mean(axis=1) for log in logs])
    before, after = _outside(rad, profiles)[:, :1], _outside(rad, spread)[:, :1]
    return spread * before / np.maximum(after, _TINY)

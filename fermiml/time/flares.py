"""A flare, from the photons of its window: position, times, spectrum and test statistic."""

from dataclasses import dataclass, replace

import numpy as np

from fermiml.time import excess
from fermiml.time.flare_photons import Look
from fermiml.time.sky_in_time import INDEX, INDICES, REACH

_STEPS = np.arange(-4, 5) / 8  # of a window's length, by which its edges move
_SHORTEST = 1 / 4  # of a window's length, which is left of it
_NEARLY = 0.3  # of the test statistic: windows of nearly the largest count as equally good
_SIDE = 13  # positions along a side of the map on which a flare is localised
_HALVES = 4.0, 0.4  # pixels, half of that side at most and at least
_SIGMAS = 3.5  # half of that side in the end
_ALIKE = 0.05  # in ln(ratio): photons within count as alike, where there are many
_MANY = 200
_PARTS = 1, 2, 4, 8  # of a flare, among which the brightest is looked for
_STANDS_OUT = 3.0  # sigma, by which it has more photons than the mean flux of the flare sends


@dataclass(frozen=True)
class Brightest:
    """The part of a flare with the highest flux, or all of it if none stands out."""

    start: float  # mission elapsed time in s
    stop: float
    fraction: float  # of the exposure
    ts: float
    photons: float
    error: float


@dataclass(frozen=True)
class Flare:
    """A source that sends photons for some time."""

    x: float  # pixel coordinates
    y: float
    covariance: np.ndarray  # (2, 2) of x and y, pixels^2
    start: float  # mission elapsed time in s
    stop: float
    peak: object  # fermiml.time.peak_windows.Peak: the window in which it was found
    fraction: float  # of the exposure
    ts: float
    photons: float  # that the source sent in the time
    error: float
    index: float  # photon index
    index_error: float
    brightest: Brightest

    def look(self, sky):
        """Look at the pixel where it is."""
        return Look.at(sky, *sky.nearest(self.x, self.y, self.peak), self.index)


def fit(sky, peak, others=()):
    """Fit a flare, beginning with a window in which there is an excess.

    Where it is, when it is, what spectrum it has, and again where. The test statistic is that of
    classes of photons, as in the search: what the rest of the time has of each class is known,
    whereas the mean of single cells is not, beside bright sources.

    Parameters
    ----------
    sky : fermiml.time.sky_in_time.SkyInTime
    peak : fermiml.time.peak_windows.Peak
    others : list of Flare
        Whose photons are no part of this one.
    """
    start, stop = peak.times(sky.ladder)
    near = [(flare, flare.look(sky)) for flare in others if _reaches(flare, sky, peak)]
    given = near, sky.systematic[peak.length]
    look = Look.at(sky, peak.row, peak.column, INDEX, *given)
    (x, y), _ = locate(look, (peak.column, peak.row), start, stop, rounds=2)
    row, column = sky.nearest(x, y, peak)
    look = Look.at(sky, row, column, INDEX, *given)
    start, stop = _best_times(look, start, stop)
    index, index_error = _best_index(look.unraised(), x, y, start, stop)
    look = Look.at(sky, row, column, index, *given)
    ts = look.fit(start, stop)[1][0]
    (photons,), _, (error,) = look.unraised().fit(start, stop)
    (x, y), covariance = locate(look.unraised(), (column, row), start, stop)
    fraction = float(sky.ladder.fraction(start, stop))
    return Flare(x, y, covariance, start, stop, peak, fraction, float(ts), float(photons),
                 float(error), index, index_error,
                 _brightest(look, start, stop))  # fmt: skip


def _brightest(look, start, stop):
    """Find the part of a flare whose photons are most above those of its mean flux."""
    ladder = look.sky.ladder
    lengths = [(stop - start) / parts for parts in _PARTS]
    begins = [start + length / 2 * np.arange(2 * parts - 1)
              for parts, length in zip(_PARTS, lengths, strict=True)
              if parts == 1 or length >= ladder.step]  # fmt: skip
    low = np.concatenate(begins)
    high = low + np.repeat(lengths[: len(begins)], [len(begin) for begin in begins])
    ts = look.fit(low, high)[1]
    photons, _, error = look.unraised().fit(low, high)
    fraction = ladder.fraction(low, high)
    excess_of_mean = (photons - photons[0] * fraction / fraction[0]) / error
    excess_of_mean[0] = _STANDS_OUT
    best = int(np.argmax(excess_of_mean))
    return Brightest(*(float(v[best]) for v in (low, high, fraction, ts, photons, error)))


def curve(sky, flare, others=(), most=400):
    """Fit the photons that come from where a flare is, in windows of its length at all times.

    Parameters
    ----------
    sky : fermiml.time.sky_in_time.SkyInTime
    flare : Flare
    others : list of Flare
        Whose photons are left out.
    most : int
        No more windows than this; longer ones then.

    Returns
    -------
    edges : array, (n + 1,)
        Mission elapsed time in s; the flare is one of the windows, if they are as long as it.
    rate, error : array, (n,)
        Photons of the source in what an even exposure would have of each window; NaN without
        exposure.
    """
    first, last = sky.ladder.start, sky.ladder.start + sky.ladder.step * sky.ladder.steps
    length = max(flare.stop - flare.start, (last - first) / most)
    begin = flare.start - np.floor((flare.start - first) / length) * length
    edges = np.arange(begin, last + 1, length)
    near = [(other, other.look(sky)) for other in others if _apart(flare, other, sky) < 2 * REACH]
    photons, _, error = replace(flare.look(sky), others=near).fit(edges[:-1], edges[1:])
    usual = length / (last - first)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = usual / sky.ladder.fraction(edges[:-1], edges[1:])
        scale = np.where(scale < 10, scale, np.nan)
        return edges, photons * scale, error * scale


def _apart(flare, other, sky):
    return np.hypot(flare.x - other.x, flare.y - other.y) * sky.pixel


def _reaches(flare, sky, peak):
    """Whether photons of a flare can be among those that are looked at for a peak."""
    start, stop = peak.times(sky.ladder)
    margin = (stop - start) * _STEPS[-1]
    apart = np.hypot(flare.x - peak.column, flare.y - peak.row) * sky.pixel
    return flare.start < stop + margin and flare.stop > start - margin and apart < 2 * REACH


def locate(look, around, start, stop, rounds=4):
    """Find the mean of where the source can be, and its covariance (pixels)."""
    x0, y0, energy_bin, expected = look.one_by_one(start, stop)
    source = look.sky.spectrum(look.index)[energy_bin] / expected
    center, half = np.array(around, float), np.full(2, _HALVES[0])
    for _ in range(rounds):
        axes = center[:, None] + half[:, None] * np.linspace(-1, 1, _SIDE)
        x, y = (grid.ravel() for grid in np.meshgrid(*axes))
        distance = np.hypot(x0 - x[:, None], y0 - y[:, None])
        ratios = source * look.sky.profile(energy_bin, distance)
        ts = _test_statistics(ratios, look.view.seen)
        weight, points = np.exp((ts - ts.max()) / 2), np.stack([x, y])
        center = np.average(points, axis=1, weights=weight)
        covariance = np.cov(points, aweights=weight, ddof=0)
        half = np.clip(_SIGMAS * np.sqrt(np.diag(covariance)), _HALVES[1], _HALVES[0])
    return center, covariance


def _best_times(look, start, stop):
    """Move the edges of a window to where the excess is largest, in the shortest such time."""
    length = stop - start
    low, high = (v.ravel() for v in np.meshgrid(start + length * _STEPS, stop + length * _STEPS))
    some = (high - low >= _SHORTEST * length) & (look.sky.ladder.fraction(low, high) > 0)
    low, high = low[some], high[some]
    ts = look.fit(low, high)[1]
    best = int(np.argmin(np.where(ts > ts.max() - _NEARLY, high - low, np.inf)))
    return float(low[best]), float(high[best])


def _best_index(look, x, y, start, stop):
    """Find the photon index that the photons of a window like best, and its error."""
    x0, y0, energy_bin, expected = look.one_by_one(start, stop)
    psf = look.sky.profile(energy_bin, np.hypot(x0 - x, y0 - y)) / expected
    one = np.ones(len(psf))
    ts = [excess.maximum(one, psf * look.sky.spectrum(index)[energy_bin], look.seen(index))[1]
          for index in INDICES]  # fmt: skip
    best = int(np.argmax(ts))
    middle = int(np.clip(best, 1, len(INDICES) - 2))
    some = slice(middle - 1, middle + 2)
    bend, slope, _ = np.polyfit(INDICES[some] - INDICES[middle], np.array(ts)[some], 2)
    if bend >= 0:
        return float(INDICES[best]), np.nan
    index = np.clip(INDICES[middle] - slope / (2 * bend), INDICES[0], INDICES[-1])
    return float(index), float(1 / np.sqrt(-bend))


def _test_statistics(ratios, seen):
    """Test statistics of positions from the ratios of all photons, (position, photon)."""
    if ratios.shape[1] < _MANY:
        return excess.maximum(np.ones(ratios.shape[1]), ratios, seen)[1]
    return np.array([excess.maximum(*_grouped(row), seen)[1] for row in ratios])


def _grouped(ratio):
    """Numbers and mean ratios of photons in groups of similar ratio."""
    number = np.rint(np.log(np.maximum(ratio, 1e-12)) / _ALIKE).astype(int)
    number -= number.min()
    counts = np.bincount(number)
    some = counts > 0
    return counts[some], np.bincount(number, ratio)[some] / counts[some]

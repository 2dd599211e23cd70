"""A flare, from the photons of its window: position, times, spectrum and test statistic."""

from dataclasses import dataclass

import numpy as np

from fermiml.time import excess, scan
from fermiml.time.flare_photons import photons_around
from fermiml.time.sky_in_time import INDEX, INDICES

_STEP = 1 / 8  # of a window's length, by which its edges move
_MOVES = np.arange(-4, 5)  # such steps
_SHORTEST = 1 / 4  # of a window's length, which is left of it
_SIDE = 13  # positions along a side of the map on which a flare is localised
_HALVES = 4.0, 0.4  # pixels, half of that side to begin with, and at least
_SIGMAS = 3.5  # half of that side in the end
_ROUNDS = 4  # of localisation
_ALIKE = 0.05  # in ln(ratio): photons within count as alike, where there are many
_MANY = 200


@dataclass(frozen=True)
class Flare:
    """A source that sends photons for some time."""

    x: float  # pixel coordinates
    y: float
    covariance: np.ndarray  # (2, 2) of x and y, pixels^2
    start: float  # mission elapsed time in s
    stop: float
    peak: object  # fermiml.time.peaks.Peak: the window in which it was found
    fraction: float  # of the exposure
    ts: float
    photons: float  # that the source sent in the time
    error: float
    index: float  # photon index
    index_error: float


class FlareFit:
    """The fit of one flare, which begins with a window in which there is an excess.

    Parameters
    ----------
    sky : fermiml.time.sky_in_time.SkyInTime
    peak : fermiml.time.peaks.Peak
    others : list of Flare
        Whose photons are no part of this one.
    """

    def __init__(self, sky, peak, others=()):
        self._sky, self._peak = sky, peak
        view = sky.look(peak.row, peak.column)
        self.start, self.stop = peak.times(sky.ladder)
        self._length = self.stop - self.start
        margin = _STEP * _MOVES[-1] * self._length
        self._photons = photons_around(sky, view, peak, margin, others)
        looked = view.number < scan.CLASSES
        self._seen = (sky.psf[view.part] * looked).sum(axis=(0, 1))  # of a source, by energy
        self.x, self.y, self.index = float(peak.column), float(peak.row), INDEX

    def run(self):
        """Fit the flare: where, when, its spectrum, and where again."""
        self._locate(rounds=2)
        self._choose_times()
        index_error = self._choose_index()
        covariance = self._locate(rounds=_ROUNDS)
        (photons,), (ts,), (error,) = self._fit(*self._ratios([self.x], [self.y]))
        return Flare(
            self.x, self.y, covariance, self.start, self.stop, self._peak, self._fraction(),
            float(ts), float(photons), float(error), self.index, index_error,
        )  # fmt: skip

    def _fraction(self, start=None, stop=None):
        times = (self.start, self.stop) if start is None else (start, stop)
        return self._sky.ladder.fraction(times)

    def _ratios(self, x, y, index=None):
        """Ratios of a source at some positions to all else, (position, photon); what is seen."""
        photons = self._photons.between(self.start, self.stop)
        spectrum = self._sky.spectrum(self.index if index is None else index)
        distance = np.hypot(photons.x - np.reshape(x, (-1, 1)), photons.y - np.reshape(y, (-1, 1)))
        source = spectrum[photons.bin] * self._sky.profile(photons.bin, distance)
        return source / self._expected(photons), spectrum @ self._seen

    def _expected(self, photons):
        """Photons expected in the cell of each in the window, besides those of the source."""
        raised = self._fraction() * (1 + self._sky.systematic[self._peak.length])
        return photons.rate * raised + photons.others * (self.stop - self.start)

    @staticmethod
    def _fit(ratios, seen):
        """Photons of the source, test statistic, and error of the former, for each row."""
        found = [excess.maximum(*_grouped(row), seen) for row in ratios]
        amplitude, ts = np.reshape(found, (-1, 2)).T
        errors = [excess.error(*_grouped(row), a) for row, a in zip(ratios, amplitude, strict=True)]
        return amplitude, ts, np.array(errors)

    def _locate(self, rounds):
        """Move to the mean of where the source can be; return its covariance."""
        half = np.full(2, _HALVES[0])
        for _ in range(rounds):
            steps = np.linspace(-1, 1, _SIDE)
            y, x = (g.ravel() for g in np.meshgrid(self.y + half[1] * steps,
                                                   self.x + half[0] * steps, indexing="ij"))  # fmt: skip
            _, ts, _ = self._fit(*self._ratios(x, y))
            weight = np.exp((ts - ts.max()) / 2)
            points = np.stack([x, y])
            self.x, self.y = np.average(points, axis=1, weights=weight)
            covariance = np.cov(points, aweights=weight, ddof=0)
            half = np.clip(_SIGMAS * np.sqrt(np.diag(covariance)), _HALVES[1], _HALVES[0])
        return covariance

    def _choose_times(self):
        """Move the edges of the window to where the excess is largest."""
        best = self._fit(*self._ratios([self.x], [self.y]))[1][0], self.start, self.stop
        first, last = self.start, self.stop
        for low in first + _STEP * self._length * _MOVES:
            for high in last + _STEP * self._length * _MOVES:
                if high - low < _SHORTEST * self._length or self._fraction(low, high) <= 0:
                    continue
                self.start, self.stop = low, high
                ts = self._fit(*self._ratios([self.x], [self.y]))[1][0]
                best = max(best, (ts, low, high))
        _, self.start, self.stop = best

    def _choose_index(self):
        """Take the photon index that the photons like best; return its error."""
        fits = [self._fit(*self._ratios([self.x], [self.y], index))[1][0] for index in INDICES]
        best = int(np.clip(np.argmax(fits), 1, len(INDICES) - 2))
        near = fits[best - 1 : best + 2]
        bend, slope, _ = np.polyfit(INDICES[best - 1 : best + 2] - INDICES[best], near, 2)
        if bend >= 0:
            self.index = float(INDICES[np.argmax(fits)])
            return np.nan
        self.index = float(np.clip(INDICES[best] - slope / (2 * bend), INDICES[0], INDICES[-1]))
        return float(1 / np.sqrt(-bend))


def _grouped(ratio):
    """Counts and ratios of photons; many of them in groups of similar ratio."""
    if len(ratio) < _MANY:
        return np.ones(len(ratio)), ratio
    number = np.rint(np.log(np.maximum(ratio, 1e-12)) / _ALIKE).astype(int)
    number -= number.min()
    counts = np.bincount(number)
    some = counts > 0
    return counts[some], np.bincount(number, ratio)[some] / counts[some]

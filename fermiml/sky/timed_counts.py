"""Counts of a component by time, sparse: one entry an event, or a pixel that holds counts."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from fermiml.response import exposure as exposures
from fermiml.sky.times import TimeBins


@dataclass(frozen=True)
class GoodTimeExposure:
    """Exposure in intervals goes with their good time, the same everywhere."""

    bins: TimeBins

    def fractions(self, position, energy, _response):
        """Compute the fraction of the exposure of each interval, (interval, energy, position).

        `position` is an array SkyCoord, `energy` in MeV.
        """
        shape = len(self.bins), len(energy), len(position)
        return np.broadcast_to(self.bins.fractions[:, None, None], shape)


@dataclass(frozen=True)
class MapsExposure:
    """Exposure in intervals is known from a map of each."""

    maps: tuple  # gammapy maps with the axis `energy_true`, None without good time

    def content(self):
        """Return what distinguishes two of them, for `fermiml.checkpoint.content_key`."""
        return [m and (repr(m.geom), m.data) for m in self.maps]

    def fractions(self, position, energy, _response):
        """Compute the same from the maps; where one does not reach, there is no exposure."""
        each = np.zeros((len(self.maps), len(energy), len(position)))
        for values, exposure in zip(each, self.maps, strict=True):
            if exposure is not None:
                values[:] = np.nan_to_num(exposures.sample(exposure, position, energy))
        return each / np.maximum(each.sum(axis=0), 1e-30)


@dataclass(frozen=True)
class TimedCounts:
    """Which counts of a component fell into which interval of time, and the exposure of each.

    Counts outside all intervals are left out.
    """

    bins: TimeBins
    exposure: object  # has the method `fractions` of `GoodTimeExposure`
    interval: np.ndarray  # of each entry
    energy_bin: np.ndarray
    pixel: np.ndarray  # number in the flattened map
    counts: np.ndarray

    @classmethod
    def of_events(cls, bins, exposure, edges, pixel, energy, time):
        """Sort events of known pixels (-1 for none) into bins of energy, with `edges` in MeV, and
        the intervals."""
        energy_bin = np.searchsorted(edges, energy, side="right") - 1
        energy_bin[energy == edges[-1]] -= 1
        interval = bins.numbers(time)
        inside = (interval >= 0) & (pixel >= 0)
        inside &= (energy_bin >= 0) & (energy_bin < len(edges) - 1)
        return cls(
            bins, exposure, interval[inside].astype(np.int16), energy_bin[inside].astype(np.int16),
            pixel[inside].astype(np.int32), np.ones(inside.sum(), np.float32),
        )  # fmt: skip

    @classmethod
    def of_maps(cls, bins, exposure, maps):
        """Keep what the counts (bin, pixels...) of each interval hold; None stands for no map."""
        entries = []
        for number, counts in enumerate(maps):
            if counts is not None:
                flat = counts.reshape(len(counts), -1)
                energy_bin, pixel = np.nonzero(flat)
                interval = np.full(len(pixel), number)
                entries.append((interval, energy_bin, pixel, flat[energy_bin, pixel]))
        kinds = (np.int16, np.int16, np.int32, np.float32)
        columns = zip(*entries, strict=True)
        columns = (np.concatenate(c).astype(k) for c, k in zip(columns, kinds, strict=True))
        return cls(bins, exposure, *columns)

    def __len__(self):
        return len(self.counts)

    def cut(self, numbers):
        """Keep some pixels: `numbers` are their new ones, by old number, -1 for the others."""
        pixel = numbers[self.pixel]
        kept = pixel >= 0
        columns = {name: getattr(self, name)[kept] for name in ("interval", "energy_bin", "counts")}
        return dataclasses.replace(self, pixel=pixel[kept], **columns)

    def fractions(self, position, energy, response):
        """Compute the fraction of the exposure of each interval, (interval, energy, position).

        `response` is the IRF, whose effective area counts where inclinations are known.
        """
        return self.exposure.fractions(position, energy, response)

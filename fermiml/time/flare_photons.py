"""The photons around a flare, and what is expected where they are besides it."""

from dataclasses import dataclass, fields

import numpy as np

from fermiml.time import scan


@dataclass(frozen=True)
class FlarePhotons:
    """Photons that are looked at, around one position and some time."""

    x: np.ndarray  # pixel coordinates
    y: np.ndarray
    bin: np.ndarray  # of energy
    time: np.ndarray  # mission elapsed time in s
    rate: np.ndarray  # photons expected in the cell of each in the whole time
    others: np.ndarray  # photons of other flares in the cell of each, per second

    def __len__(self):
        return len(self.time)

    def between(self, start, stop):
        """Return those between two times."""
        some = (self.time >= start) & (self.time < stop)
        return FlarePhotons(*(getattr(self, field.name)[some] for field in fields(self)))


def photons_around(sky, view, peak, margin, others):
    """Collect the photons at a position, from `margin` (s) before a window to as long after it.

    Parameters
    ----------
    sky : fermiml.time.sky_in_time.SkyInTime
    view : fermiml.time.scan.PositionView
    peak : fermiml.time.peaks.Peak
        The window.
    margin : float
    others : list of fermiml.time.flares.Flare
    """
    cells = sky.cells
    start, stop = peak.times(sky.ladder)
    slices = cells.within(view.rows, view.columns)
    numbers = np.concatenate([np.arange(some.start, some.stop) for some in slices])
    time = cells.time[numbers]
    numbers = numbers[(time >= start - margin) & (time < stop + margin)]
    row, column, energy_bin = np.unravel_index(cells.cell[numbers], (*cells.shape, cells.bins))
    classes = view.number[row - view.rows.start, column - view.columns.start, energy_bin]
    looked = classes < scan.CLASSES
    row, column, energy_bin, numbers = (v[looked] for v in (row, column, energy_bin, numbers))
    mean = sky.mean[row - cells.first_row, column, energy_bin]
    rate = mean * _factors(sky, view, peak)[classes[looked]]
    x, y, time = cells.x[numbers], cells.y[numbers], cells.time[numbers]
    return FlarePhotons(x, y, energy_bin, time, rate, _of_others(sky, x, y, energy_bin, time, others))


def _factors(sky, view, peak):
    """What the rest of the time says of the mean of each class, as a factor."""
    length = sky.ladder.lengths[peak.length]
    window = view.counts[peak.first + length] - view.counts[peak.first]
    fraction = sky.ladder.fraction(peak.times(sky.ladder))
    return view.background(window, fraction) / fraction / np.maximum(view.mean, 1e-30)


def _of_others(sky, x, y, energy_bin, time, others):
    """Photons of other flares in the cell and at the time of each photon, per second."""
    total = np.zeros(len(x))
    for flare in others:
        during = (time >= flare.start) & (time < flare.stop)
        distance = np.hypot(x[during] - flare.x, y[during] - flare.y)
        spectrum = sky.spectrum(flare.index)[energy_bin[during]]
        rate = flare.photons / (flare.stop - flare.start)
        total[during] += rate * spectrum * sky.profile(energy_bin[during], distance)
    return total

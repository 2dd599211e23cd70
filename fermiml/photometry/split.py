"""Is a source two? The likelihood of two point sources against that of one."""

from dataclasses import dataclass

import numpy as np

from fermiml.photometry.energy_groups import index_weights
from fermiml.sky.sphere import axes

RESOLUTION_ENERGY = 2000.0  # MeV, at which the 68 % radius is the unit of separations
RADIUS = 1.3  # of that unit, from the source, within which the two are searched
_END = 0.97  # of that radius, beyond which the search came to its end
_WINDOW = 1.2  # 68 % radii of a group beyond that, whose pixels are looked at
_RINGS = 0.25, 0.5, 0.8, 1.15  # where a second source is looked for first
_ANGLES = 10  # of each ring
_OTHER = np.radians(50)  # from the best place, where the second start is
_WORTH = 9.0  # TS of a second source at the best place, from which both are fitted
_TILT = 0.5  # prior of the difference of a photon index from that of the source
_LEAST = 0.01  # norm of a source
_STEP = 0.15, 0.3, 0.5  # longest: deg, of the tilt, of the norm
_ITERATIONS, _CLOSE = 12, 0.05  # steps; gain of log-likelihood after which there is none
_FLOOR = 0.55  # of the background, that all else beside a source has at least
_NORM_STEPS, _NORMS = 2, (-0.5, 0.5)  # of the background: steps, and how far it may change
_NORM, _BEND, _X, _Y = range(4)  # parameters of a source


@dataclass(frozen=True)
class Splits:
    """Two sources in place of one."""

    ts: np.ndarray  # of two over one: 0 where no second one is worth a fit, NaN if not tested
    vectors: np.ndarray  # (source, 2, 3), the brighter one first

    @classmethod
    def unknown(cls, number):
        """Return those of sources that are not tested."""
        return cls(np.full(number, np.nan), np.full((number, 2, 3), np.nan))


def resolution(groups):
    """68 % radius (deg) of the PSF at 2 GeV, or the nearest energy, in the sharpest component."""

    def away(group):
        return abs(np.log(np.sqrt(group.edges[0] * group.edges[1]) / RESOLUTION_ENERGY))

    nearest = {}
    for group in sorted(groups, key=away):
        nearest.setdefault(group.component, group.r68)
    return min(nearest.values())


def split(weighted, vectors, index, rows, others):
    """Fit two sources in place of each of `rows`; return the `Splits` of all sources.

    Norms, tilts of the spectrum and positions of both are free, those of one likewise; all else
    stays as fitted, but for a norm of the background around them. `weighted` are the groups as
    `JointFit` has them. What is nearer to one of the sources `others`, or at the end of the search,
    is not a part of the row.
    """
    unit = resolution([fit.field.group for fit, *_ in weighted])
    windows = [_Window.of(*group, vectors, index, rows, RADIUS * unit) for group in weighted]
    one = np.zeros((len(rows), 1, 4))
    one[:, :, _NORM] = 1.0
    one, alone = _maximum(windows, one, RADIUS * unit)
    worth, starts = _second(windows, one, unit)
    ts, offset = np.zeros(len(rows)), np.repeat(one[:, :, _X:], 2, axis=1)
    tried = np.flatnonzero(worth > _WORTH)
    if len(tried):
        two, value = _best_of(windows, tried, starts[:, tried], RADIUS * unit)
        ts[tried] = np.maximum(2 * (value - alone[tried]), 0)
        offset[tried] = two[:, :, _X:]
    result = Splits.unknown(len(vectors))
    places = _moved(vectors[rows], offset)
    apart = np.max(np.linalg.norm(offset, axis=2), axis=1) > _END * RADIUS * unit
    ts[apart | _near_others(places, vectors, rows, others)] = 0
    result.ts[rows], result.vectors[rows] = ts, places
    return result


def _near_others(places, vectors, rows, others):
    """Whether one of two places (row, 2, 3) is nearer to another source than to its row."""
    cosine = places @ vectors[others].T  # (row, 2, source)
    cosine[np.broadcast_to((rows[:, None] == others)[:, None], cosine.shape)] = -1.0
    own = np.einsum("rpi,ri->rp", places, vectors[rows])
    return np.any(cosine.max(axis=2, initial=-1.0) > own, axis=1)


def _best_of(windows, rows, starts, radius):
    """Two sources (row, 2, 4), the brighter one first, at the largest log-likelihood that is
    reached from any of the `starts` (start, row, 2, 4), and its value."""
    shape = starts.shape
    parts = [window.part(np.tile(rows, len(starts))) for window in windows]
    ends, values = _maximum(parts, starts.reshape(-1, *shape[2:]), radius)
    values = values.reshape(shape[:2])
    best = np.argmax(values, axis=0), np.arange(len(rows))
    two = ends.reshape(shape)[best]
    order = np.argsort(-two[:, :, _NORM], axis=1)
    return np.take_along_axis(two, order[:, :, None], axis=1), values[best]


def _moved(vectors, offset):
    """Compute unit vectors (row, 2, 3) of offsets (row, 2, 2; deg to the east and north)."""
    east, north = (a[:, None] for a in axes(vectors))
    x, y = (np.radians(offset[..., i, None]) for i in (0, 1))
    moved = vectors[:, None] + x * east + y * north
    return moved / np.linalg.norm(moved, axis=2, keepdims=True)


@dataclass(frozen=True)
class _Window:
    """A group's pixels around some rows, (row, pixel), padded with pixels that count for nothing.

    Positions of the pixels' points are deg to the east and north of the row (row, pixel, point).
    """

    profiles: object  # RadialTable with a line for each row
    line: np.ndarray  # (row,)
    energy: float  # ln of it, relative to the energy at which spectra are tilted
    expected: np.ndarray  # (row,): counts of the source
    weight: np.ndarray  # (row, pixel): trust, 0 where padded
    counts: np.ndarray
    rest: np.ndarray  # counts of all else
    smooth: np.ndarray  # of these, the background's, which has a free norm here
    area: np.ndarray  # sr
    east: np.ndarray
    north: np.ndarray
    square: np.ndarray  # deg2

    @classmethod
    def of(cls, fit, expected, trust, vectors, index, rows, radius):
        """Cut the windows of `rows`."""
        group = fit.field.group
        pairs = fit.field.pairs_near(vectors[rows], min(group.reach, _WINDOW * group.r68) + radius)
        own = pairs.fractions(group, np.zeros((len(rows), 2)), index[rows])
        model = fit.mu[pairs.pixel]
        smooth = fit.background[pairs.pixel]
        rest = model - own * fit.amplitudes[rows][pairs.source]
        rest = np.maximum(rest, np.maximum(_FLOOR * smooth, 1e-3 * model))
        number = np.bincount(pairs.source, minlength=len(rows))
        place = np.arange(len(pairs.source)) - np.repeat(np.cumsum(number) - number, number)
        shape = len(rows), int(number.max(initial=0))

        def padded(values, fill=0.0):
            out = np.full((*shape, *values.shape[1:]), fill, np.float32)
            out[pairs.source, place] = values
            return out

        return cls(
            group.profiles.mixed(index_weights(index[rows])),
            np.arange(len(rows)),
            float(np.log(np.sqrt(group.edges[0] * group.edges[1]) / RESOLUTION_ENERGY)),
            _beside_the_rest(fit, expected, trust)[rows],
            padded(trust[rows][pairs.source]),
            padded(fit.counts[pairs.pixel]),
            padded(rest, 1.0),
            padded(smooth),
            padded(pairs.area),
            *(padded(x.T) for x in (pairs.east, pairs.north, pairs.square)),
        )

    def part(self, rows):
        """Select rows."""
        return _Window(
            self.profiles, self.line[rows], self.energy, self.expected[rows], self.weight[rows],
            self.counts[rows], self.rest[rows], self.smooth[rows], self.area[rows],
            self.east[rows], self.north[rows], self.square[rows],
        )  # fmt: skip

    def templates(self, source):
        """Compute counts (row, pixel) of sources with parameters (row, 4) but norm 1, and their
        changes as they move to the east and north."""
        x, y = (source[:, i, None, None].astype(np.float32) for i in (_X, _Y))
        square = self._squares(x, y)
        value, slope = self.profiles.with_slope(self.line[:, None, None], square)
        scale = self._scale(source)[:, None] * self.area
        east = (slope * (x - self.east)).mean(axis=2)
        north = (slope * (y - self.north)).mean(axis=2)
        return value.mean(axis=2) * scale, 2 * east * scale, 2 * north * scale

    def template(self, source):
        """Compute the first of `templates` alone."""
        x, y = (source[:, i, None, None].astype(np.float32) for i in (_X, _Y))
        value = self.profiles.at(self.line[:, None, None], self._squares(x, y))
        return value.mean(axis=2) * self._scale(source)[:, None] * self.area

    def _squares(self, x, y):
        return np.maximum(self.square + x * (x - 2 * self.east) + y * (y - 2 * self.north), 1e-12)

    def _scale(self, source):
        return (self.expected * np.exp(-source[:, _BEND] * self.energy)).astype(np.float32)

    def changes(self, sources):
        """Model counts (row, pixel), and their derivatives (row, pixel, parameter)."""
        model, columns = self.rest, []
        for source in np.moveaxis(sources, 1, 0):
            norm = source[:, _NORM, None].astype(np.float32)
            value, east, north = self.templates(source)
            model = model + norm * value
            columns += [value, -self.energy * norm * value, norm * east, norm * north]
        return self._with_best_background(model), np.stack(columns, axis=2)

    def _with_best_background(self, model):
        """Change the background's norm of each row to the best one beside some model counts."""
        change = np.zeros((len(model), 1), np.float32)
        for _ in range(_NORM_STEPS):
            now = model + change * self.smooth
            weighted = self.weight * self.smooth / now
            slope = np.sum(weighted * (self.counts - now), axis=1, keepdims=True)
            step = slope / (np.sum(weighted * self.smooth, axis=1, keepdims=True) + 1e-6)
            change = np.clip(change + step, *_NORMS)
        return model + change * self.smooth

    def value(self, model):
        """Log-likelihood (row,) of model counts."""
        gain = self.counts * np.log(model / self.rest) - model + self.rest
        return np.sum(self.weight * gain, axis=1, dtype=float)


def _beside_the_rest(fit, expected, trust):
    """Compute the counts of the sources that go with all else as fitted.

    Where the background can take the place of a source, it was fitted beside the amplitude, not
    beside the counts that the spectrum predicts.
    """
    templates = fit.templates
    fixed = templates.total(np.square(templates.fraction) / fit.mu[templates.pixel])
    left = np.clip(fit.profile_information / np.maximum(fixed, 1e-300), 0, 1) * trust
    return fit.amplitudes + left * (expected - fit.amplitudes)


def _look(windows, sources):
    """Log-likelihood (row,), gradient (row, p) and information (row, p, p)."""
    value, gradient, information = 0.0, 0.0, 0.0
    for window in windows:
        model, change = window.changes(sources)
        weighted = change * (window.weight / model)[:, :, None]
        value = value + window.value(model)
        residual = (window.counts - model)[:, :, None]
        gradient = gradient + (weighted * residual).sum(axis=1, dtype=float)
        information = information + weighted.transpose(0, 2, 1) @ change
        shared, own = _explained(window, model, change)
        information = information - shared[:, :, None] * shared[:, None] / own[:, None, None]
    tilt = sources[:, :, _BEND]
    value = value - 0.5 * np.sum(np.square(tilt), axis=1) / _TILT**2
    gradient[:, _BEND::4] -= tilt / _TILT**2
    information[:, range(_BEND, 4 * tilt.shape[1], 4), range(_BEND, 4 * tilt.shape[1], 4)] += (
        1 / _TILT**2
    )
    return value, gradient, information


def _explained(window, model, change):
    """Information that changes of the model (row, pixel, parameter) share with the background's
    norm (row, parameter), and its own (row,)."""
    weighted = window.weight / model * window.smooth
    shared = np.matmul(weighted[:, None], change)[:, 0].astype(float)
    return shared, np.sum(weighted * window.smooth, axis=1, dtype=float) + 1e-6


def _maximum(windows, sources, radius):
    """Find the sources (row, source, 4) of the largest log-likelihood, and its value, in damped
    Newton steps of all rows at once."""
    best, gradient, information = _look(windows, sources)
    damping = np.full(len(sources), 1e-2)
    for _ in range(_ITERATIONS):
        diagonal = np.einsum("rii->ri", information)
        matrix = information + (damping[:, None, None] * np.eye(diagonal.shape[1])
                                * (diagonal + 1e-9)[:, :, None])  # fmt: skip
        step = np.linalg.solve(matrix, gradient[:, :, None])[:, :, 0].reshape(sources.shape)
        trial = _within(sources, step, radius)
        value, slope, bend = _look(windows, trial)
        better = value > best
        gain = np.where(better, value - best, 0.0)
        sources = np.where(better[:, None, None], trial, sources)
        gradient = np.where(better[:, None], slope, gradient)
        information = np.where(better[:, None, None], bend, information)
        best = np.maximum(best, value)
        damping = np.clip(damping * np.where(better, 0.2, 6.0), 1e-4, 1e4)
        if np.all((gain < _CLOSE) & (better | (damping > 1e2))):
            break
    return sources, best


def _within(sources, step, radius):
    """Take a step that is not too long, and stay within what is allowed."""
    length = np.linalg.norm(step[..., _X:], axis=-1, keepdims=True)
    moved = sources[..., _X:] + step[..., _X:] * np.minimum(1, _STEP[0] / np.maximum(length, 1e-9))
    far = np.linalg.norm(moved, axis=-1, keepdims=True)
    moved = moved * np.minimum(1, radius / np.maximum(far, 1e-9))
    tilt = sources[..., _BEND] + np.clip(step[..., _BEND], -_STEP[1], _STEP[1])
    norm = sources[..., _NORM] + np.clip(step[..., _NORM], -_STEP[2], _STEP[2])
    return np.concatenate(
        [np.maximum(norm, _LEAST)[..., None], np.clip(tilt, -2, 2)[..., None], moved], axis=-1
    )


def _second(windows, one, unit):
    """TS (row,) of a second source at the best of many places around single ones, and where the
    fits of two begin (start, row, 2, 4)."""
    angle = np.tile(2 * np.pi * np.arange(_ANGLES) / _ANGLES, len(_RINGS))
    ring = unit * np.repeat(_RINGS, _ANGLES)
    x, y = ring * np.cos(angle), ring * np.sin(angle)
    score, information, shared = _scores(windows, one, x, y)
    _, gradient, own = _look(windows, one)
    solved = np.linalg.solve(own, shared)  # (row, 4, place)
    slope = score - np.einsum("rp,rpj->rj", gradient, solved)
    free = np.maximum(information - np.einsum("rpj,rpj->rj", shared, solved), 1e-3 * information)
    ts = np.where(slope > 0, slope**2 / free, 0.0)
    best = np.argmax(ts, axis=1)
    apart = np.abs(np.angle(np.exp(1j * (angle - angle[best][:, None])))) > _OTHER
    other = np.argmax(np.where(apart, ts, -1.0), axis=1)
    starts = [
        _start(one, x[j], y[j], share) for j, share in ((best, 0.5), (best, 0.2), (other, 0.3))
    ]
    return ts.max(axis=1), np.array(starts)


def _scores(windows, one, x, y):
    """Gradient and information (row, place) of the norms of second sources, and what they share
    with the parameters of the first (row, 4, place)."""
    score, information, shared = 0.0, 0.0, 0.0
    for window in windows:
        model, change = window.changes(one)
        weight = window.weight / model
        residual, weighted = weight * (window.counts - model), weight[:, :, None] * change
        smooth, columns = window.smooth, []
        level = weight * smooth / (np.sum(weight * smooth**2, axis=1, keepdims=True) + 1e-6)
        for dx, dy in zip(x, y, strict=True):
            second = window.template(one[:, 0] + np.array([0, 0, dx, dy]))
            second -= np.sum(level * second, axis=1, keepdims=True) * smooth
            columns.append((
                np.sum(residual * second, axis=1),
                np.sum(weight * second**2, axis=1),
                np.einsum("rpi,rp->ri", weighted, second),
            ))  # fmt: skip
        first, second, third = zip(*columns, strict=True)
        score = score + np.stack(first, axis=1)
        information = information + np.stack(second, axis=1)
        shared = shared + np.stack(third, axis=2)
    return score, information, shared


def _start(one, x, y, share):
    """Two sources in the direction (x, y), with a share of the norm, about the place of one."""
    two = np.repeat(one, 2, axis=1)
    away = np.stack([x, y], axis=1)
    two[:, 0, _X:] -= share * away
    two[:, 1, _X:] += (1 - share) * away
    two[:, 0, _NORM] *= 1 - share
    two[:, 1, _NORM] *= share
    return two

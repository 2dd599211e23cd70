"""Spectra, positions and extents of the sources of a piece of sky, fitted together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from fermiml.extended.local_field import PlaneInformation
from fermiml.extended.outline import templates
from fermiml.model.point_sources import expected_ts
from fermiml.photometry.group_fit import FLOOR

_UNIT = np.log(1e-14)  # ln of the flux density at REFERENCE (MeV^-1 cm^-2 s^-1) of norm 1
_START = 0.3, 2.2  # norm and photon index of a source of which nothing is known
_INDEX, _LOOSE = 2.2, 1.0  # prior of the index
_INDICES = 0.3, 5.0
_INDEX_STEPS = 4  # of the PSF, per unit of the photon index
_LEAST = 0.02  # of the local level, that a coefficient of the background has
_ENOUGH = 0.05  # gain of log-likelihood after which a fit is done
_STEPS = 15
_LONGEST = 0.3, 0.4  # deg, ln size: of one step
_KEPT = 4  # images of each outline that are remembered
_SCALES = 1.0, 0.3, 0.08, 0.02


@dataclass(frozen=True)
class SceneModel:
    """Candidates that stay where they are, and sources with outlines.

    Attributes
    ----------
    points : numpy.ndarray
        Numbers of the candidates in a `LocalField`.
    outlines : tuple of Outline
    candidates, objects : numpy.ndarray
        Norm and photon index of all candidates of the field, also of those that are not in the
        model (as they were last), and of the outlines: (source, 2).
    smooth : tuple of numpy.ndarray
        Coefficients of each plane's background.
    """

    points: np.ndarray
    outlines: tuple
    candidates: np.ndarray
    objects: np.ndarray
    smooth: tuple

    @classmethod
    def start(cls, local, outlines):
        """Begin with all candidates, of whose norms nothing is known."""
        candidates = np.stack([np.full_like(local.index, _START[0]), local.index], axis=1)
        smooth = tuple(plane.field.level for plane in local.planes)
        model = cls(np.arange(len(candidates)), (), candidates, np.zeros((0, 2)), smooth)
        return model.with_sources(model.points, outlines)

    @property
    def norm(self):
        """Norms of the sources: candidates, then outlines."""
        return np.append(self.candidates[self.points, 0], self.objects[:, 0])

    @property
    def index(self):
        """Photon indices likewise."""
        return np.append(self.candidates[self.points, 1], self.objects[:, 1])

    def with_sources(self, points, outlines):
        """Go on with other candidates and outlines: those from before keep their spectra."""
        objects = np.tile(_START, (len(outlines), 1))
        same = min(len(outlines), len(self.objects))
        objects[:same] = self.objects[:same]
        return replace(self, points=points, outlines=tuple(outlines), objects=objects)

    def with_spectra(self, norm, index):
        """Change the norms and photon indices of all sources."""
        spectra, candidates = np.stack([norm, index], axis=1), self.candidates.copy()
        candidates[self.points], objects = np.split(spectra, [len(self.points)])
        return replace(self, candidates=candidates, objects=objects)


@dataclass(frozen=True)
class SceneFit:
    """A fitted `SceneModel` and its log-likelihood."""

    model: SceneModel
    log_likelihood: float
    _covariance: Callable

    @cached_property
    def covariance(self):
        """Of all numbers: norms, indices, and of each outline what is free of east, north (deg) and
        ln size. Most fits are compared by their likelihood alone."""
        return self._covariance()

    @property
    def significance(self):
        """Norm over its error of each source, at an energy where that does not depend on the index:
        the data may begin far above `REFERENCE`."""
        number = len(self.model.norm)
        norm, index = np.arange(number), number + np.arange(number)
        covariance = self.covariance
        tied = covariance[norm, index] ** 2 / np.maximum(covariance[index, index], 1e-300)
        error = np.sqrt(np.maximum(covariance[norm, norm] - tied, 0))
        return np.where(error > 0, self.model.norm / np.maximum(error, 1e-300), 0.0)

    @property
    def criterion(self):
        """Akaike's, halved: the log-likelihood less the number of parameters."""
        model = self.model
        numbers = 4 * len(model.points) + sum(2 + o.numbers for o in model.outlines)
        return self.log_likelihood - numbers

    def block(self, outline):
        """Covariance of the position of an outline, and ln size where it has one."""
        first = 2 * len(self.model.norm)
        first += sum(o.numbers for o in self.model.outlines[:outline])
        own = slice(first, first + self.model.outlines[outline].numbers)
        return self.covariance[own, own]


class SceneLikelihood:
    """The likelihood of models of a `LocalField`."""

    def __init__(self, local):
        self._local, self._last, self._kept, self._most = local, (None, None), {}, 0

    @property
    def galaxy(self):
        """The `GalaxyBeneath` of these data."""
        return self._local.galaxy

    def fit(self, model, moving=None, held_size=False, steps=_STEPS, enough=_ENOUGH, known=None):
        """Maximise the likelihood from a model on. So many of the last outlines as are `moving`, by
        default all, move and grow; those of a `held_size` only move. The `information` of a model
        with about the same counts may be `known`; it does for a first look."""
        images = self._images(model)
        value = self._value(model, images)
        for _ in range(steps):
            gradient, matrix, backgrounds = self._slopes(model, images, known)
            step = self._step(model, gradient, matrix, moving, held_size)
            trial = self._better(model, step, backgrounds, value)
            if trial is None:
                break
            gain, (value, model, images) = trial[0] - value, trial
            if gain < enough:
                break

        def covariance():
            used = self._used(model, moving, held_size)
            part = self._slopes(model, images, known)[1][np.ix_(used, used)]
            full = np.zeros((len(used), len(used)))
            full[np.ix_(used, used)] = np.linalg.inv(part + 1e-12 * np.eye(len(part)))
            return full

        return SceneFit(model, value, covariance)

    def counts(self, model):
        """Return the expected counts of each source."""
        return model.norm * self._counts(model)[0].sum(axis=1)

    def last_ts(self, model):
        """Return about the TS of the last outline, all else as it is."""
        images, counts = self._images(model), self._counts(model)[0]
        amplitude, last = model.norm[-1] * counts[-1], len(model.outlines) - 1
        own = [columns[:, last] * a for columns, a in zip(images, amplitude, strict=True)]
        pairs = zip(own, self._expected(model, images, counts), strict=True)
        return sum(expected_ts(s, np.maximum(mu - s, FLOOR)).sum() for s, mu in pairs)

    def information(self, model):
        """Return the `PlaneInformation` of each plane with the counts of a model."""
        models = self._expected(model, self._images(model), self._counts(model)[0])
        return [
            PlaneInformation(p, 1 / mu) for p, mu in zip(self._local.planes, models, strict=True)
        ]

    def _images(self, model):
        """Templates (pixel, column) of each plane: of the outlines, then the changes of each along
        its own numbers."""
        self._most = _KEPT * len(model.outlines) * len(self._local.planes)
        indices, columns = model.index[len(model.points) :], []
        for plane in self._local.planes:
            full = [self._image(plane, o, i) for o, i in zip(model.outlines, indices, strict=True)]
            changes = [f[1 : 1 + o.numbers] for f, o in zip(full, model.outlines, strict=True)]
            none = np.zeros((0, len(plane.points)))
            columns.append(np.vstack([none, *(f[:1] for f in full), *changes]).T)
        return columns

    def _image(self, plane, outline, index):
        """Template of an outline, and its changes to the east, north, and with ln size."""
        index = round(_INDEX_STEPS * index) / _INDEX_STEPS  # a finer one hardly changes the PSF
        key = id(plane), outline.form, outline.vector.tobytes(), outline.size, index
        if key not in self._kept:
            while len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            image, growth = templates(plane.field, outline, index)
            full = np.zeros((4, len(plane.field.counts)))
            full[:, image.pairs.pixel] = image.fraction, image.east, image.north, growth
            self._kept[key] = full
        return self._kept[key]

    def _counts(self, model):
        """Compute counts (source, plane) of unit norm, and their derivatives in the index."""
        places = [o.vector for o in model.outlines]
        vectors = np.vstack([self._local.vectors[model.points], *places])
        key = vectors.tobytes()
        if self._last[0] != key:
            self._last = key, self._local.folding(model.points, model.outlines)
        pars = np.stack([np.full(len(vectors), _UNIT), model.index, np.zeros(len(vectors))], axis=1)
        counts, derivatives = self._last[1](pars)
        return counts, derivatives[1]

    def _expected(self, model, images, counts):
        """Model counts of each plane."""
        amplitude, outlines = np.split(model.norm[:, None] * counts, [len(model.points)])
        points = np.zeros((len(model.candidates), len(self._local.planes)))
        points[model.points] = amplitude
        return [
            np.maximum(plane.field.base @ b + plane.points @ p + columns[:, : len(o)] @ o, FLOOR)
            for plane, b, p, columns, o in zip(
                self._local.planes, model.smooth, points.T, images, outlines.T, strict=True
            )
        ]

    def _value(self, model, images):
        counts, _ = self._counts(model)
        value = -0.5 * np.sum((model.index - _INDEX) ** 2) / _LOOSE**2
        models = self._expected(model, images, counts)
        for plane, b, mu in zip(self._local.planes, model.smooth, models, strict=True):
            field = plane.field
            value += field.counts @ np.log(mu) - mu.sum() - 0.5 * b @ field.penalty @ b
        return value

    def _slopes(self, model, images, known=None):
        """Gradient and information of all numbers but the background's, which is profiled, and
        the step of each background that belongs to a step of these."""
        counts, bend = self._counts(model)
        models = self._expected(model, images, counts)
        number = len(model.norm)
        size = 2 * number + sum(o.numbers for o in model.outlines)
        gradient, matrix, backgrounds = np.zeros(size), np.zeros((size, size)), []
        for g, (plane, mu) in enumerate(zip(self._local.planes, models, strict=True)):
            field, ratio = plane.field, plane.field.counts / mu - 1
            here = PlaneInformation(plane, 1 / mu) if known is None else known[g]
            smooth, cross, own = here.beside(model.points, images[g])
            rise = np.append((plane.points.T @ ratio)[model.points], images[g].T @ ratio)
            slope = field.base.T @ ratio - field.penalty @ model.smooth[g]
            held = (model.smooth[g] <= _LEAST * field.level) & (slope < 0)
            slope[held], cross[held], smooth[held], smooth[:, held] = 0.0, 0.0, 0.0, 0.0
            smooth[held, held] = 1.0
            factor = cho_factor(smooth, check_finite=False)
            chain = _chain(model, counts[:, g], bend[:, g])
            solved = cho_solve(factor, np.column_stack([slope, cross]), check_finite=False)
            free, tied = solved[:, 0], solved[:, 1:] @ chain
            gradient += chain.T @ (rise - cross.T @ free)
            matrix += chain.T @ (own @ chain - cross.T @ tied)
            backgrounds.append((free, tied))
        indices = np.arange(number, 2 * number)
        gradient[indices] -= (model.index - _INDEX) / _LOOSE**2
        matrix[indices, indices] += 1 / _LOOSE**2
        return gradient, matrix, backgrounds

    def _used(self, model, moving, held_size):
        """Which numbers are free: not an index of what is not there, nor what does not move."""
        there = model.norm > 0
        still = 0 if moving is None else len(model.outlines) - moving
        shapes = [
            i >= still and there[len(model.points) + i] and not (held_size and n == 2)
            for i, o in enumerate(model.outlines)
            for n in range(o.numbers)
        ]
        return np.concatenate([there, there, np.array(shapes, bool)])

    def _step(self, model, gradient, matrix, moving, held_size):
        used = self._used(model, moving, held_size)
        number = len(model.norm)
        used[:number] |= gradient[:number] > 0
        step = np.zeros_like(gradient)
        part = matrix[np.ix_(used, used)]
        part = part + np.diag(1e-9 * np.diag(part) + 1e-12)
        step[used] = np.linalg.solve(part, gradient[used])
        return step

    def _better(self, model, step, backgrounds, value):
        for scale in _SCALES:
            trial = _moved(model, scale * step)
            smooth = tuple(
                np.maximum(b + scale * (free - change @ step), _LEAST * plane.field.level)
                for plane, b, (free, change) in zip(
                    self._local.planes, model.smooth, backgrounds, strict=True
                )
            )
            trial = replace(trial, smooth=smooth)
            images = self._images(trial)
            found = self._value(trial, images)
            if found > value:
                return found, trial, images
        return None


def _chain(model, counts, bend):
    """Compute derivatives (column, number) of the amplitudes of a plane's columns."""
    number = len(model.norm)
    shapes = [o.numbers for o in model.outlines]
    chain = np.zeros((number + sum(shapes), 2 * number + sum(shapes)))
    diagonal = np.arange(number)
    chain[diagonal, diagonal] = counts
    chain[diagonal, number + diagonal] = model.norm * bend
    own = np.repeat((model.norm * counts)[len(model.points) :], shapes)
    last = np.arange(sum(shapes))
    chain[number + last, 2 * number + last] = own
    return chain


def _moved(model, step):
    number = len(model.norm)
    norm = np.maximum(model.norm + step[:number], 0.0)
    index = np.clip(model.index + np.clip(step[number : 2 * number], -0.5, 0.5), *_INDICES)
    outlines, first = [], 2 * number
    for outline in model.outlines:
        change = step[first : first + outline.numbers]
        length = np.hypot(*change[:2])
        longest = max(_LONGEST[0], outline.size / 2)
        east, north = change[:2] * min(1, longest / max(length, 1e-12))
        grown = np.clip(change[2:], -_LONGEST[1], _LONGEST[1])
        outlines.append(outline.changed(east, north, *grown))
        first += outline.numbers
    return replace(model.with_spectra(norm, index), outlines=tuple(outlines))

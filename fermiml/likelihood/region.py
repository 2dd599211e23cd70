"""A region of sky as a likelihood: templates of sources and backgrounds, free and frozen."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fermiml.likelihood.poisson import TOLERANCE, Minimum, Poisson, minimise
from fermiml.likelihood.shape_folding import ShapeFolding
from fermiml.model import point_sources
from fermiml.model.sources import Shapes

NORM, INDEX, CURVATURE = 0, 1, 2  # the parameters of a column; a background has a tilt for index
_SOURCE_BOUNDS = ((0.0, 1e9), (0.0, 5.0), (-0.5, 3.0))
_PLANE_BOUNDS = ((0.0, 100.0), (-1.0, 1.0), (0.0, 0.0))
_NOTHING = 1e-30  # counts below which a bin's image is not worth dividing by


@dataclass(frozen=True)
class Cut:
    """What a region has of one component, pixels in a row."""

    observation: object  # fermiml.model.observation.Observation
    counts: np.ndarray  # (bin, pixel)
    planes: np.ndarray  # (background, bin, pixel), expected counts
    used: np.ndarray  # (pixel,), those in the fit


@dataclass
class Fit:
    """A minimum over some parameters of a region, and the state of all columns there."""

    state: np.ndarray
    free: np.ndarray
    minimum: Minimum

    @property
    def loss(self):
        """Minus ln L, up to a constant that all fits of the same columns share."""
        return self.minimum.loss

    @cached_property
    def covariance(self):
        """Of the free parameters, in the order of `numpy.nonzero(free)`."""
        return self.minimum.covariance()

    def block(self, column):
        """Covariance (3, 3) of one column's parameters; zero for those that were not free."""
        out = np.zeros((3, 3))
        owner, kind = np.nonzero(self.free)
        mine = np.flatnonzero(owner == column)
        out[np.ix_(kind[mine], kind[mine])] = self.covariance[np.ix_(mine, mine)]
        return out

    def widening(self, column):
        """How much larger the error of a column's norm is when the other columns are free."""
        mine = np.flatnonzero(np.nonzero(self.free)[0] == column)  # the norm comes first
        precision = np.linalg.pinv(self.covariance[np.ix_(mine, mine)])[0, 0]
        alone = self.minimum.curvature[mine[0], mine[0]]
        return np.sqrt(max(alone / precision, 1.0)) if precision > 0 else 1.0


class RegionModel:
    """The likelihood of a region.

    Columns are the backgrounds, then the sources. Each has three numbers in `state`: of a
    source the norm (in units of its amplitude), index and curvature; of a background norm
    and tilt. The sources `outside` are frozen.
    """

    def __init__(self, cuts, sources, outside):
        self.cuts = cuts
        self.folding = ShapeFolding([cut.observation for cut in cuts])
        self.sources = sources
        self.exposures = self.folding.exposures(sources)
        self._find_rows()
        self.frozen = np.zeros(len(self.counts))
        if len(outside):
            photons = self.folding.photons(outside, self.folding.exposures(outside))
            for _, _, rows, values, _ in self._windows(outside, photons):
                self.frozen[rows] += values
        self.planes = len(cuts[0].planes)
        self.templates = np.zeros((self.planes + len(sources), len(self.counts)))
        self.sums = np.ones((len(self.templates), self.folding.bins))
        for k in range(self.planes):
            self.templates[k], self.sums[k] = self._gather([cut.planes[k] for cut in cuts])
        photons = self.folding.photons(sources, self.exposures)
        self.templates[self.planes :], self.sums[self.planes :] = self.images(sources, photons)
        self.state = np.zeros((len(self.templates), 3))
        self.state[:, NORM] = 1.0
        self.state[self.planes :, INDEX] = sources.shapes.index
        self.state[self.planes :, CURVATURE] = sources.shapes.curvature
        bounds = np.array([_PLANE_BOUNDS] * self.planes + [_SOURCE_BOUNDS] * len(sources), float)
        self.low, self.high = np.moveaxis(bounds.reshape(-1, 3, 2), 2, 0)

    def _find_rows(self):
        """Find and number the pixels that hold counts, bin after bin.

        `row_numbers` has by component those of (bin, pixel), -1 where no counts are.
        """
        counts, starts, self.row_numbers = [], [0], []
        for cut in self.cuts:
            seen = (cut.counts > 0) & cut.used
            rows = np.full(seen.shape, -1, np.int32)
            rows[seen] = starts[-1] + np.arange(seen.sum())
            self.row_numbers.append(rows)
            counts.append(cut.counts[seen])
            starts.extend(starts[-1] + np.cumsum(seen.sum(axis=1)))
        self.counts = np.concatenate(counts).astype(float)
        self.starts = np.array(starts)

    def _gather(self, maps):
        """Values of maps at the rows, and their sums over the used pixels of each bin."""
        values = [m[rows >= 0] for m, rows in zip(maps, self.row_numbers, strict=True)]
        sums = [m[:, cut.used].sum(axis=1) for m, cut in zip(maps, self.cuts, strict=True)]
        return np.concatenate(values), np.concatenate(sums)

    def images(self, sources, photons):
        """Templates and sums of sources, for one expected count in each bin.

        `photons` (source, true bin) are those of the sources, by component.
        """
        templates = np.zeros((len(sources), len(self.counts)))
        sums = np.zeros((len(sources), self.folding.bins))
        expected = self.folding.counted(photons)
        scale = np.divide(1, expected, out=np.zeros_like(expected), where=expected > _NOTHING)
        for i, b, rows, values, total in self._windows(sources, photons):
            templates[i, rows] = values * scale[i, b]
            sums[i, b] = total * scale[i, b]
        return templates, sums

    def _windows(self, sources, photons):
        """Yield each source's number, bins, rows, expected counts there, and their sum in all
        used pixels of the bin."""
        first = 0
        for cut, numbers, photon in zip(self.cuts, self.row_numbers, photons, strict=True):
            windows = point_sources.windows_by_distance(cut.observation, sources, photons=photon)
            for i, pixels, values, reach in windows:
                used = cut.used[pixels]
                for b, n in enumerate(reach):
                    rows, inside = numbers[b, pixels[:n]], values[b, :n]
                    seen = rows >= 0
                    yield i, first + b, rows[seen], inside[seen], np.sum(inside, where=used[:n])
            first += len(numbers)

    def column(self, source):
        """Convert a source's number to its column."""
        return self.planes + source

    # --- expected counts -------------------------------------------------------------------

    @cached_property
    def _energy(self):
        """ln of the energies of all bins over the mean one, where a tilt changes least."""
        logs = np.concatenate(
            [0.5 * np.log(o.edges[:-1] * o.edges[1:]) for o in self.folding.observations]
        )
        number = np.diff(self.starts)
        weight = np.add.reduceat(
            np.append(self.counts, 0.0), np.minimum(self.starts[:-1], len(self.counts))
        ) * (number > 0)
        return logs - np.average(logs, weights=weight + 1e-9)

    def expected(self, state, columns):
        """Compute counts (column, bin) in some columns for their rows of a state, and their first
        (column, 3, bin) and second derivatives (column, 3, 3, bin)."""
        columns = np.asarray(columns, int)
        n = np.zeros((len(columns), self.folding.bins))
        first = np.zeros((len(columns), 3, self.folding.bins))
        second = np.zeros((len(columns), 3, 3, self.folding.bins))
        planes = columns < self.planes
        for part, of in ((planes, self._planes_counts), (~planes, self._sources_counts)):
            if part.any():
                unit, slope, bend = of(columns[part], state[part])
                norm = state[part, NORM, None]
                n[part], first[part, NORM] = norm * unit, unit
                first[part, INDEX:] = norm[:, None] * slope
                second[part, NORM, INDEX:] = second[part, INDEX:, NORM] = slope
                second[part, INDEX:, INDEX:] = norm[:, None, None] * bend
        return n, first, second

    def _planes_counts(self, columns, state):
        """Compute counts for unit norm and derivatives with respect to the tilt (others are 0)."""
        unit = np.exp(-state[:, INDEX, None] * self._energy)
        slope = np.zeros((len(columns), 2, len(self._energy)))
        slope[:, 0] = -self._energy * unit
        bend = np.zeros((len(columns), 2, 2, len(self._energy)))
        bend[:, 0, 0] = self._energy**2 * unit
        return unit, slope, bend

    def _sources_counts(self, columns, state):
        """Compute counts for unit norm and derivatives with respect to index and curvature."""
        which = columns - self.planes
        sources = self.sources[which]
        shapes = dataclasses.replace(
            sources.shapes, index=state[:, INDEX], curvature=state[:, CURVATURE]
        )
        unit, i, c, ii, ic, cc = self.folding.counts(
            sources.amplitude, shapes, [e[which] for e in self.exposures]
        )
        bend = np.stack([np.stack([ii, ic], 1), np.stack([ic, cc], 1)], 1)
        return unit, np.stack([i, c], 1), bend

    def npred(self, column):
        """Compute the counts that a source's model predicts in the region."""
        n, _, _ = self.expected(self.state[[column]], [column])
        return float(np.sum(n * self.sums[[column]]))

    # --- fits ------------------------------------------------------------------------------

    def fit(self, free, *, state=None, also=(), templates=None, bins=None, rows=None,
            tolerance=TOLERANCE):  # fmt: skip
        """Minimise over the parameters that `free` (column, 3) marks, from `state` on.

        Parameters
        ----------
        also : columns that count as changed although nothing in them is free
        templates : column -> (template, sums), in the place of the region's own
        bins : mask of the bins in the fit
        rows : mask of the rows in the fit, for columns that reach no others
        tolerance : in ln L
        """
        state = self.state if state is None else state
        columns = np.union1d(np.flatnonzero(free.any(axis=1)), np.asarray(also, int)).astype(int)
        poisson = self._poisson(columns, templates or {}, bins, rows)
        which, kind = np.nonzero(free[columns])
        start = state[columns]
        same = which[:, None] == which
        counts = self._counts(start, columns, (kind > NORM).any())

        def function(values):
            trial = start.copy()
            trial[which, kind] = values
            n, first, second = counts(trial)
            loss, gradient, curvature = poisson.slopes(n)
            own = first[which, kind]
            matrix = np.sum(
                curvature[:, which[:, None], which] * own.T[:, :, None] * own.T[:, None], axis=0
            )
            bend = np.einsum("kijb,kb->kij", second, gradient)
            bend = np.where(same, bend[which[:, None], kind[:, None], kind], 0.0)
            return loss, np.sum(gradient[which] * own, axis=1), matrix, bend

        low, high = self.low[columns][which, kind], self.high[columns][which, kind]
        minimum = minimise(function, start[which, kind], low, high, tolerance)
        found = np.array(state)
        found[columns[which], kind] = minimum.values
        return Fit(found, free, minimum)

    def _counts(self, start, columns, spectra):
        """Return `expected` as a function of the state, from one whose norms alone change unless
        `spectra` are free."""
        if spectra:
            return lambda state: self.expected(state, columns)
        _, first, second = self.expected(start, columns)
        unit = first[:, NORM]
        return lambda state: (state[:, NORM, None] * unit, first, second)

    @cached_property
    def _present(self):
        """Expected counts in the present state: of the columns, and of everything at the rows."""
        n, _, _ = self.expected(self.state, np.arange(len(self.templates)))
        return n, self.frozen + _weighted_sum(n, self.templates, self.starts)

    def _forget(self):
        self.__dict__.pop("_present", None)

    def settle(self, state):
        """Make a state the present one."""
        self.state = np.array(state)
        self._forget()

    def move(self, source, sources, template, sums):
        """Move a source (and with `sources` set the new list of all)."""
        self.sources = sources
        self.templates[self.planes + source], self.sums[self.planes + source] = template, sums
        moved = self.folding.exposures(sources[[source]])
        for old, new in zip(self.exposures, moved, strict=True):
            old[source] = new[0]
        self._forget()

    def reshape(self, source, **shape):
        """Give a source another pivot energy or exponent of the cutoff."""
        columns = {f.name: getattr(self.sources.shapes, f.name).copy()
                   for f in dataclasses.fields(Shapes)}  # fmt: skip
        for name, value in shape.items():
            columns[name][source] = value
        self.sources = dataclasses.replace(self.sources, shapes=Shapes(**columns))
        self._forget()

    def line(self, column, state, bins=None):
        """Minus ln L as a function of one column's norm in some bins, all else as in `state`, up
        to a constant."""
        columns = np.flatnonzero(
            (state != self.state).any(axis=1) | (np.arange(len(state)) == column)
        )
        poisson = self._poisson(columns, {}, bins, self.templates[column] > 0)
        n, slopes, _ = self.expected(state[columns], columns)
        which = int(np.flatnonzero(columns == column)[0])
        return poisson.along(n, which, slopes[which, NORM])

    def present(self):
        """Return the sources with the spectra of the present state (and positive amplitudes)."""
        norm, index, curvature = self.state[self.planes :].T
        shapes = dataclasses.replace(self.sources.shapes, index=index, curvature=curvature)
        amplitude = self.sources.amplitude * np.maximum(norm, 0.1)
        return dataclasses.replace(self.sources, amplitude=amplitude, shapes=shapes)

    def photons(self, source):
        """Compute the photons (1, true bin) of a source in its present state, by component."""
        exposures = [e[[source]] for e in self.exposures]
        return self.folding.photons(self.present()[[source]], exposures)

    def _poisson(self, columns, templates, bins, rows):
        counts, starts, sums = self.counts, self.starts, self.sums[columns]
        n, total = self._present
        if bins is not None:
            sums[:, ~bins] = 0
            inside = np.repeat(bins, np.diff(starts))
            rows = inside if rows is None else rows & inside
        if rows is None:
            own = self.templates[columns]
        else:
            rows = np.flatnonzero(rows)
            own = np.empty((len(columns), len(rows)))
            for row, column in zip(own, columns, strict=True):
                self.templates[column].take(rows, out=row)
            counts, total, starts = counts[rows], total[rows], np.searchsorted(rows, starts)
        fixed = np.maximum(total - _weighted_sum(n[columns], own, starts), 0)
        for i, column in enumerate(columns):
            if column in templates:
                template, sums[i] = templates[column]
                own[i] = template if rows is None else template[rows]
        return Poisson(own, sums, counts, fixed, starts)


def _weighted_sum(n, templates, starts):
    """Compute expected counts at the rows from the columns' counts in each bin."""
    out = np.zeros(templates.shape[1])
    for b in range(len(starts) - 1):
        rows = slice(starts[b], starts[b + 1])
        out[rows] = n[:, b] @ templates[:, rows]
    return out

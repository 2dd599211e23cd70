"""`find_extended`: rows that trace an extended source become one row with an extent."""

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import vstack

from fermiml.catalog.extended_sources import FORM_COLUMN, SIZE_ERROR, name_extended
from fermiml.catalog.flags import MLFlag, blended, decide_again
from fermiml.cores import usable_cores
from fermiml.executors import check_jobs, open_executor
from fermiml.extended.galaxy_beneath import GalaxyBeneath
from fermiml.extended.local_field import is_near, local_field
from fermiml.extended.object_fit import find_object
from fermiml.extended.object_probability import ObjectCalibration
from fermiml.extended.object_rows import put_object
from fermiml.extended.object_seeds import CLOSE, find_seeds
from fermiml.photometry.energy_groups import make_groups
from fermiml.photometry.pixels import SkyPixels
from fermiml.progress import progress_bar
from fermiml.sky.sphere import vectors_of

_FAINT = 4.0  # TS below which a candidate is nothing
_SHARP = 1.2  # deg: groups of larger r68 tell nothing of an extent
_HALF = 2.0  # deg, half the side of a square in which an object lies
_PROBABLE = 0.3  # of an object that replaces rows: what is rather gas leaves them as they are
_BESIDE = 0.5  # deg from its border within which neighbours get new spectra


def find_extended(cube, table, score, extent, calibration=None, jobs=None):
    """Replace the rows that trace extended sources.

    Parameters
    ----------
    cube : SkyCube
    table : astropy.table.Table
        Of `fermiml.photometry.measure.measure`.
    score, extent : numpy.ndarray
        Of the network: of several rows that trace an object the one of the highest score is
        replaced by it; a candidate with an extent (deg) may be extended whatever photometry says.
    calibration : ObjectCalibration, optional
        Says what is rather gas; by default the one shipped with fermiml.
    jobs : int, optional
        Number of threads; otherwise, also with a cluster, as many as there are usable cores.

    Returns
    -------
    table : astropy.table.Table
        With the columns ``ML_Ext_Form`` (blank for a point) and ``Unc_ML_Ext_Size``.
    origin : numpy.ndarray
        The row that each row was.
    """
    table = table.copy()
    table[FORM_COLUMN] = np.full(len(table), "", "U11")
    table[SIZE_ERROR] = np.full(len(table), np.nan, "f4")
    table[SIZE_ERROR].unit = "deg"
    search = _Search(cube, table, score, calibration or ObjectCalibration.load())
    threads = check_jobs(jobs if isinstance(jobs, int) else None, default=usable_cores())
    with open_executor(threads, threads=True) as executor:
        search.look_at(search.seeds(extent), executor)
    table = search.table[search.left]
    name_extended(table)
    if not search.left.all():  # what was removed is nobody's neighbour
        place = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg", frame="fk5")
        decided = np.where(blended(place, cube), int(MLFlag.BLENDED), 0)
        decide_again(table, np.arange(len(table)), decided, MLFlag.BLENDED)
    return table, search.origin[search.left]


@dataclass(frozen=True)
class _Surroundings:
    """All that is around a direction: candidates (rows of the table, positions, photon indices),
    and objects that were found before."""

    center: np.ndarray
    rows: np.ndarray
    vectors: np.ndarray
    index: np.ndarray
    others: list

    def inside(self, reach=np.inf):
        """Whether an object covers the direction, and has its middle within `reach` (deg)."""
        return any(outline.holds(self.center, reach) for outline in self.others)

    def same(self, other):
        """Whether they are those of another time."""
        return len(self.others) == len(other.others) and all(  # objects are only ever added
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("rows", "vectors", "index")
        )


class _Search:
    """The rows as they are during a search; those `left` are not replaced."""

    def __init__(self, cube, table, score, calibration):
        self.table, self._score, self._cube = table, np.asarray(score, float), cube
        self.origin, self.left = np.arange(len(table)), np.ones(len(table), bool)
        self._objects, self._calibration = [], calibration

    @property
    def _vectors(self):
        place = SkyCoord(self.table["RAJ2000"], self.table["DEJ2000"], unit="deg", frame="fk5")
        return vectors_of(place.icrs)

    def seeds(self, extent):
        """Return the directions in which an object may be."""
        if not len(self.table):
            return np.zeros((0, 3))
        centers = find_seeds(
            self._vectors, self.table["ML_TS"], self.table["ML_TS_Ext"], np.asarray(extent, float)
        )
        if len(centers):
            self._groups, self._responses = make_groups(self._cube)
            self._galaxy = GalaxyBeneath(self._groups, self._responses, self._cube.components)
            self._skies = [SkyPixels(component) for component in self._cube.components]
        return centers

    def look_at(self, centers, executor):
        """Look for objects around directions; put those that are there into the table.

        It is decided in one place after the other. The next places are looked at ahead of their
        turn, and once more if what is around them has changed by then: the table is the same for
        any executor.
        """
        looks = {}
        for turn, center in enumerate(progress_bar(centers, "extended", leave=False, delay=1)):
            for ahead in range(turn, min(turn + executor.in_flight, len(centers))):
                if ahead not in looks:
                    around = self._around(centers[ahead])
                    looks[ahead] = around, executor.submit(self._look, around)
            before, look = looks.pop(turn)
            around = self._around(center)
            if around.inside(CLOSE):
                continue
            local, found = look.result() if around.same(before) else self._look(around)
            # Within a large object there may be others, but what replaces nothing is a piece of it.
            if found is not None and (len(found.gone) or not around.inside()):
                self._take(local, found)

    def _around(self, center):
        """Return the `_Surroundings` of a direction as they are now."""
        rows = np.flatnonzero(self.left & (self.table["ML_TS"] > _FAINT))
        rows = rows[self.table[FORM_COLUMN][rows] == ""]
        vectors = self._vectors[rows]
        near = is_near(vectors, center, _HALF)
        index = np.asarray(self.table["PL_Index"], float)[rows]
        others = [o for o in self._objects if center @ o.vector > np.cos(np.radians(2 * _HALF))]
        return _Surroundings(center, rows[near], vectors[near], index[near], others)

    def _look(self, around):
        """Return the `LocalField` of the sharp groups, and the object there, or None."""
        sharp = [group for group in self._groups if group.r68 < _SHARP] or self._groups
        local = self._local(around, sharp)
        return local, find_object(local, around.center, self._calibration, around.others)

    def _local(self, around, groups):
        return local_field(self._skies, groups, self._responses, around.center, _HALF,
                           around.rows, around.vectors, around.index)  # fmt: skip

    def _take(self, local, found):
        """Put an object into the table, unless it is rather gas."""
        before = self.table, self.left.copy(), self.origin, self._score
        self._put(local, found)
        if self._calibration.probability(self.table[-1:], self._galaxy)[0] < _PROBABLE:
            self.table, self.left, self.origin, self._score = before
        else:
            self._objects.append(found.outline)

    def _put(self, local, found):
        away = np.degrees(np.arccos(np.clip(local.vectors @ found.outline.vector, -1, 1)))
        within = np.flatnonzero(away < found.outline.size + _BESIDE)
        traced = found.gone if len(found.gone) else within
        first = local.rows[traced[np.argmax(self._score[local.rows[traced]])]]
        self.left[local.rows[found.gone]] = False
        row = self._added(first)
        left = self._local(self._around(found.outline.vector), self._groups)
        away = np.degrees(np.arccos(np.clip(left.vectors @ found.outline.vector, -1, 1)))
        beside = np.flatnonzero(away < found.outline.size + _BESIDE)
        put_object(self.table, row, left, found, beside)

    def _added(self, row):
        """Add a copy of a row; return its number."""
        self.table = vstack([self.table, self.table[row : row + 1]], metadata_conflicts="silent")
        self.origin = np.append(self.origin, self.origin[row])
        self._score = np.append(self._score, self._score[row])
        self.left = np.append(self.left, True)
        self.table[FORM_COLUMN][-1] = "object"  # no candidate any more
        return len(self.table) - 1

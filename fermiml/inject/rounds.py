"""Rounds: sources are injected, and detected again."""

from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import WcsNDMap

from fermiml import tasks
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.crossmatch import pairs_within
from fermiml.checkpoint import NamedFiles, kept
from fermiml.errors import InputError
from fermiml.evaluate import metrics
from fermiml.executors import open_executor
from fermiml.inject.artificial_sources import REFERENCE, draw, middling, places, with_sources
from fermiml.inject.sensitivity import Depth
from fermiml.simulate import truth
from fermiml.sky.cutout import Cutter
from fermiml.sky.display_geom import canvas
from fermiml.sky.sphere import separation, vectors_of

ENOUGH = 200  # sources, for thresholds that are good to some 15 %
_LEAST_ROUNDS, _MOST_ROUNDS = 10, 50
_AROUND = 5.0  # deg beyond the data whose exposure is kept
_CELLS = 60  # of the sensitivity map along a side


class Rounds:
    """Rounds of injection and detection, and what they share."""

    def __init__(self, cube, detector, settings, detected, known):
        self.cube, self.detector, self.settings = _for_workers(cube), detector, settings
        self.detected = detected
        self.avoid = detected if known is None else _joined(detected, known.icrs)
        self.depth = Depth(self.cube, self.avoid)

    def all(self, folder, jobs=1):
        """Return the catalogs of all rounds; without a number, as many as give enough sources."""
        number, parts = self.settings.rounds, []
        with open_executor(jobs, most=number) as executor:
            if number is None:
                parts = self._run(range(1), folder, executor)
                number = enough(len(parts[0]))
            parts += self._run(range(len(parts), number), folder, executor)
        return [part for part in parts if not isinstance(part, tasks.Failure)]

    def _run(self, numbers, folder, executor):
        waiting = (RoundTask(self, number) for number in numbers)
        files = NamedFiles(
            lambda task: folder / f"round_{task.number:03d}.fits", _write, SourceCatalog.read
        )
        return tasks.run(run_round, waiting, executor, count=len(numbers), what="round", keep=files)

    def round(self, number):
        """Inject once and detect; return a catalog of the injected sources with the results."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, number])
        place = places(self.cube.components[0], self.avoid, settings.apart, settings.away, rng)
        if not len(place):
            raise InputError("there is no room for an injected source: use a smaller --away")
        sources, expected, unit = draw(place, settings, self.depth, rng)
        catalog = self.detector.run(with_sources(self.cube, sources, rng))
        order = np.argsort(-expected)  # as in any truth table
        result = _record(sources[order], expected[order], catalog)
        result.table["S1_Reference"] = unit[order]
        result.table["Source_Name"] = [f"INJ {number:03d}-{i:04d}" for i in range(len(result))]
        result.table["Round"] = np.full(len(result), number, np.int16)
        still = pairs_within(self.detected, catalog.positions.icrs, metrics.RADIUS).first
        result.table["Lost"] = np.int16(len(self.detected) - len(np.unique(still)))
        return result

    def map(self):
        """Map the fluxes at which a source with a median spectrum has the reference TS."""
        component, geom = self.cube.components[0], canvas(self.cube)
        factor = max(1, round(max(geom.data_shape) / _CELLS))
        coarse = geom.to_binsz(float(np.mean(geom.pixel_scales.to_value("deg"))) * factor)
        position = coarse.get_coord().skycoord.flatten()
        good = np.isfinite(position.spherical.lon.value)
        good[good] = component.away_from_edge(position[good], margin=0.0)
        values = np.full(len(position), np.nan)
        if good.any():
            values[good] = middling(position[good].galactic, self.settings, self.depth).flux(
                REFERENCE
            )
        return WcsNDMap(coarse, values.reshape(coarse.data_shape), unit="cm-2 s-1")


def _for_workers(cube):
    """Return the cube with as much of its exposure as a round needs, as each is sent all of it."""
    components = []
    for component in cube.components:
        positions = component.positions_of(np.flatnonzero(component.mask)).galactic
        center, vectors = component.center.galactic, vectors_of(positions)
        reach = separation(vectors, vectors_of(center)).max() + _AROUND
        exposure = Cutter(component).exposure(vectors_of(center), reach)
        components.append(replace(component, exposure=exposure))
    return replace(cube, components=components)


@dataclass(frozen=True)
class RoundTask:
    """All that a process needs for a round."""

    rounds: Rounds
    number: int


def run_round(task):
    """Inject once and detect."""
    return task.rounds.round(task.number)


def _joined(*positions):
    ra, dec = (np.concatenate([getattr(p, axis).deg for p in positions]) for axis in ("ra", "dec"))
    return SkyCoord(ra, dec, unit="deg")


def _record(sources, expected, catalog):
    """Build a truth catalog of the injected sources, with columns on what was found of them."""
    number, order = len(sources), np.argsort(-expected, kind="stable")
    sources, expected = sources[order], expected[order]
    true = truth.catalog(
        sources, expected[:, None], np.zeros((number, 5)), np.ones(number, bool), {}
    )
    table = true.table
    table.rename_column("TS_Asimov", "TS_Expected")
    table.remove_columns(["TS_Asimov_Bin", "Npred_Band", "Npred", "Inside"])
    match = metrics.match(catalog.positions, true.positions, np.full(number, np.inf))
    row = np.full(number, -1)
    row[match[match >= 0]] = np.flatnonzero(match >= 0)
    _note_found(table, true.positions, catalog, row)
    return SourceCatalog.from_table(table)


def _note_found(table, position, catalog, row):
    """Add columns on the detection that each source became."""
    found = row >= 0
    table["Found"] = found
    separation = np.full(len(table), np.nan)
    separation[found] = position[found].separation(catalog.positions[row[found]]).deg
    table["Separation"] = separation
    for name, source in (("ML_Prob", "ML_Prob"), ("Found_Flux1000", "Flux1000"),
                         ("Found_Unc_Flux1000", "Unc_Flux1000")):  # fmt: skip
        values = np.full(len(table), np.nan, np.float32)
        values[found] = np.asarray(catalog.table[source], np.float32)[row[found]]
        table[name] = values
    names = np.full(len(table), "", "U18")
    names[found] = np.asarray(catalog.table["Source_Name"], "U18")[row[found]]
    table["Found_Name"] = names


def enough(each):
    """Return how many rounds give enough sources for thresholds, with `each` sources a round."""
    return int(np.clip(np.ceil(ENOUGH / max(each, 1)), _LEAST_ROUNDS, _MOST_ROUNDS))


def kept_catalog(path, run):
    """Read the catalog in a file, or return that of `run()`, which is then kept there."""
    return kept(path, run, _write, SourceCatalog.read)


def _write(path, catalog):
    catalog.write(path)

"""Artificial sources in the user's own data, detected again: what can be found there?"""

from dataclasses import asdict, dataclass, replace
from functools import cache, partial

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import vstack
from gammapy.maps import WcsNDMap
from scipy.spatial import cKDTree
from tqdm import tqdm

from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.crossmatch import pairs_within
from fermiml.checkpoint import claim, content_key, kept
from fermiml.errors import InputError
from fermiml.evaluate import metrics
from fermiml.inject import sensitivity
from fermiml.inject.sensitivity import Completeness, Depth
from fermiml.model import point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import Shapes, Sources
from fermiml.simulate import populations, truth
from fermiml.sky.display_geom import canvas
from fermiml.sky.sphere import unit_vectors

CLASSES = {"AGN": ("bll", "fsrq"), "PSR": ("PSR", "MSP")}
LEVELS = (0.5, 0.9)  # completeness of the sensitivity maps
_TS = (3.0, 300.0)  # of a middling spectrum: what fluxes are drawn for, if none are chosen
_REFERENCE = 25.0  # the expected TS whose flux is the unit of completeness, place by place
_DENSE = 25  # candidate places for each that is taken
_MOST = 200_000  # candidate places
_CELLS = 60  # of the sensitivity map along a side
_EMPTY = 2  # source-free variants
ENOUGH = 200  # sources, for thresholds that are good to some 15 %
_LEAST_ROUNDS, _MOST_ROUNDS = 10, 50
TOLD_TS = (9, 16, 25, 50, 100)  # at which the completeness is printed
_library = cache(populations.library)


@dataclass(frozen=True)
class Settings:
    """What is injected, and where."""

    kind: str = "AGN"  # of CLASSES: spectra like those of their bright sources
    index: float | None = None  # or power laws of this photon index
    flux: tuple | None = None  # lowest and highest, ph cm-2 s-1, 1-100 GeV; by default by TS
    rounds: int | None = None  # by default 10, or more until there are 200 sources
    apart: float = 2.0  # deg between injected sources
    away: float = 0.7  # deg from detected and known ones
    seed: int = 1

    def check(self):
        """The settings, if they make sense."""
        if self.kind not in CLASSES:
            raise InputError(f"class {self.kind!r}: known are {', '.join(CLASSES)}")
        if self.flux is not None and not 0 < self.flux[0] <= self.flux[1]:
            raise InputError(f"flux {self.flux}: give the lowest, then the highest, above zero")
        for name in ("rounds", "apart", "away"):
            if getattr(self, name) is not None and not getattr(self, name) > 0:
                raise InputError(f"{name} {getattr(self, name)}: must be above zero")
        if self.away <= metrics.RADIUS:
            raise InputError(f"away {self.away}: below {metrics.RADIUS} deg, injected sources "
                             "could be taken for those that are there")  # fmt: skip
        return self


@dataclass(frozen=True)
class Injected:
    """All rounds: what was injected and found, and what that says of the data."""

    sources: SourceCatalog  # with Round, Found, ML_Prob ...
    detected: SourceCatalog  # in the data as they are
    sensitivity: dict  # completeness level -> WcsNDMap of fluxes
    summary: dict


def inject(cube, detector, folder, settings=None, known=None):
    """Inject sources into a cube, detect them, and measure completeness and sensitivity.

    Parameters
    ----------
    cube : fermiml.SkyCube
    detector : fermiml.SourceDetector
    folder : path
        For finished rounds; the same call again goes on where it was.
    settings : Settings, optional
    known : SkyCoord, optional
        Sources to keep away from, besides the detected ones.

    Returns
    -------
    Injected
    """
    settings = (settings or Settings()).check()
    with claim(folder, _fingerprint(cube, detector, settings, known)) as folder:
        return _inject(cube, detector, folder, settings, known)


def _inject(cube, detector, folder, settings, known):
    detected = _kept(folder / "detected.fits", lambda: detector.run(cube))
    run = _Run(cube, detector, settings, detected.positions.icrs, known)
    parts = _rounds(run, folder, settings.rounds)
    table = vstack([p.table for p in parts], metadata_conflicts="silent")
    sources = SourceCatalog.from_table(table, meta={"SIMULATE": True})
    # In units of the flux of a middling source of TS 25 there, completeness is the same
    # everywhere, and the mix of spectra is in it.
    curve = Completeness.of(table["S1"] / table["S1_Reference"], table["Found"])
    unit = run.map()
    maps = {level: unit * curve.value_at(level)[0] for level in LEVELS}
    summary = _summary(sources, detected, settings, len(parts))
    typical = _median(unit.data)
    summary["median flux at a completeness"] = {
        str(level): [typical and typical * value for value in curve.value_at(level)]
        for level in LEVELS
    }
    summary["false sources expected"] = _false(cube, detector, detected, folder)
    return Injected(sources, detected, maps, summary)


def _rounds(run, folder, number):
    """The catalogs of all rounds; without a number, of as many as bring enough sources."""
    parts = []
    with tqdm(desc="injection", unit="round", total=number, disable=None) as bar:
        while number is None or len(parts) < number:
            path = folder / f"round_{len(parts):03d}.fits"
            parts.append(_kept(path, partial(run.round, len(parts))))
            number = number or enough(len(parts[0]))
            bar.total = number
            bar.update()
    return parts


def enough(each):
    """Rounds that bring enough sources for thresholds, at so many in a round."""
    return int(np.clip(np.ceil(ENOUGH / max(each, 1)), _LEAST_ROUNDS, _MOST_ROUNDS))


def _kept(path, run):
    """The catalog in a file, or that of `run()`, which is then kept there."""
    return kept(path, run, lambda path, catalog: catalog.write(path), SourceCatalog.read)


def _fingerprint(cube, detector, settings, known):
    data = [component.content() for component in cube.components]
    away = None if known is None else (known.icrs.ra.deg, known.icrs.dec.deg)
    chosen = {**asdict(settings), "flux": settings.flux and list(settings.flux)}
    del chosen["rounds"]  # more can be added to what is there
    return {
        "settings": chosen,
        "data": content_key(data, away),
        "network": detector.finder.identity,
        "threshold": detector.threshold,
        "photometry": detector.photometry,
    }


class _Run:
    """What all rounds share."""

    def __init__(self, cube, detector, settings, detected, known):
        self.cube, self.detector, self.settings = cube, detector, settings
        self.detected = detected
        self.avoid = detected if known is None else _joined(detected, known.icrs)
        self.depth = Depth(cube, self.avoid)

    def round(self, number):
        """Inject once, detect; the catalog of what was injected and what became of it."""
        settings = self.settings
        rng = np.random.default_rng([settings.seed, number])
        place = places(self.cube.components[0], self.avoid, settings.apart, settings.away, rng)
        if not len(place):
            raise InputError("there is no place for an injected source: take a smaller --away")
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
        """Map of the fluxes at which a source with a middling spectrum has the reference TS."""
        component, geom = self.cube.components[0], canvas(self.cube)
        factor = max(1, round(max(geom.data_shape) / _CELLS))
        coarse = geom.to_binsz(float(np.mean(geom.pixel_scales.to_value("deg"))) * factor)
        position = coarse.get_coord().skycoord.flatten()
        good = np.isfinite(position.spherical.lon.value)
        good[good] = component.away_from_edge(position[good], margin=0.0)
        values = np.full(len(position), np.nan)
        if good.any():
            values[good] = _middling(position[good].galactic, self.settings, self.depth).flux(
                _REFERENCE
            )
        return WcsNDMap(coarse, values.reshape(coarse.data_shape), unit="cm-2 s-1")


def _joined(*positions):
    ra, dec = (np.concatenate([getattr(p, axis).deg for p in positions]) for axis in ("ra", "dec"))
    return SkyCoord(ra, dec, unit="deg")


def _record(sources, expected, catalog):
    """What was injected as a catalog of the truth, with columns on what was found of it."""
    number = len(sources)
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
    """Columns on the detection that each source became."""
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


def places(component, avoid, apart, away, rng):
    """Random places in the data, apart from each other and away from some positions."""
    observed = np.flatnonzero(component.mask)
    number = _DENSE * component.pixel_areas().ravel()[observed].sum() / apart**2
    some = rng.permutation(observed)[: int(min(max(number, 500), _MOST))]
    position = component.positions_of(some).galactic
    position = position[component.away_from_edge(position)]
    if len(avoid) and len(position):
        position = position[position.match_to_catalog_sky(avoid)[1].deg > away]
    vectors = unit_vectors(position.l.deg, position.b.deg)
    if not len(vectors):
        return position
    around = cKDTree(vectors).query_ball_point(vectors, 2 * np.sin(np.radians(apart) / 2))
    taken, blocked = [], np.zeros(len(vectors), bool)
    for i, neighbours in enumerate(around):
        if not blocked[i]:
            taken.append(i)
            blocked[neighbours] = True
    return position[taken]


def draw(place, settings, depth, rng):
    """Sources at places, about the TS that each has, and the reference flux of each place."""
    names = rng.choice(CLASSES[settings.kind], len(place))
    shapes = _shapes(settings, names, rng)
    middling = _middling(place, settings, depth)
    if settings.flux is None:
        flux = middling.flux(np.exp(rng.uniform(*np.log(_TS), len(place))))
    else:
        flux = np.exp(rng.uniform(*np.log(settings.flux), len(place)))
    sources = Sources.points(place.l.deg, place.b.deg, flux, shapes, names)
    return sources, depth.at(sources).ts(flux), middling.flux(_REFERENCE)


def _middling(place, settings, depth):
    """The prospect of sources with the median spectrum of the class at places."""
    if settings.index is not None:
        shapes = _power_laws(settings.index, len(place))
    else:
        library = _library()
        columns = zip(*(_columns(library[name]) for name in CLASSES[settings.kind]), strict=True)
        medians = [np.median(np.concatenate(column)) for column in columns]
        shapes = Shapes(*(np.full(len(place), median) for median in medians))
    return depth.at(Sources.points(place.l.deg, place.b.deg, np.ones(len(place)), shapes, ""))


def _columns(shapes):
    return shapes.pivot, shapes.index, shapes.curvature, shapes.exp_index


def _power_laws(index, number):
    full = np.ones(number)
    return Shapes(1e3 * full, index * full, 0 * full, 0 * full)


def _shapes(settings, names, rng):
    """A spectral shape for each source."""
    if settings.index is not None:
        return _power_laws(settings.index, len(names))
    library = _library()
    picked = [library[name][[rng.integers(len(library[name]))]] for name in names]
    return Shapes(*(np.concatenate(c) for c in zip(*map(_columns, picked), strict=True)))


def with_sources(cube, sources, rng):
    """The cube with the photons of sources added."""
    components = []
    for component in cube.components:
        seen = Observation.like(component)
        photons = rng.poisson(point_sources.total(seen, sources)) * component.mask
        counts = component.counts.copy(data=component.counts.data + photons)
        components.append(replace(component, counts=counts))
    return replace(cube, components=components)


def _summary(sources, detected, settings, rounds):
    table = sources.table
    found = np.asarray(table["Found"], bool)
    flux, ts = (np.asarray(table[name], float) for name in ("S1", "TS_Expected"))
    by_flux, by_ts = Completeness.of(flux, found), Completeness.of(ts, found)
    return {
        "injected": len(table),
        "found": int(found.sum()),
        "rounds": rounds,
        "class": settings.kind if settings.index is None else f"power law {settings.index:g}",
        "detections without injection": len(detected),
        "of these lost in a round": float(np.mean(table["Lost"])) if len(table) else 0.0,
        "completeness by flux": sensitivity.in_bins(flux, found, "S1"),
        "completeness by expected TS": sensitivity.in_bins(ts, found, "TS"),
        "curve by flux": by_flux.curve(flux, "S1"),
        "curve by expected TS": by_ts.curve(ts, "TS"),
        "completeness at an expected TS": {str(v): by_ts.share_at(v) for v in TOLD_TS},
        "expected TS at a completeness": {str(v): by_ts.value_at(v) for v in LEVELS},
        "median separation": _median(table["Separation"]),
        "median flux found / injected": _median(table["Found_Flux1000"] / table["S1"]),
    }


def _median(values):
    values = np.asarray(values, float)
    return float(np.nanmedian(values)) if np.isfinite(values).any() else None


def _false(cube, detector, detected, folder):
    """Expected number of false sources: by the probabilities, and in source-free variants."""
    result = {"by ML_Prob": float(np.sum(1 - np.asarray(detected.table["ML_Prob"], float)))}
    if all(component.background is not None for component in cube.components):
        found = [
            _kept(folder / f"empty_{number}.fits", lambda n=number: detector.run(_empty(cube, n)))
            for number in tqdm(range(_EMPTY), "source-free variant", disable=None)
        ]
        result["in the background model alone"] = float(np.mean([len(f) for f in found]))
    return result


def _empty(cube, number):
    """The cube with Poisson counts of its background model, and no source."""
    rng = np.random.default_rng([number, 77])
    components = []
    for component in cube.components:
        counts = component.counts.copy(data=rng.poisson(component.background.data))
        components.append(replace(component, counts=counts))
    return replace(cube, components=components)

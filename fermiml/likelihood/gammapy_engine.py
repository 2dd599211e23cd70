"""A likelihood fit of the sources of a catalog, region by region.

The statistic is gammapy's `cash`, the maps and the models are gammapy's. The minimum is found by
our own Newton method on templates of the sources: gammapy evaluates every source on the whole
map again whenever a parameter changes, and spreads a point source over the four pixels around
it. `tests/likelihood/test_gammapy_engine.py` checks that gammapy's `Fit` gives the same TS on the
same templates.
"""

import logging
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from functools import partial
from os import PathLike
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.table import Table
from astropy.units import Quantity

from fermiml import moved, schema, tasks
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.extended_sources import extended_rows
from fermiml.catalog.fitsio import add_history
from fermiml.checkpoint import Pieces
from fermiml.errors import InputError
from fermiml.executors import check_jobs, open_executor
from fermiml.likelihood import background as backgrounds
from fermiml.likelihood import cut, grouping, limits, measurement, results, seeds
from fermiml.likelihood.measurement import FitSettings
from fermiml.likelihood.parts import held
from fermiml.likelihood.region import RegionModel
from fermiml.model.sources import concatenate
from fermiml.sky.cube import SkyCube
from fermiml.sky.cutout import Cutter
from fermiml.sky.describe import response_lines
from fermiml.sky.sphere import separation, unit_vectors

log = logging.getLogger(__name__)
_MARGIN = (2.5, 5.0)  # deg of data around a group of sources: r95 at the lowest energy, within
_AROUND = 8.0  # deg beyond a region, where diffuse emission still has photons in it
_LEAST_NORM = 0.03  # that a source keeps from the first round, of what it started with


class GammapyEngine:
    """The likelihood of counts, region by region, with gammapy's statistic, maps and models.

    Parameters
    ----------
    known : SourceCatalog, optional
        More sources for the model (such as 4FGL), including extended ones and bright ones outside
        the data; a source closer than 0.2 deg to a seed is taken to be that seed.
    galdiff, iso : path, optional
        Diffuse model of the Galaxy (MapCube) and isotropic spectrum (text), for data without
        expected background counts. By default the embedded model is used, with a warning.
    diffuse : `fermiml.likelihood.background.GivenBackground` or `DiffuseBackground`, optional
        A background chosen before, instead of these.
    jobs : int, str or concurrent.futures.Executor, optional
        Processes that fit regions, or a cluster (docs/scaling.md); by default FERMIML_JOBS, or one.
    parts : path or `fermiml.checkpoint.Pieces`, optional
        Folder for the results of regions: an interrupted run resumes there.
    positions, spectra, background : bool
        Whether positions, spectral shapes and backgrounds are free.
    bands : bool
        Whether to compute fluxes in the bands of 4FGL.
    extents : bool
        Whether form, position and size of the extended sources that fermiml found are free; those
        of other catalogs stay as they are.
    neighbours : float or Quantity
        Sources within this angle (deg) are refitted when a source is removed for its TS.

    Examples
    --------
    >>> from astropy import units as u
    >>> engine = GammapyEngine(galdiff="gll_iem_v07.fits", iso="iso.txt", neighbours=2 * u.deg)
    >>> engine.fit(catalog, "ccube.fits")
    """

    name = results.ENGINE
    summary = "gammapy's Poisson likelihood, minimised region by region"
    reads_cubes = True

    def __init__(
        self, *, known: SourceCatalog | None = None, galdiff: str | PathLike | None = None,
        iso: str | PathLike | None = None,
        diffuse: backgrounds.GivenBackground | backgrounds.DiffuseBackground | None = None,
        jobs: int | str | Executor | None = None, parts: Pieces | str | PathLike | None = None,
        positions: bool = True, spectra: bool = True, background: bool = True, bands: bool = True,
        extents: bool = True, neighbours: float | Quantity = 3.0,
    ):  # fmt: skip
        seeds.check_known(known)
        backgrounds.check_files(galdiff, iso)
        switches = {"positions": positions, "spectra": spectra, "background": background,
                    "bands": bands, "extents": extents}  # fmt: skip
        self._settings = FitSettings(
            **{name: schema.flag(name, value) for name, value in switches.items()},
            neighbours=schema.number(0, 180, unit="deg")("neighbours", neighbours),
        )
        self._known, self._galdiff, self._iso, self._diffuse = known, galdiff, iso, diffuse
        self._jobs, self._parts = check_jobs(jobs), parts

    def fit(self, catalog: SourceCatalog, data: Any) -> SourceCatalog:
        """Fit the sources of a catalog to a SkyCube, or to anything that `SkyCube.read` takes.

        The background is that of the data (expected counts), or the one in the settings. All rows
        are returned in their order; those inside the data have TS, position, spectrum, flux in
        bands and flags.
        """
        cube = SkyCube.of(data)
        cut.check(cube)
        model = self._diffuse or backgrounds.choose(cube, self._galdiff, self._iso)
        sources = seeds.with_known(seeds.seeds_of(catalog), catalog, self._known)
        groups = _groups(catalog, cube, sources)
        cutters = [Cutter(component) for component in cube.components]
        resized = extended_rows(catalog.table)
        fit = partial(_tasks, cutters, model, sources, groups, self._settings, resized)
        with (
            held(self._parts) as kept,
            open_executor(self._jobs, most=len(groups)) as executor,
        ):
            run = partial(tasks.run, run_task, executor=executor, count=len(groups), keep=kept)
            if len(groups) > 1:  # what lies around a region should be about what it is
                _start(sources, groups, run(fit(first=True), what="first norm"))
            measured = run(fit(first=False), what="region")
        return _filled(catalog, cube, groups, measured, model.text)

    def limits(
        self, positions: SkyCoord, data: Any, catalog: SourceCatalog | None = None,
        index: float = limits.INDEX,
    ) -> Table:  # fmt: skip
        """Measure TS, flux and 95 % upper limit at positions; see `LikelihoodFit.limits`."""
        index = schema.number(0, 5)("index", index)
        cube = SkyCube.of(data)
        cut.check(cube)
        if not np.all(seen := cube.observed(positions)):
            outside = ", ".join(map(limits.label, positions[~seen]))
            raise InputError(f"{cube.source}: nothing was observed at {outside}")
        model = self._diffuse or backgrounds.choose(cube, self._galdiff, self._iso)
        # Positions of the catalog's sources stay: what is fitted is what lies beside the target.
        settings = replace(self._settings, positions=False, bands=False)
        cutters = [Cutter(component) for component in cube.components]
        models = [limits.model_at(here, index, catalog, self._known) for here in positions]
        alone = (
            task for sources in models
            for task in _tasks(cutters, model, sources,
                               grouping.groups(sources, [0], margin(cube)), settings, (),
                               first=False)
        )  # fmt: skip
        with open_executor(self._jobs, most=len(models)) as executor:
            measured = tasks.run(run_target, alone, executor, count=len(models), what="position")
        found = [limits.UNKNOWN if isinstance(m, tasks.Failure) else m for m in measured]
        targets = concatenate([m[[0]] for m in models])
        table = limits.table(positions, found, targets, cube.energy_range)
        add_history(table.meta, "fit", [*response_lines(cube), f"background: {model.text}"])
        return table


def fit(catalog, cube, **settings):
    """Run the fit through the interface of fermiml 0.1: use `fermiml.LikelihoodFit`."""
    moved.warn("fermiml.likelihood.gammapy_engine.fit", "fermiml.LikelihoodFit")
    return GammapyEngine(**settings).fit(catalog, cube)


def _groups(catalog, cube, sources):
    """Divide the rows that are in the data among regions."""
    wanted = in_data(cube, catalog)
    if len(wanted) < len(catalog):
        log.warning(
            "%d of the %d sources are outside the data and not fitted",
            len(catalog) - len(wanted), len(catalog),
        )  # fmt: skip
    return grouping.groups(sources, wanted, margin(cube))


def _start(sources, groups, found):
    """Let sources begin with what a first fit of their region found."""
    for group, values in zip(groups, found, strict=True):
        if not isinstance(values, tasks.Failure):
            for column, start in zip(_columns(sources), values.T, strict=True):
                column[group.core] = start


def _filled(catalog, cube, groups, measured, background):
    """Return the catalog with the results of the regions, as far as they could be fitted."""
    rows, lost = {}, []
    for group, found in zip(groups, measured, strict=True):
        if isinstance(found, tasks.Failure):
            lost.extend(group.core.tolist())
        else:
            rows.update(zip(group.core.tolist(), found, strict=True))
    return results.filled(catalog, rows, cube, background, lost)


def in_data(cube, catalog):
    """Numbers of the rows at observed pixels."""
    return np.flatnonzero(cube.observed(catalog.positions))


def margin(cube):
    """Compute the margin of data needed around a source: the 95 % radius at the lowest energy."""
    radii = [c.psf.containment_radius(c.energy_edges[:1], 0.95)[0] for c in cube.components]
    return float(np.clip(max(radii), *_MARGIN))


@dataclass(frozen=True)
class Task:
    """All that a process needs to fit one region."""

    components: list  # cut out of the cube
    background: object
    sources: object  # those of the group, the frozen ones last
    core: np.ndarray
    near: np.ndarray
    inner: np.ndarray
    resized: np.ndarray
    settings: FitSettings
    first: bool


def _tasks(cutters, background, sources, groups, settings, resized, first):
    """Yield the task of each region."""
    for group in groups:
        members = np.concatenate([group.inner, group.frozen])
        reach = _reach(group, sources[members])
        cuts = [cutter.cut(group.center, group.radius, reach) for cutter in cutters]
        core, near, inner = (np.searchsorted(group.inner, numbers)
                             for numbers in (group.core, group.near, group.inner))  # fmt: skip
        yield Task(
            [c for c in cuts if c is not None], background, sources[members], core, near, inner,
            np.flatnonzero(np.isin(group.inner, resized)), settings, first,
        )  # fmt: skip


def _reach(group, sources):
    """How far (deg) the exposure matters: at all sources, and for diffuse emission around the
    corners of the rectangle of pixels."""
    farthest = separation(unit_vectors(sources.lon, sources.lat), group.center).max()
    return max(np.sqrt(2) * group.radius + _AROUND, float(farthest) + 1)


def run_task(task):
    """Fit a region: what its core sources are about for a first task, else the results."""
    region = build(task)
    if not task.first:
        lists = task.core, task.near, task.inner
        return measurement.measure(region, *lists, task.settings, task.resized)
    measurement.first(region, task.core, task.inner, task.settings)
    norm = region.state[region.planes :, 0]
    amplitude = region.sources.amplitude * np.maximum(norm, _LEAST_NORM)
    present = replace(region.present(), amplitude=amplitude)
    return np.array(_columns(present))[:, task.core].T


def run_target(task):
    """Measure the one core source of a region, at its position and with its shape."""
    return limits.measure(build(task), task.core[0], task.inner, task.settings)


def _columns(sources):
    """Return the arrays that give the positions of sources and their brightness at each energy."""
    shapes = (getattr(sources.shapes, f.name) for f in fields(sources.shapes))
    return sources.lon, sources.lat, sources.amplitude, *shapes


def build(task):
    """Build the likelihood of a task's region."""
    cuts = [cut.cut_for_fit(component, task.background) for component in task.components]
    outside = task.sources[np.arange(len(task.inner), len(task.sources))]
    return RegionModel(cuts, task.sources[task.inner], outside)

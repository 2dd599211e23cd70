"""Seeds into a fermipy analysis: tried on images, localized, added, fitted, kept or dropped."""

from dataclasses import dataclass, field, replace

import numpy as np

from fermiml.catalog import crossmatch
from fermiml.catalog.catalog import SourceCatalog
from fermiml.catalog.extended_sources import extents
from fermiml.fermipy import decisions, engine, position_fit, rows
from fermiml.fermipy.scene import reoptimized_ts
from fermiml.fermipy.trial import Trial


@dataclass
class Seeds:
    """What was detected, and what became of each: a status, a reason, a TS."""

    catalog: SourceCatalog
    sources: list = field(default_factory=list)  # name of the ROI's source, of known seeds
    status: np.ndarray = None
    reason: list = field(default_factory=list)
    ts: np.ndarray = None
    added: list = field(default_factory=list)  # rows that were in the model at any time
    localized: list = field(default_factory=list)  # rows
    extents: dict = field(default_factory=dict)  # row -> `FittedExtent`
    start: dict = field(default_factory=dict)  # parameters of the model before
    start_loglike: float = -np.inf

    def rows(self, *status):
        """Return the rows with one of these statuses."""
        return np.flatnonzero(np.isin(self.status, status))

    def names(self, chosen):
        """Return the names of rows."""
        return [str(name) for name in self.catalog.table["Source_Name"][chosen]]

    def has(self, catalog, radius=0.1):
        """Return whether there is a seed within `radius` (deg) of each row of a catalog."""
        near = crossmatch.pairs_within(catalog.positions, self.catalog.positions, radius)
        return np.isin(np.arange(len(catalog)), near.first)

    def take(self, chosen):
        """Select the seeds of some rows, before anything was tried."""
        return replace(
            self, catalog=self.catalog[chosen], sources=[self.sources[row] for row in chosen],
            status=self.status[chosen], reason=[self.reason[row] for row in chosen],
            ts=self.ts[chosen],
        )  # fmt: skip

    def append(self, other):
        """Add the seeds of a later look."""
        first = len(self.catalog)
        self.catalog = self.catalog.merge(other.catalog, radius=0)
        self.sources += other.sources
        self.reason += other.reason
        self.status = np.concatenate([self.status, other.status])
        self.ts = np.concatenate([self.ts, other.ts])
        self.added += [first + row for row in other.added]
        self.localized += [first + row for row in other.localized]
        self.extents |= {first + row: extent for row, extent in other.extents.items()}

    def mark(self, row, status, reason=""):
        """Record what became of a seed, and why."""
        self.status[row], self.reason[row] = status, reason


def sort_out(catalog, gta, config, skydir=None, minmax=(None, None)):
    """Sort the seeds of a catalog: which are already in the ROI's model, which are to be added."""
    present = [s for s in gta.roi.sources if not s.diffuse]
    where, shapes = rows.places(present)
    # A pulsar within a nebula is not the nebula: what counts is the error of the centre.
    centers = SourceCatalog(catalog.with_systematics().table)
    position = catalog.positions.icrs
    known = decisions.coincident(
        position, centers.ellipses(), where, shapes, config["match_level"], config["match_radius"]
    )
    inside = None
    if skydir is not None:
        inside = decisions.in_annulus(position.separation(skydir).deg, minmax)
    probability = np.asarray(catalog.table["ML_Prob"], float)
    status = decisions.first_status(
        position, probability, known, inside=inside, min_separation=config["min_separation"]
    )
    names = [present[k].name if k >= 0 else "" for k in known]
    count = len(catalog)
    return Seeds(
        catalog, names, status, [""] * count, np.full(count, np.nan),
        start=engine.parameters(gta), start_loglike=engine.loglike(gta),
    )  # fmt: skip


def add_extended(gta, seeds, config, say):
    """Add the waiting seeds that have an extent, with their spectra and shapes, and fit the norms.

    They are neither tried nor localized: `fermiml.fermipy.extended_seeds` fits them afterwards.
    """
    shapes = extents(seeds.catalog.extended)
    names = [str(name) for name in seeds.catalog.table["Extended_Source_Name"]]
    waiting = [row for row in seeds.rows(decisions.WAITING) if names[row] in shapes]
    with engine.maps_in_memory(gta, seeds.names(waiting)):
        for row in waiting:
            properties = rows.extended_properties(seeds.catalog.table[row], shapes[names[row]])
            _add(gta, properties, seeds, row)
    if waiting and seeds.added:
        _try_or_say(say, engine.fit_norms, gta, seeds.names(seeds.added), config["free_radius"])


def try_all(gta, seeds, config, say):
    """Try the waiting seeds batch by batch; return the trial, with those above the threshold.

    Nothing changes in the model.
    """
    for row in seeds.rows(decisions.WAITING):
        if gta.roi.has_source(seeds.names([row])[0]):
            seeds.mark(row, decisions.FAILED, "the model has another source of this name")
    probability = np.asarray(seeds.catalog.table["ML_Prob"], float)
    waiting = decisions.by_probability(probability, seeds.status == decisions.WAITING)
    if not len(waiting):
        return None
    place = seeds.catalog.positions.icrs
    try:
        trial = Trial(gta, place[waiting], config)
    except engine.FitFailed as error:
        for row in waiting:
            seeds.mark(row, decisions.FAILED, str(error))
        return None
    cut = decisions.batches(waiting, config["sources_per_iter"], config["max_iter"])
    for number, batch in enumerate(cut, start=1):
        kept = _try_batch(trial, seeds, batch, place, config["sqrt_ts_threshold"])
        say(f"Batch {number} of {len(cut)}: {kept} of {len(batch)} seeds kept")
    for row in seeds.rows(decisions.WAITING):
        seeds.reason[row] = "max_iter was reached"
    return trial


def _try_batch(trial, seeds, batch, place, threshold):
    """Try a batch with one joint fit of the norms; return how many stay."""
    names = seeds.names(batch)
    for row, name in zip(batch, names, strict=True):
        trial.put(name, place[row])
    trial.fit()
    for row, name in zip(batch, names, strict=True):
        seeds.ts[row] = trial.ts(name)
    for row, name in zip(batch, names, strict=True):
        if decisions.keeps(seeds.ts[row], threshold):
            seeds.status[row] = decisions.NEW
        else:
            trial.drop(name)
            _reject(seeds, row)
    return int(np.sum(seeds.status[batch] == decisions.NEW))


def localize_all(trial, seeds, say):
    """Localize the seeds of a trial; one that cannot be keeps the network's position."""
    major, minor, _ = seeds.catalog.ellipses()
    for row, name in _brightest_first(seeds):
        if trial.localize(name, np.sqrt(major[row] * minor[row])):
            seeds.localized.append(row)
        else:
            seeds.reason[row] = "localisation found no maximum near the seed"
            say(f"{name}: {seeds.reason[row]}; it stays where the network found it")


def add_all(gta, trial, seeds, config, say):
    """Add the seeds of a trial to the model, and fit the norms."""
    standing = _brightest_first(seeds)
    with engine.maps_in_memory(gta, [name for _, name in standing]):
        for row, name in standing:
            if _add(gta, trial.properties(name), seeds, row) and name in trial.covariance:
                position_fit.write_errors(gta.roi[name], trial.covariance[name])
    if seeds.added:
        names = seeds.names(seeds.added)
        _try_or_say(say, engine.fit_norms, gta, names, config["free_radius"])


def _add(gta, properties, seeds, row):
    """Add a seed with what fermipy needs; return whether that succeeded."""
    try:
        engine.add(gta, seeds.names([row])[0], properties)
    except engine.FitFailed as error:
        seeds.mark(row, decisions.FAILED, str(error))
        return False
    seeds.status[row] = decisions.NEW
    seeds.added.append(row)
    return True


def _brightest_first(seeds):
    """Return rows and names of the new seeds that are not in the model yet."""
    new = (seeds.status == decisions.NEW) & ~np.isin(np.arange(len(seeds.ts)), seeds.added)
    rows_ = decisions.by_probability(seeds.ts, new)
    return list(zip(rows_, seeds.names(rows_), strict=True))


def _judge(gta, seeds, rows_, threshold):
    """Drop seeds of the model whose TS does not reach the threshold."""
    for row in rows_:
        if not decisions.keeps(seeds.ts[row], threshold):
            engine.delete(gta, seeds.names([row])[0])
            _reject(seeds, row)


def _reject(seeds, row):
    seeds.mark(row, decisions.REJECTED, f"TS {seeds.ts[row]:.1f}")


def finish(gta, seeds, config, say):
    """Do the final refit; drop what has fallen below the threshold, and fit the rest again.

    Neighbours of those dropped are refitted, too, as their norms were fitted together with
    these. Where no seed is left, all parameters return to their initial values.
    """
    if not seeds.added:
        return
    _settle(gta, seeds, config, say)
    if not len(seeds.rows(decisions.NEW)):
        _back_to_start(gta, seeds, config)
    elif not decisions.no_worse(engine.loglike(gta), seeds.start_loglike):
        _give_up(gta, seeds, config, say)


def _settle(gta, seeds, config, say):
    """Fit the spectra of neighbouring sources, group by group.

    The time of a fit grows with the square of its parameters, and sources far apart do not
    depend on each other.
    """
    added = np.array(seeds.added)
    place = seeds.catalog.positions.icrs[added]
    for group in decisions.groups(place, 2 * config["free_radius"]):
        _settle_group(gta, seeds, added[group], config, say)
    # The covariance is that of the last group, in which they were free, too.
    engine.refresh(gta, [source.name for source in gta.roi.diffuse_sources])


def _settle_group(gta, seeds, group, config, say):
    """Fit a group of seeds until all that are left of it reach the threshold."""
    radius, around = config["free_radius"], seeds.catalog.positions.icrs[group]
    while True:
        standing = [row for row in group if seeds.status[row] == decisions.NEW]
        names = seeds.names(standing)
        _try_or_say(say, engine.refit, gta, names, radius, config["free_params"], around)
        seeds.ts[standing] = reoptimized_ts(gta, names, radius)
        _judge(gta, seeds, standing, config["sqrt_ts_threshold"])
        if all(seeds.status[row] == decisions.NEW for row in standing):
            return


def _try_or_say(say, step, gta, names, *args):
    """Try a fit; where it fails, the values before it stay, and that is told."""
    try:
        step(gta, names, *args)
    except engine.FitFailed as error:
        which = names if isinstance(names, str) else ", ".join(names) or "Neighbours"
        say(f"{which}: {error}; the values of the fit before stay")


def _give_up(gta, seeds, config, say):
    """Return to the initial model: no fit with the seeds reached its log-likelihood."""
    reason = f"the fits ended below the log-likelihood of the start, {seeds.start_loglike:.2f}"
    for row in seeds.rows(decisions.NEW):
        engine.delete(gta, seeds.names([row])[0])
        seeds.mark(row, decisions.FAILED, reason)
    _back_to_start(gta, seeds, config)
    say(f"No seed stays: {reason}")


def _back_to_start(gta, seeds, config):
    engine.restore(gta, seeds.start)
    around = seeds.catalog.positions.icrs[seeds.added]
    engine.refresh(gta, sorted(engine.neighbours(gta, around, config["free_radius"])))

"""Seeds into a fermipy analysis: added, fitted, kept or dropped, localized, fitted again."""

from dataclasses import dataclass, field, replace

import numpy as np
from astropy.coordinates import SkyCoord

from fermiml.catalog import crossmatch
from fermiml.catalog.catalog import SourceCatalog
from fermiml.fermipy import decisions, engine, rows
from fermiml.fermipy.scene import Scene

# Norm of a spectrum, and its reference energy, by fermipy's name of the shape.
_NORMS = {
    "PowerLaw": ("Prefactor", "Scale"),
    "LogParabola": ("norm", "Eb"),
    "PLSuperExpCutoff4": ("Prefactor", "Scale"),
}
_SIGMA = 0.03  # deg, of a position without an error


@dataclass
class Seeds:
    """What was detected, and what became of each: a status, a reason, a TS."""

    catalog: SourceCatalog
    sources: list = field(default_factory=list)  # name of the ROI's source, of known seeds
    status: np.ndarray = None
    reason: list = field(default_factory=list)
    ts: np.ndarray = None
    tried: list = field(default_factory=list)  # rows that were in the model at any time
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
        self.tried += [first + row for row in other.tried]

    def mark(self, row, status, reason=""):
        """Record what became of a seed, and why."""
        self.status[row], self.reason[row] = status, reason


def sort_out(catalog, gta, config, skydir=None, minmax=(None, None)):
    """Sort the seeds of a catalog: which are already in the ROI's model, which are to be added."""
    present = [s for s in gta.roi.sources if not s.diffuse]
    where, shapes = rows.places(present)
    widened = catalog.with_systematics()
    position = catalog.positions.icrs
    known = decisions.coincident(
        position, widened.ellipses(), where, shapes, config["match_level"], config["match_radius"]
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


def add_all(gta, seeds, config, say):
    """Add the waiting seeds batch by batch, and keep those above the threshold."""
    probability = np.asarray(seeds.catalog.table["ML_Prob"], float)
    waiting = decisions.by_probability(probability, seeds.status == decisions.WAITING)
    cut = decisions.batches(waiting, config["sources_per_iter"], config["max_iter"])
    with engine.maps_in_memory(gta, seeds.names(waiting)):
        for number, batch in enumerate(cut, start=1):
            _add_batch(gta, seeds, batch, config)
            kept = [row for row in batch if seeds.status[row] == decisions.NEW]
            say(f"Batch {number} of {len(cut)}: {len(kept)} of {len(batch)} seeds kept")
    for row in seeds.rows(decisions.WAITING):
        seeds.reason[row] = "max_iter was reached"


def _add_batch(gta, seeds, batch, config):
    """Add a batch with one joint fit of the norms; when it fails, fit each seed on its own."""
    added = [row for row in batch if _try(seeds, row, _add, gta, seeds, row, config)]
    if not added:
        return
    seeds.tried += added
    before = engine.parameters(gta)
    try:
        engine.fit_norms(gta, _standing(seeds, added), config["free_radius"])
    except engine.FitFailed as error:
        engine.restore(gta, before)
        if len(added) == 1:
            _drop(gta, seeds, added[0], decisions.FAILED, str(error))
            return
        for row in added:
            engine.delete(gta, seeds.names([row])[0])
        for row in added:
            _add_batch(gta, seeds, [row], config)
        return
    for row in added:
        seeds.ts[row] = engine.ts(gta, seeds.names([row])[0])
    _judge(gta, seeds, added, config["sqrt_ts_threshold"])


def _standing(seeds, added):
    """Return the names of all seeds that are now in the model."""
    return seeds.names([*seeds.rows(decisions.NEW), *added])


def _judge(gta, seeds, added, threshold):
    """Drop seeds whose TS does not reach the threshold."""
    for row in added:
        if decisions.keeps(seeds.ts[row], threshold):
            seeds.status[row] = decisions.NEW
        else:
            _drop(gta, seeds, row, decisions.REJECTED, f"TS {seeds.ts[row]:.1f}")


def _drop(gta, seeds, row, status, reason):
    engine.delete(gta, seeds.names([row])[0])
    seeds.mark(row, status, reason)


def _try(seeds, row, step, *args):
    """Try a step and return whether it succeeded; a seed whose step failed is marked."""
    try:
        step(*args)
    except engine.FitFailed as error:
        seeds.mark(row, decisions.FAILED, str(error))
        return False
    return True


def _add(gta, seeds, row, config):
    given = properties(seeds.catalog.table[row], config["model"])
    engine.add(gta, seeds.names([row])[0], given, central_psf=config["localize"])


def properties(row, template):
    """Build the properties fermipy needs to add a seed: position, template, photometric flux."""
    place = SkyCoord(row["RAJ2000"], row["DEJ2000"], unit="deg", frame="fk5").icrs
    shape = {"SpectrumType": "PowerLaw", "SpatialModel": "PointSource", **(template or {})}
    if shape["SpectrumType"] == "PowerLaw":
        shape.setdefault("Index", 2.0)
    norm, scale = _NORMS.get(shape["SpectrumType"], (None, None))
    density = _density(row, float(shape.setdefault(scale, 1000.0)) if scale else np.nan)
    if norm:
        shape.setdefault(norm, density if density > 0 else 1e-13)
    return {**shape, "ra": float(place.ra.deg), "dec": float(place.dec.deg)}


def _density(row, energy):
    """Compute the flux density (MeV-1 cm-2 s-1) of the photometry's power law at an energy."""
    pivot, index = float(row["Pivot_Energy"]), float(row["PL_Index"])
    return float(row["PL_Flux_Density"]) * (energy / pivot) ** -index


def localize_all(gta, seeds, config, say):
    """Localize the sources that stay; one that cannot be keeps the network's position."""
    major, minor, _ = seeds.catalog.ellipses()
    sigma = np.sqrt(major * minor)
    sigma = np.where(sigma > 0, sigma, _SIGMA)
    kept = decisions.by_probability(seeds.ts, seeds.status == decisions.NEW)
    names = seeds.names(kept)
    for name in names:  # the images depend on the spectra
        _try_or_say(say, engine.fit_spectrum, gta, name, config["free_params"])
    scene = Scene(gta, names)
    with engine.maps_in_memory(gta, names):
        return [row for row in kept if _localize(gta, scene, seeds, row, sigma[row], say)]


def _localize(gta, scene, seeds, row, sigma, say):
    """Localize a source; return whether that succeeded."""
    (name,) = seeds.names([row])
    try:
        engine.localize(gta, scene, name, sigma)
    except engine.FitFailed as error:
        seeds.reason[row] = str(error)
        say(f"{name}: {error}; it stays where the network found it")
        return False
    return True


def finish(gta, seeds, config, say):
    """Do the final refit; drop what has fallen below the threshold, and fit the rest again.

    Neighbours of rejected seeds are refitted, too, as their norms were fitted together with
    these. Where no seed is left, all parameters return to their initial values.
    """
    if len(seeds.rows(decisions.NEW)):
        _settle(gta, seeds, config, say)
    if not len(seeds.rows(decisions.NEW)):
        _back_to_start(gta, seeds, config)
    elif not decisions.no_worse(engine.loglike(gta), seeds.start_loglike):
        _give_up(gta, seeds, config, say)


def _settle(gta, seeds, config, say):
    """Fit all norms together, then the spectra of neighbouring sources, group by group.

    The time of a fit grows with the square of its parameters, and sources far apart do not
    depend on each other.
    """
    radius, tried = config["free_radius"], np.array(seeds.tried)
    place = seeds.catalog.positions.icrs[tried]
    names = seeds.names(seeds.rows(decisions.NEW))
    _try_or_say(say, engine.fit_norms, gta, names, radius, place)
    for group in decisions.groups(place, 2 * radius):
        _settle_group(gta, seeds, tried[group], config, say)
    # The covariance is that of the last group, in which they were free, too.
    engine.refresh(gta, [source.name for source in gta.roi.diffuse_sources])


def _settle_group(gta, seeds, group, config, say):
    """Fit a group of seeds until all that are left of it reach the threshold."""
    radius, around = config["free_radius"], seeds.catalog.positions.icrs[group]
    while True:
        standing = [row for row in group if seeds.status[row] == decisions.NEW]
        names = seeds.names(standing)
        _try_or_say(say, engine.refit, gta, names, radius, config["free_params"], around)
        for row, name in zip(standing, names, strict=True):
            seeds.ts[row] = _final_ts(gta, name, radius, say)
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
        _drop(gta, seeds, row, decisions.FAILED, reason)
    _back_to_start(gta, seeds, config)
    say(f"No seed stays: {reason}")


def _back_to_start(gta, seeds, config):
    engine.restore(gta, seeds.start)
    around = seeds.catalog.positions.icrs[seeds.tried]
    engine.refresh(gta, sorted(engine.neighbours(gta, around, config["free_radius"])))


def _final_ts(gta, name, radius, say):
    try:
        return engine.reoptimized_ts(gta, name, radius)
    except engine.FitFailed as error:
        say(f"{name}: {error}; the TS is the one without a new fit of its neighbours")
        return engine.ts(gta, name)

"""Fields of sky: what a configuration describes, and what the LAT is expected to see there."""

import logging
from dataclasses import dataclass, replace

import numpy as np
from astropy.coordinates import SkyCoord
from gammapy.maps import HpxGeom, MapAxis, WcsGeom

from fermiml.errors import InputError
from fermiml.fitsmaps import open_fits, read_nodes_map
from fermiml.model import convolve, from_catalog, point_sources
from fermiml.model.observation import Observation
from fermiml.model.sources import POINT, Sources, concatenate
from fermiml.response import exposure as exposures
from fermiml.response.installed import load_response
from fermiml.simulate import diffuse_models, lat_files, populations, splits, truth
from fermiml.simulate.populations import PRESETS
from fermiml.sky.bands import assign_bins
from fermiml.sky.selection import Selection, duration

log = logging.getLogger(__name__)

_AROUND = 10.0  # deg beyond a field from where sources still reach into it
_MATTERS = 1.0  # estimated TS from which a source is drawn at its exact place
_NEVER = 1e-11  # flux below which none is


@dataclass(frozen=True)
class Setup:
    """What all fields of a configuration share."""

    config: dict
    responses: tuple  # one for each component
    exposures: tuple  # all-sky maps (cm2 s), likewise
    gti: np.ndarray
    shapes: dict  # spectral shapes by class
    own: Sources | None  # the sources of a catalog, if these are wanted


@dataclass(frozen=True)
class Field:
    """Expected counts of one component by origin, each (counts bin, pixels...)."""

    observation: Observation
    selection: Selection
    galactic: np.ndarray
    isotropic: np.ndarray  # as the published spectrum has it: the faint sources' mean within
    lowered: np.ndarray  # less the mean of the faint sources that are simulated one by one
    faint: np.ndarray
    sources: np.ndarray

    @property
    def expected(self):
        """All that is expected."""
        return self.galactic + self.lowered + self.faint + self.sources

    @property
    def background(self):
        """What a true diffuse model predicts: no source, but the faint ones' mean."""
        return self.galactic + self.isotropic


def prepare(config):
    """Read what the fields share: response, exposure, GTI, spectra."""
    settings = config["observation"]
    responses = tuple(load_response(settings["irf"], t) for t in settings["event_types"])
    maps, gti = _exposures(settings, responses)
    population = config["population"]
    path = from_catalog.find(population["sources"]) if population["sources"] else None
    if population["sources"] and path is None:
        raise InputError(f"population.sources: no catalog {population['sources']!r} is installed")
    own = from_catalog.own_sources(path)[0] if path else None
    shapes = populations.library(population["spectra"]) if own is None else {}
    return Setup(config, responses, maps, gti, shapes, own)


def _exposures(settings, responses):
    """Read or estimate all-sky exposure maps, and the good time intervals that go with them."""
    given = settings["livetime_cube"] or settings["exposure"]
    if given is None:
        gti = lat_files.survey_gti((settings["years"] or 14.0) * lat_files.GOOD_TIME)
        return tuple(exposures.estimate(duration(gti), r) for r in responses), gti
    with open_fits(given) as hdus:
        gti = Selection.from_hdus(hdus).gti
    if gti is None:
        raise InputError(f"{given}: has no GTI table, so the time of the observation is unknown")
    if settings["livetime_cube"]:
        return tuple(exposures.from_livetime_cube(given, r) for r in responses), gti
    if len(responses) > 1:
        raise InputError("observation.exposure is the exposure of one event type: give one only")
    return (read_nodes_map(given, "cm2 s", frame="galactic"),), gti


def energy_axis(energy):
    """Build the axis of the counts from the section `energy`."""
    edges = energy["edges"]
    if edges is None:
        decades = np.log10(energy["max"] / energy["min"])
        number = max(1, round(decades * energy["bins_per_decade"]))
        edges = np.geomspace(energy["min"], energy["max"], number + 1)
    return MapAxis.from_energy_edges(np.array(edges, float), unit="MeV", name="energy")


def geometries(config):
    """Build (name, gammapy geometry) of every field that a configuration describes."""
    sky, energy = config["sky"], config["energy"]
    axis = energy_axis(energy)
    centers = _centers(config)
    if centers is None:
        named = [("sky", HpxGeom(sky["nside"], nest=False, frame=sky["frame"], axes=[axis]))]
    else:
        make = _wcs if sky["nside"] is None else _healpix_disk
        named = [(f"field_{i:04d}", make(center, sky, axis)) for i, center in enumerate(centers)]
    if sky["skies"] == 1:
        return named
    return [(f"{name}_{i:03d}", geom) for i in range(int(sky["skies"])) for name, geom in named]


def _centers(config):
    """Return the centres of the fields, or None for the whole sky."""
    sky = config["sky"]
    if sky["centers"] is not None:
        lon, lat = np.array(sky["centers"], float).T
        return SkyCoord(lon, lat, unit="deg", frame="galactic")
    if sky["split"] is None:
        return None
    rng = np.random.default_rng([config["seed"], 99])
    return splits.centers(sky["split"], int(sky["fields"]), rng, margin=sky["width"] / 2)


def _healpix_disk(center, sky, axis):
    center = center.transform_to(sky["frame"]).spherical
    region = f"DISK({center.lon.deg},{center.lat.deg},{sky['width'] / 2})"
    return HpxGeom(sky["nside"], nest=False, frame=sky["frame"], region=region, axes=[axis])


def _wcs(center, sky, axis):
    try:
        return WcsGeom.create(
            skydir=center,
            width=sky["width"],
            binsz=sky["pixel"],
            proj=sky["projection"],
            frame=sky["frame"],
            axes=[axis],
        )
    except Exception as error:
        raise InputError(f"sky: no such map can be made ({error})") from error


def draw_sources(setup, rng, center, radius):
    """Draw or select the sources of a field; only those of its surroundings where it is small."""
    population = setup.config["population"]
    reach = min(radius + _AROUND, 180.0)
    if setup.own is not None:
        return setup.own if reach == 180 else setup.own.within(center, reach)
    preset = population["preset"] or "nominal"
    if preset == "none":
        return Sources.empty()
    law = PRESETS[preset]
    drawn = populations.draw(
        law, setup.shapes, rng, None if reach == 180 else center, reach, population["faintest"]
    )
    if population["extended"]:
        number, share = int(population["extended"]), population["irregular"]
        extended = populations.draw_extended(number, rng, share)
        drawn = concatenate([drawn, extended if reach == 180 else extended.within(center, reach)])
    return drawn


def simulate_field(setup, geom, rng):
    """Compute the expected counts of one field, component by component, and its sources.

    Returns (fields, bright sources): the bright ones are those that matter one by one.
    """
    config = setup.config
    diffuse, clumps = diffuse_models.galactic(diffuse_settings(config, rng), rng)
    fields, bright, faint = [], None, None
    for i in range(len(setup.responses)):
        observation, selection = observe(setup, geom, i)
        if bright is None:
            drawn = draw_sources(setup, rng, *observation.pixels.center)
        galactic = convolve.expect(observation, diffuse.intensity, progress="diffuse emission")
        galactic += point_sources.total(observation, clumps.within(*_reach(observation)))
        published, lowered = isotropic(setup, observation)
        if bright is None:
            bright, faint = bright_and_faint(observation, drawn, galactic + published)
        crowd = convolve.expect(observation, faint=faint, progress="faint sources")
        counts = point_sources.total(observation, bright, "sources")
        fields.append(Field(observation, selection, galactic, published, lowered, crowd, counts))
    return fields, bright


def diffuse_settings(config, rng):
    """Return the section `diffuse`; for the model `split`, draw one of the split's models."""
    settings = config["diffuse"]
    if settings["model"] != "split":
        return settings
    choices = splits.split(config["sky"]["split"]).diffuse
    return {**settings, **choices[rng.integers(len(choices))]}


def bright_and_faint(observation, sources, background):
    """Split sources into those that are simulated one by one and those that are a crowd."""
    worth = point_sources.estimate_ts(observation, sources, background)
    matters = (worth > _MATTERS) & (sources.flux1000 > _NEVER) | (sources.form != POINT)
    return sources[matters], sources[~matters]


def _reach(observation):
    center, radius = observation.pixels.center
    return center, min(radius + _AROUND, 180.0)


def observe(setup, geom, number):
    """Build one component's observation of a field, and the cuts that its header will name."""
    response = setup.responses[number]
    observation = Observation.of(
        geom,
        setup.exposures[number],
        response,
        dispersion=setup.config["observation"]["energy_dispersion"],
    )
    release, evclass = lat_files.event_class(response.name)
    center, radius = observation.pixels.center
    selection = Selection(
        evclass=evclass,
        evtype=setup.config["observation"]["event_types"][number],
        release=release,
        irf=response.name,
        zenith=(0.0, 100.0),
        circles=((center, min(radius + 0.5, 180.0)),),
        gti=setup.gti,
    )
    return observation, selection


def isotropic(setup, observation):
    """Compute the expected counts of the published isotropic spectrum, and of the lowered one."""
    term = diffuse_models.isotropic(setup.config["diffuse"], observation.response)
    if term is None:
        zero = np.zeros((len(observation.edges) - 1, *observation.pixels.shape))
        return zero, zero
    published = convolve.expect(observation, term.intensity)
    population = setup.config["population"]
    if setup.own is not None or population["preset"] == "none":
        return published, published
    mean = populations.faint_spectrum(
        PRESETS[population["preset"] or "nominal"],
        setup.shapes,
        population["resolved_above"],
        term.nodes,
        population["faintest"],
    )
    lowered = convolve.expect(observation, term.lowered(term.nodes, mean).intensity)
    return published, lowered


def with_sources(field, sources):
    """Return a field with more sources."""
    if not len(sources):
        return field
    return replace(field, sources=field.sources + point_sources.total(field.observation, sources))


def true_catalog(fields, sources):
    """Build the truth table, the source of highest Asimov TS first.

    Asimov TS and counts are summed over the components.
    """
    return true_rows(fields, sources)[0]


def true_rows(fields, sources):
    """Build the truth table, and list which source each of its rows is."""
    counts = np.zeros((len(sources), 5))
    ts = np.zeros((len(sources), len(fields[0].observation.edges) - 1))
    for f in fields:
        by_bin, events = point_sources.asimov_ts(f.observation, sources, f.expected, "Asimov TS")
        ts += by_bin
        counts += events @ (assign_bins(f.observation.edges)[:, None] == np.arange(5))
    first = fields[0]
    position = SkyCoord(sources.lon, sources.lat, unit="deg", frame="galactic")
    inside = first.observation.geom.to_image().contains(position)
    seen = np.flatnonzero(inside | (counts.sum(axis=1) > 0.5))
    seen = seen[np.argsort(-ts[seen].sum(axis=1), kind="stable")]
    edges = first.observation.edges
    meta = {
        "EMIN": float(edges[0]),
        "EMAX": float(edges[-1]),
        "RSPFUNC": first.observation.response.name,
        "TSTART": float(first.selection.gti[0, 0]),
        "TSTOP": float(first.selection.gti[-1, 1]),
    }
    return truth.catalog(sources[seen], ts[seen], counts[seen], inside[seen], meta), seen.tolist()


def wrong_background(setup, fields, counts, rng):
    """Fit the two norms of another diffuse model to the counts; return one map per component.

    The true sources are in the model of the fit: they are not to blame for the difference.
    """
    diffuse, clumps = diffuse_models.galactic(setup.config["wrong"], rng)
    parts, fixed = [], []
    for f in fields:
        galactic = convolve.expect(f.observation, diffuse.intensity)
        galactic += point_sources.total(f.observation, clumps.within(*_reach(f.observation)))
        term = diffuse_models.isotropic(setup.config["wrong"], f.observation.response)
        isotropic = convolve.expect(f.observation, term.intensity) if term else 0 * galactic
        parts.append((galactic, isotropic))
        fixed.append(f.sources)
    norms = _fit_norms(counts, parts, fixed)
    log.info("the wrong diffuse model (%s) is scaled to the field: Galaxy x %.3f, isotropic x %.3f",
             diffuse.name, *norms)  # fmt: skip
    return [np.tensordot(norms, pair, 1) for pair in parts], diffuse.name


def _fit_norms(counts, parts, fixed):
    """Fit Poisson maximum-likelihood norms of two maps on top of a fixed one."""
    from scipy.optimize import minimize

    observed = np.concatenate([c.ravel() for c in counts]).astype(float)
    free = np.array([np.concatenate([p[k].ravel() for p in parts]) for k in (0, 1)])
    base = np.concatenate([f.ravel() for f in fixed])
    used = free.sum(axis=1) > 0
    if not used.any():
        return np.ones(2)

    def cost(logs):
        norms = np.exp(logs)
        model = np.maximum(base + norms @ free, 1e-12)
        return np.sum(model - observed * np.log(model)), norms * (free @ (1 - observed / model))

    bounds = [(-2.3, 2.3) if u else (0, 0) for u in used]
    return np.exp(minimize(cost, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds).x)

"""Fields for training: expected counts of sources and of diffuse models, stored apart.

A field is a square of sky on the networks' grid, seen by one event type. Its planes are
those of the five network bands, and of the one below 500 MeV where the energies reach there, in
half precision with a scale for each plane.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from gammapy.maps import WcsGeom

from fermiml import checkpoint
from fermiml.files import replacing
from fermiml.model import convolve, point_sources
from fermiml.simulate import diffuse_models, fields, skies, splits
from fermiml.sky.bands import BANDS, assign_bins, define_bands, photons
from fermiml.sky.patches import PIXEL, lies_within

SIZE = 256  # pixels along a side
_PULSARS = ("PSR", "MSP")


def store(config, output, overwrite=False, prepare=fields.prepare, jobs=1):
    """Store all training fields of a configuration; those that are there already stay."""
    with skies.claim(config, output, overwrite) as output:
        rng = np.random.default_rng([config["seed"], 98])
        sky = config["sky"]
        centers = splits.centers(sky["split"], sky["fields"], rng, SIZE * PIXEL / 2)
        paths = [output / f"field_{number:05d}.npz" for number in range(len(centers))]
        missing = [i for i, path in enumerate(paths) if checkpoint.load(path, _complete) is None]
        shared = skies.Preparation.of(prepare, config)
        waiting = (TrainingTask(shared, centers[i], i, paths[i]) for i in missing)
        skies.run_all(store_task, waiting, len(missing), jobs)
        return paths


@dataclass(frozen=True)
class TrainingTask:
    """All that a process needs to make a training field."""

    shared: skies.Preparation
    center: object
    number: int
    path: Path


def store_task(task):
    """Make a training field and store it."""
    setup = skies.prepared(task.shared)
    rng = np.random.default_rng([setup.config["seed"], task.number])
    arrays = _field(setup, task.center, rng)
    with replacing(task.path) as temporary:
        np.savez(temporary, **arrays)


def _complete(path):
    """Return the path of a field, if the list of its arrays, which is written last, is there."""
    with zipfile.ZipFile(path):
        return path


def _field(setup, center, rng):
    """Compute the arrays of one field."""
    geom = _geometry(setup.config, center)
    component = int(rng.integers(len(setup.responses)))
    observation, _ = fields.observe(setup, geom, component)
    models_wanted = range(int(setup.config["training"]["models"]))
    galactic = [_galactic(setup, observation, rng) for _ in models_wanted]
    published, lowered = fields.isotropic(setup, observation)
    drawn = fields.draw_sources(setup, rng, *observation.pixels.center)
    bright, crowd = fields.bright_and_faint(observation, drawn, galactic[0] + published)
    sources = point_sources.total(observation, bright)
    faint = convolve.expect(observation, faint=crowd)
    everything = galactic[0] + lowered + faint + sources
    arrays = {"psf": _band_psf(observation), "rad": observation.psf.rad}
    grouped = {
        "sources": sources,
        "faint": faint,
        "isotropic": lowered,
        "galactic": np.array(galactic),
    }
    member = _membership(observation.edges)
    for name, values in grouped.items():
        arrays |= _packed(name, np.einsum("...eyx,eb->...byx", values, member))
    arrays |= _truth(observation, bright, everything, member)
    covered = [b.covered for b in define_bands(observation.edges, low=True)]
    arrays["covered"] = np.array(covered[: member.shape[1]])
    arrays["center"] = np.array([center.l.deg, center.b.deg])
    arrays["evtype"] = np.array(setup.config["observation"]["event_types"][component])
    return arrays


def _geometry(config, center):
    axis = fields.energy_axis(config["energy"])
    return WcsGeom.create(
        skydir=center, npix=SIZE, binsz=PIXEL, proj="TAN", frame="galactic", axes=[axis]
    )


def _galactic(setup, observation, rng):
    """Compute the expected counts of a random variant of one of the split's diffuse models."""
    model, clumps = diffuse_models.galactic(fields.diffuse_settings(setup.config, rng), rng)
    center, radius = observation.pixels.center
    near = clumps.within(center, radius + 3)
    return convolve.expect(observation, model.intensity) + point_sources.total(observation, near)


def _membership(edges):
    """Build the (native bin, band) matrix of ones and zeros."""
    numbers = assign_bins(edges, low=True)
    bands = max(len(BANDS), numbers.max() + 1)
    return (numbers[:, None] == np.arange(bands)).astype(float)


def _band_psf(observation):
    """Compute the PSF of each band (band, rad): the mean over its native bins, as of real cubes."""
    edges = observation.edges
    energy = np.sqrt(edges[:-1] * edges[1:])
    center = observation.pixels.center[0]
    exposure = observation.exposure(center.l.deg[None], center.b.deg[None], energy)[:, 0]
    weight = photons(edges[:-1], edges[1:]) * exposure
    member = _membership(edges) * weight[:, None]
    member = member / np.maximum(member.sum(axis=0), 1e-300)
    return (member.T @ observation.psf.at(energy)).astype(np.float32)


def _packed(name, values):
    """Pack planes in half precision, with the scale of each."""
    scale = np.maximum(values.max(axis=(-2, -1)), 1e-30)
    packed = (values / scale[..., None, None]).astype(np.float16)
    return {name: packed, f"{name}_scale": scale.astype(np.float32)}


def _truth(observation, sources, everything, member):
    """Return pixel positions, fluxes, classes, and TS and counts by band of the sources inside."""
    ts, counts = point_sources.asimov_ts(observation, sources, everything)
    image = observation.geom.to_image()
    x, y = image.coord_to_pix((sources.lon, sources.lat))
    inside = lies_within(x, y, SIZE)
    return {
        "x": x[inside].astype(np.float32),
        "y": y[inside].astype(np.float32),
        "flux": sources.flux1000[inside].astype(np.float32),
        "pulsar": np.isin(sources.class1[inside], _PULSARS),
        "extended": sources.size[inside].astype(np.float32),
        "form": sources.form[inside].astype(np.int8),
        "ts": (ts @ member)[inside].astype(np.float32),
        "npred": (counts @ member)[inside].astype(np.float32),
    }

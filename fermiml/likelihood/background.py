"""The diffuse emission of a fit: expected counts, model files, or the embedded model.

A background is a list of planes (expected counts in every pixel and bin), each with a free norm;
the first has a free tilt, too.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from fermiml import moved
from fermiml.errors import InputError
from fermiml.model import convolve, diffuse

log = logging.getLogger(__name__)
_BEYOND = 2.0  # times an end of a spectrum, that data may go farther
__getattr__ = moved.renamed(__name__, Given="GivenBackground", Diffuse="DiffuseBackground")


@dataclass(frozen=True)
class GivenBackground:
    """Expected counts that came with the cube."""

    text: str = "the given expected counts"

    def content(self):
        """Return what distinguishes two of them, besides the component's own data."""
        return "given"

    def planes(self, component, _observation):
        """Return the one plane, (1, bin, pixel)."""
        values = component.background.data
        return values.reshape(1, len(values), -1).astype(float)


@dataclass(frozen=True)
class DiffuseBackground:
    """A model of the Galaxy and an isotropic spectrum; None stands for the embedded ones."""

    galdiff: str | None = None
    iso: str | None = None

    @property
    def text(self):
        """What it is made of."""
        galaxy, flat = (path and Path(path).name for path in (self.galdiff, self.iso))
        return f"{galaxy or 'the embedded Galaxy'} + {flat or 'the embedded isotropic'}"

    def content(self):
        """Return what distinguishes two of them: names, sizes and times of the files."""
        stats = [p and Path(p).stat() for p in (self.galdiff, self.iso)]
        return self.galdiff, self.iso, *(s and (s.st_size, s.st_mtime_ns) for s in stats)

    def planes(self, component, observation):
        """Galactic and isotropic plane, (2, bin, pixel)."""
        terms = (_galactic(self.galdiff), _isotropic(self.iso, component, observation.response))
        bins = len(component.energy_edges) - 1
        expected = [convolve.expect(observation, term.intensity) for term in terms]
        return np.array(expected).reshape(2, bins, -1)


@lru_cache(maxsize=2)
def _galactic(path):
    return diffuse.embedded_galactic() if path is None else diffuse.galactic_cube(path)


def _isotropic(path, component, response):
    if path is not None:
        return diffuse.isotropic_file(path)
    return diffuse.embedded_isotropic(response.name, component.event_types)


def check_files(galdiff, iso):
    """Raise InputError where a named file is missing."""
    for path, what in ((galdiff, "--galdiff"), (iso, "--iso")):
        if path is not None and not Path(path).expanduser().is_file():
            raise InputError(f"{what} {path}: no such file")


def choose(cube, galdiff=None, iso=None):
    """Choose the background of a cube; issue a prominent warning where none is named."""
    given = [component.background is not None for component in cube.components]
    if galdiff or iso:
        if any(given):
            raise InputError(
                "--background contradicts --galdiff and --iso: a background is either given as "
                "expected counts or built from diffuse models"
            )
        check_files(galdiff, iso)
        missing = [w for p, w in ((galdiff, "--galdiff"), (iso, "--iso")) if p is None]
        if missing:
            log.warning("no %s is given: the EMBEDDED one is used", missing[0])
        chosen = DiffuseBackground(*(p and str(Path(p).expanduser()) for p in (galdiff, iso)))
        _check(chosen, cube)
        return chosen
    if all(given):
        return GivenBackground()
    if any(given):
        raise InputError("some components of the cube have a background and others have none")
    log.warning(
        "NO BACKGROUND IS GIVEN: the embedded diffuse model is used. It is coarse (0.5 deg) and "
        "not for publication; give gll_iem and iso files with --galdiff and --iso, or expected "
        "counts with --background"
    )
    return DiffuseBackground()


def _check(chosen, cube):
    """Read the files once, so that a wrong one is an error before the fits begin."""
    where = cube.center.galactic
    try:
        _galactic(chosen.galdiff).intensity(where.l.deg[None], where.b.deg[None], [1e3])
    except InputError as error:
        raise InputError(f"--galdiff {chosen.galdiff}: {error}") from None
    if chosen.iso is not None:
        _check_range(diffuse.isotropic_file(chosen.iso), chosen.iso, cube)


def _check_range(iso, path, cube):
    """Warn where a spectrum ends long before the data do, as that of a truncated file does."""
    edges = np.concatenate([component.energy_edges for component in cube.components])
    if iso.nodes[0] > _BEYOND * edges.min() or iso.nodes[-1] < edges.max() / _BEYOND:
        log.warning(
            "--iso %s: goes from %.4g to %.4g MeV, the counts from %.4g to %.4g MeV; the spectrum "
            "is extended (is the file complete?)",
            path, iso.nodes[0], iso.nodes[-1], edges.min(), edges.max(),
        )  # fmt: skip

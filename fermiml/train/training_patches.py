"""Training patches, generated on the fly: no patch is used twice.

From a stored field are drawn: a place, one of eight orientations, an exposure, a mix of
the diffuse models with other norms and colours, absent and partly covered bands, coarse
pixels, a rim of the data, gas structure, a background that a user might give, and the counts.
A seed, an epoch and a number make one and the same patch again.
"""

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from fermiml.errors import InputError
from fermiml.features.patch_features import UNKNOWN, PatchFeatures
from fermiml.model import masks
from fermiml.model.sources import DISK
from fermiml.networks import arrays
from fermiml.response.psf import PSF
from fermiml.sky.bands import BANDS
from fermiml.sky.patches import PIXEL, lies_within, pixel_at
from fermiml.train import added_sources, patch_structure

_PLANES = ("sources", "faint", "isotropic", "galactic")
_DRAWS = 300  # of patches, until one has the wanted level
_BANDED = (*_PLANES, *(f"{name}_scale" for name in _PLANES), "ts", "npred", "psf", "covered")
_KNOWN = ("flux", "pulsar", "extended", "radius", "hole")  # of sources, at any exposure


@dataclass(frozen=True)
class Randomisation:
    """What is drawn on the fly; the defaults are for training."""

    exposure: tuple = (0.006, 1.15)  # over that of the stored fields (1 month to 16 of 14 years)
    short: float = 0.3  # fraction of patches with exposures even in their logarithm
    galactic: float = 0.15  # standard deviation of ln(norm) of each diffuse model
    isotropic: float = 0.15
    colour: float = 0.05  # the same of each band, all diffuse emission alike
    absent: float = 0.25  # probability that bands are missing at one end of the energies
    partial: float = 0.15  # probability that the first or last band is partly covered
    rim: float = 0.15  # probability that a part of the patch is outside the data
    coarse: float = 0.06  # probability of native pixels of 0.2 or 0.3 deg
    given: float = 0.25  # probability that a (more or less wrong) background is given
    structure: float = 0.0  # largest rms of gas structure that no model has, where gas dominates
    structured: float = 0.75  # probability of that
    true: float = 0.25  # probability that a given background is the true one
    extended: float = 0.0  # mean number of extended sources that are added
    artefacts: float = 0.0  # the same of clumps of gas
    level: tuple = (0.0, np.inf)  # counts a pixel; patches with fewer or more are not taken


@dataclass(frozen=True)
class TrainingPatch:
    """One training example; pixel positions count from the centre of pixel (0, 0)."""

    counts: np.ndarray  # (band, y, x)
    expected: np.ndarray  # (band, y, x)
    coverage: np.ndarray  # (y, x)
    covered: np.ndarray  # (band,)
    x: np.ndarray
    y: np.ndarray
    ts: np.ndarray  # Asimov TS in the bands that are there
    flux: np.ndarray  # 1-100 GeV
    pulsar: np.ndarray
    extended: np.ndarray  # deg, 0 for points
    radius: np.ndarray  # deg, of the pixels that belong to a source, see `fermiml.model.masks`
    hole: np.ndarray  # deg, inner radius of those
    artefact: np.ndarray  # whether it is no source, but a clump of gas
    npred: np.ndarray  # (source, band)
    background: np.ndarray | None  # (band, y, x), what a user might give
    coarse: int  # native pixels along whose side counts were spread evenly
    field: int


class TrainingSet:
    """Patches from a folder of stored fields.

    Parameters
    ----------
    folder : path or list of paths
        What `fermiml simulate` made of configurations with a section `training`.
    size : int
        Pixels along a side of a patch.
    seed : int or list of int
        Seed of everything that is drawn.
    randomisation : Randomisation
    low : bool
        Whether the network looks at the band below 500 MeV; fields without it lack it.
    """

    def __init__(self, folder, size=128, seed=0, randomisation=None, low=False):
        folders = [folder] if isinstance(folder, str | Path) else folder
        self.paths = [path for f in folders for path in sorted(Path(f).glob("field_*.npz"))]
        if not self.paths:
            names = ", ".join(str(f) for f in folders)
            raise InputError(f"{names}: no training fields (field_*.npz) found")
        self.size, self.seed = size, seed
        self.randomisation = randomisation or Randomisation()
        self._filters = lru_cache(maxsize=512)(self._make_filter)
        self._bands = len(BANDS) + low
        self._load = lru_cache(maxsize=512)(self._load_bands)  # 4 MB a field

    def __len__(self):
        return len(self.paths)

    def patch(self, number, epoch=0):
        """Draw the patch of a number and an epoch, from field `number` modulo their count, or from
        the next ones where its level is not wanted."""
        rng = np.random.default_rng([*np.atleast_1d(self.seed), epoch, number])
        low, high = self.randomisation.level
        for field in range(number, number + _DRAWS):
            patch = self._draw(field % len(self), rng)
            if low <= patch.counts.sum() / patch.coverage.sum() < high:
                return patch
        raise InputError(
            f"training.level: none of {_DRAWS} patches has {low:g} to {high:g} counts a pixel"
        )

    def _draw(self, field, rng):
        filters, stored = self._filters(field, 1), self._load(self.paths[field])
        return _draw(stored, field, self.size, self.randomisation, filters, rng)

    def example(self, number, epoch=0):
        """Return (features, patch)."""
        patch = self.patch(number, epoch)
        make = self._filters(patch.field, patch.coarse)
        background = None if patch.background is None else patch.background[None]
        features = make(patch.counts[None], patch.coverage[None], patch.covered, background)
        return features, patch

    def psf(self, field):
        """Read the PSFs of a field's bands, None where it has none."""
        stored = self._load(self.paths[field])
        rad, values = stored["rad"].astype(float), stored["psf"].astype(float)
        return [PSF(np.ones(1), rad, v[None]) if v.any() else None for v in values]

    def _load_bands(self, path):
        return _with_bands(_load(path), self._bands)

    def _make_filter(self, field, coarse):
        psf = self.psf(field)
        if coarse > 1:
            step = (np.arange(4) - 1.5) / 4 * coarse * PIXEL
            window = np.hypot(step[:, None], step).ravel()
            psf = [p and p.smeared(window) for p in psf]
        return PatchFeatures([psf], self.size)


def _load(path):
    """Read a stored field; raise InputError where it is not what `fermiml simulate` made."""
    what = "is not a training field made by `fermiml simulate`"
    field = arrays.read(path, what)
    try:
        sound = _is_sound(field)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path}: {what} ({error})") from None
    if not sound:
        raise InputError(f"{path}: {what}: shapes or values of its arrays are wrong")
    form = field.get("form", np.where(field["extended"] > 0, DISK, 0))  # fields of fermiml 0.1
    wide = [field[name].astype(float) for name in ("rad", "psf", "npred")]
    field["radius"], field["hole"] = masks.radii(*wide, form, field["extended"])
    return field


def _with_bands(field, number):
    """Leave the low band out, or make it absent, so that there are so many bands."""
    more = number - len(field["covered"])
    if more == 0:
        return field
    axes = {name: -1 if name in ("ts", "npred", "covered") else 0 for name in _BANDED}
    axes |= dict.fromkeys(_PLANES, -3) | {f"{name}_scale": -1 for name in _PLANES}
    return field | {name: _resized(field[name], axis, number) for name, axis in axes.items()}


def _resized(values, axis, number):
    """Cut an axis, or add zeros at its end."""
    values = np.moveaxis(values, axis, 0)[:number]
    zeros = np.zeros((number - len(values), *values.shape[1:]), values.dtype)
    return np.moveaxis(np.concatenate([values, zeros]), 0, axis)


def _is_sound(field):
    """Whether all arrays are there, fit each other, and hold numbers from 0 on."""
    size, sources, radii = field["sources"].shape[-1], len(field["x"]), len(field["rad"])
    bands = len(field["covered"])
    shapes = dict.fromkeys(_PLANES, (bands, size, size))
    shapes["galactic"] = (len(field["galactic"]), bands, size, size)
    shapes |= {f"{name}_scale": shapes[name][:-2] for name in _PLANES}
    shapes |= dict.fromkeys(("x", "y", "flux", "pulsar", "extended"), (sources,))
    shapes |= {"form": (sources,)} if "form" in field else {}
    shapes |= dict.fromkeys(("ts", "npred"), (sources, bands))
    shapes |= {"covered": (bands,), "rad": (radii,), "psf": (bands, radii)}
    return (
        bands in (len(BANDS), len(BANDS) + 1)
        and all(field[name].shape == shape for name, shape in shapes.items())
        and all(np.all(np.isfinite(field[name])) for name in shapes)
        and all(np.all(field[name] >= 0) for name in set(shapes) - {"x", "y"})
        and np.all(field["covered"] <= 1)
    )


def _draw(field, number, size, options, filters, rng):
    blurred = filters.blurred
    corner = rng.integers(0, field["sources"].shape[-1] - size + 1, 2)
    window = tuple(slice(c, c + size) for c in corner)
    parts = {name: _cut(field, name, window) for name in _PLANES}
    covered, fraction = _expose(field["covered"], options, rng)
    smooth, diffuse = _diffuse(parts, options, blurred, rng)
    known = options.structure > 0 and rng.random() < options.true
    guess = diffuse if known else _guess(parts, rng)
    stars, scaled = parts["sources"] + parts["faint"], fraction[:, None, None]
    expected = scaled * (stars + diffuse)
    sources = _sources(field, corner, size, fraction)
    sources = _outshone(sources, scaled * (stars + smooth), expected)
    for draw in _additions(parts["galactic"][0], field, fraction, options, blurred, rng):
        added = draw(expected)
        sources = added.beside(_outshone(sources, expected, expected + added.counts))
        expected = expected + added.counts
    ts, weight = sources.pop("ts"), _low_weight(sources, expected, filters)
    background = scaled * guess if rng.random() < options.given else None
    turn, flip = int(rng.integers(4)), bool(rng.integers(2))
    expected = _turn(expected, turn, flip)
    coverage = _rim(size, rng) if rng.random() < options.rim else np.ones((size, size))
    coarse = int(rng.integers(2, 4)) if rng.random() < options.coarse else 1
    counts = _coarsened(rng.poisson(expected) * coverage, coarse, rng)
    x, y = _turn_points(sources.pop("x"), sources.pop("y"), size, turn, flip)
    ts[:, len(BANDS) :] *= weight
    return TrainingPatch(
        counts=counts.astype(np.float32),
        expected=expected,
        coverage=coverage.astype(np.float32),
        covered=covered,
        x=x,
        y=y,
        ts=ts.sum(axis=1),
        background=None if background is None else _turn(background, turn, flip),
        coarse=coarse,
        field=number,
        **sources,
    )


def _additions(galactic, field, fraction, options, blurred, rng):
    """Yield what draws extended sources and clumps of gas on expected counts, if any are wanted."""
    shared = {"field": field, "blurred": blurred, "rng": rng}
    if options.extended and (number := rng.poisson(options.extended)):
        yield partial(added_sources.draw_sources, number, fraction=fraction, **shared)
    if options.artefacts and (number := rng.poisson(options.artefacts)):
        galactic = fraction[:, None, None] * galactic
        yield partial(added_sources.draw_clumps, number, galactic=galactic, **shared)


def _expose(stored, options, rng):
    """Draw which part of each band the data have, and their exposure over that of the field."""
    covered = _cover(stored, options, rng)
    scale = rng.uniform(*options.exposure)
    if rng.random() < options.short:
        scale = np.exp(rng.uniform(*np.log(options.exposure)))
    # The diffuse counts were drawn with the whole band; a part of it has a part of them.
    return covered, scale * np.divide(covered, stored, out=np.zeros(len(stored)), where=stored > 0)


def _sources(field, corner, size, fraction):
    """Return the sources in a window by what is known of them, (source, [band])."""
    x, y = field["x"] - corner[1], field["y"] - corner[0]
    inside = lies_within(x, y, size)
    found = {name: field[name][inside] for name in _KNOWN}
    found |= {name: field[name][inside] * fraction for name in ("ts", "npred")}
    none = np.zeros(inside.sum(), bool)
    return found | {"x": x[inside], "y": y[inside], "artefact": none}


def _outshone(sources, before, after):
    """Return sources with the Asimov TS that they have on brighter or fainter surroundings.

    Parameters
    ----------
    before, after : array (band, y, x)
        Expected counts.
    """
    row, column = pixel_at(sources["x"], sources["y"], after.shape[-1])
    old, new = (expected[:, row, column].T for expected in (before, after))
    return sources | {
        "ts": sources["ts"] * np.divide(old, new, out=np.ones_like(new), where=new > 0)
    }


def _low_weight(sources, expected, filters):
    """By how much less a source's TS in the low band is than photons alone would say.

    As in 4FGL, 1 / (1 + f^2 b) with the counts b within the PSF: of all that is there, a fraction f
    is not known, and it is this that hides a source where there are many photons.
    """
    if len(expected) == len(BANDS):
        return np.zeros((len(sources["x"]), 0))
    row, column = pixel_at(sources["x"], sources["y"], expected.shape[-1])
    within = expected[len(BANDS) :, row, column].T * filters.low_area
    return 1 / (1 + UNKNOWN**2 * within)


def _cut(field, name, window):
    """Read the planes of a window in single precision."""
    scale = field[f"{name}_scale"][..., None, None]
    return field[name][(..., *window)].astype(np.float32) * scale


def _diffuse(parts, options, blurred, rng):
    """Mix the diffuse models, each with its own norm, times a colour for each band.

    Returns the mixture without and with gas structure.
    """
    models = parts["galactic"]
    weight = rng.dirichlet(np.ones(len(models)))
    weight = weight * np.exp(rng.normal(0, options.galactic, len(models)))
    isotropic = parts["isotropic"] * np.exp(rng.normal(0, options.isotropic))
    colour = np.exp(rng.normal(0, options.colour, len(isotropic))).astype(np.float32)[:, None, None]
    galactic = np.tensordot(weight, models, 1)
    smooth = colour * (galactic + isotropic)
    if not options.structure or rng.random() >= options.structured:
        return smooth, smooth
    own = rng.spawn(1)[0]  # what is drawn after it does not depend on the structure
    factor = patch_structure.draw(galactic, isotropic, blurred, options.structure, own)
    return smooth, colour * (factor * galactic + isotropic)


def _guess(parts, rng):
    """Draw the diffuse emission as another model has it, without any colour or norm fitted."""
    models = parts["galactic"]
    return np.tensordot(rng.dirichlet(np.ones(len(models))), models, 1) + parts["isotropic"]


def _rim(size, rng):
    """Draw a mask: true inside a selection circle or a straight edge; the middle always is."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle = rng.uniform(0, 2 * np.pi)
    depth = x * np.cos(angle) + y * np.sin(angle)
    reach = rng.uniform(0, size / 2)
    if rng.random() < 0.5:
        return depth < reach
    radius = rng.uniform(30, 300)
    across = y * np.cos(angle) - x * np.sin(angle)
    return np.hypot(depth - reach + radius, across) < radius


def _coarsened(counts, factor, rng):
    """Sum counts over coarse pixels, and spread them evenly over each."""
    if factor == 1:
        return counts
    size = counts.shape[-1]
    edges = np.arange(-int(rng.integers(factor)), size + factor, factor)
    cell = np.searchsorted(edges, np.arange(size), side="right")
    member = (cell[:, None] == np.unique(cell)).astype(float)
    mean = member / member.sum(axis=0)
    return (member @ mean.T) @ counts @ (member @ mean.T)


def _cover(covered, options, rng):
    """Return the fraction of each band that the data have, after bands were taken away."""
    covered = np.array(covered, float)
    order = np.roll(np.arange(len(covered)), len(covered) - len(BANDS))  # by energy
    present = order[covered[order] > 0]
    if rng.random() < options.absent and len(present) > 2:
        number = int(rng.integers(1, len(present) - 1))
        gone = present[:number] if rng.random() < 0.7 else present[-number:]
        covered[gone] = 0.0
    present = order[covered[order] > 0]
    if rng.random() < options.partial:
        end = present[0] if rng.random() < 0.7 else present[-1]
        covered[end] *= rng.uniform(0.2, 0.9)
    return covered


def _turn(planes, turn, flip):
    planes = np.rot90(planes, turn, axes=(-2, -1))
    return np.ascontiguousarray(planes[..., ::-1] if flip else planes)


def _turn_points(x, y, size, turn, flip):
    """Turn and flip points as `_turn` does the image; x runs along the last axis."""
    for _ in range(turn):
        x, y = y, size - 1 - x
    return (size - 1 - x, y) if flip else (x, y)

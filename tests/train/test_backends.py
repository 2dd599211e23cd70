"""Training with other backends of Keras than TensorFlow."""

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import yaml
from makers.trainingfields import make_recipe, write_fields

from fermiml import networks
from fermiml.errors import InputError
from fermiml.networks import pretrained

WITHOUT_TENSORFLOW = """
import sys
sys.modules["tensorflow"] = None  # as where it is not installed
from fermiml import Trainer
Trainer(sys.argv[1]).run(sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")
def test_jax_trains_a_network_where_tensorflow_is_missing(tmp_path):
    (tmp_path / "fields").mkdir()
    recipe = make_recipe(write_fields(tmp_path / "fields"), "unek", epochs=1)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    command = [sys.executable, "-P", "-c", WITHOUT_TENSORFLOW]
    done = subprocess.run(
        [*command, tmp_path / "recipe.yaml", tmp_path / "net"],
        env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    features = np.zeros((1, 32, 32, 23), np.float32)
    probability = pretrained.load(str(tmp_path / "net")).maps(features)["probability"]
    assert probability.shape == (1, 32, 32)
    assert np.all((probability >= 0) & (probability <= 1))


def test_a_backend_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(InputError, match=r"Keras does not start .*KERAS_BACKEND=jax or torch"):
        networks.start_keras.__wrapped__()

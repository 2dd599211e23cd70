"""A recipe that is wrong is named."""

import pytest
import yaml

from fermiml.errors import InputError
from fermiml.train import recipe


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": "yolo"}, "unknown network 'yolo'"),
        ({"netwrok": "unek"}, "unknown key netwrok"),
        ({"training": {"fields": ["a"], "epoch": 3}}, "unknown key training.epoch"),
        ({"training": {"fields": ["a"], "batch": 0}}, "training.batch: 0"),
        ({"loss": {"name": "mse"}}, "loss 'mse' is not known; known are bce, focal, dice"),
        ({"architecture": {"widths": [4, 8]}}, "2 widths need 2 encoder"),
        ({"training": {"fields": ["a"], "precision": "half"}}, "training.precision: one of"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path, change, message):
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump({"network": "unek", "training": {"fields": ["a"]}, **change}))
    with pytest.raises(InputError, match=message):
        recipe.read(path)

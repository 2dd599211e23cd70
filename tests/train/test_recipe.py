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
        ({"loss": {"name": "mse"}}, "loss.name: one of bce, focal, dice, not 'mse'"),
        ({"training": {"fields": ["a"], "batch": 0.5}}, "batch: 0.5 is not a whole number"),
        ({"training": {"fields": ["a"], "epochs": float("inf")}}, "training.epochs: inf"),
        ({"training": {"fields": ["a"], "rate": float("nan")}}, "training.rate: nan"),
        ({"training": {"fields": [1]}}, "training.fields: 1 is not the name of a file or folder"),
        ({"training": {"epochs": 3}}, "training.fields is missing"),
        ({"training": [1]}, "training: expected settings"),
        ({"selection": {"localizers": ["watershed"]}}, "unknown localizer 'watershed'"),
        ({"seed": 2**40}, "seed: 1099511627776 is not a whole number"),
        ({"turns": 3}, "turns: one of 1, 2, 4"),
        ({"network": 3}, "network: 3 is not text"),
        ({"architecture": {"widths": [20000] * 4}}, "larger than 5e.07; use smaller widths"),
        ({"architecture": {"widths": [4, 8]}}, "2 widths need 2 encoder"),
        ({"training": {"fields": ["a"], "precision": "half"}}, "training.precision: one of"),
    ],
)
def test_a_wrong_recipe_is_named(tmp_path, change, message):
    path = tmp_path / "train.yaml"
    path.write_text(yaml.safe_dump({"network": "unek", "training": {"fields": ["a"]}, **change}))
    with pytest.raises(InputError, match=message):
        recipe.read(path)

"""The classes at the top of the package: settings are checked when an object is made."""

import astropy.units as u
import pytest
import yaml
from makers.matchedfilter import Detector

from fermiml import Evaluation, Injection, InputError, SkySimulator, Trainer
from fermiml.evaluate import evaluation
from fermiml.inject import injection
from fermiml.simulate import skies
from fermiml.train import trainer

SKY = {"centers": [[30, 58]]}
RECIPE = {"network": "unek", "training": {"fields": ["a"]}}


def test_a_file_a_dictionary_and_sections_are_the_same(tmp_path):
    path = tmp_path / "sky.yaml"
    path.write_text(yaml.safe_dump({"sky": SKY}))
    made = [SkySimulator(path), SkySimulator({"sky": SKY}), SkySimulator(sky=SKY)]
    assert made[0].settings == made[1].settings == made[2].settings
    assert repr(made[0]) == "<SkySimulator: skies, seed 1>"
    with pytest.raises(InputError, match=r"a file or sections, not both: .*sky\.yaml and energy"):
        SkySimulator(path, energy={})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SkySimulator(sky=SKY, energie={}), "unknown key energie"),
        (lambda: SkySimulator(sky=SKY, training={}), r"training needs sky\.split"),
        (lambda: Trainer(RECIPE, turns=3), "turns: one of 1, 2, 4"),
        (lambda: Trainer(RECIPE, start="nowhere"), "unknown network 'nowhere'"),
        (lambda: Evaluation(skies="sky"), "nothing to evaluate"),
        (lambda: Evaluation(models="lat-best"), "skies is missing"),
        (lambda: Injection(Detector(), apart=-1), "apart: -1 is not a number above 0"),
        (lambda: Injection(Detector(), away=1 * u.GeV), "away: 1.0 GeV is not in units of deg"),
    ],
)
def test_mistakes_are_told_by_the_constructor(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_values_with_units():
    task = Injection(Detector(), away=60 * u.arcmin, flux=[1e-6, 1e-5] * u.Unit("m-2 s-1"))
    assert task.settings.away == 1
    assert task.settings.flux == pytest.approx((1e-10, 1e-9))


def test_functions_of_old_work_and_warn(tmp_path, monkeypatch):
    monkeypatch.setattr(skies, "write_skies", lambda *_: ["folder"])
    monkeypatch.setattr(trainer, "_claim_and_train", lambda *_: "folder")
    monkeypatch.setattr(injection.Injection, "run", lambda self, *_: self.settings)
    with pytest.warns(DeprecationWarning, match=r"fermiml\.SkySimulator now"):
        assert skies.simulate({}, tmp_path) == ["folder"]
    with pytest.warns(DeprecationWarning, match=r"fermiml\.Trainer now"):
        assert trainer.train({}, tmp_path) == "folder"
    settings = injection.Settings(seed=5).check()
    with pytest.warns(DeprecationWarning, match=r"fermiml\.Injection now"):
        assert injection.inject(None, Detector(), tmp_path, settings) == settings
    with (
        pytest.warns(DeprecationWarning, match=r"fermiml\.Evaluation now"),
        pytest.raises(InputError, match="nothing to evaluate"),
    ):
        evaluation.evaluate({"skies": "sky"}, tmp_path)

"""The background of a fit: given, from files, or the embedded one."""

import logging

import numpy as np
import pytest
from makers import smallskies as sky

from fermiml import InputError
from fermiml.likelihood import background


def test_the_embedded_background_is_said_loudly(sources, caplog):
    data = sky.cube(sources)
    data.components[0].background = None
    with caplog.at_level(logging.WARNING, "fermiml"):
        chosen = background.choose(data)
    assert "NO BACKGROUND IS GIVEN" in caplog.text and "not for publication" in caplog.text
    (part,) = data.components
    planes = chosen.planes(part, sky.observation()[0])
    np.testing.assert_allclose(planes.sum(axis=0).reshape(part.counts.data.shape),
                               sky.observation()[1], rtol=1e-3)  # fmt: skip


def test_backgrounds_that_contradict_or_are_missing(sources, tmp_path):
    data = sky.cube(sources)
    with pytest.raises(InputError, match="--background contradicts --galdiff"):
        background.choose(data, galdiff="gll_iem_v07.fits")
    data.components[0].background = None
    with pytest.raises(InputError, match=r"--iso nothing.txt: no such file"):
        background.choose(data, iso="nothing.txt")
    wrong = tmp_path / "iso.txt"
    wrong.write_text("this is no spectrum\n")
    with pytest.raises(InputError, match="is no isotropic spectrum"):
        background.choose(data, iso=str(wrong))

"""The background of a fit: given, from files, or the embedded one."""

import logging

import numpy as np
import pytest
from astropy.io import fits
from makers import latfiles as lat
from makers import smallskies as sky

from fermiml import InputError, SkyCube
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
    with pytest.raises(InputError, match="cannot be read as an isotropic spectrum"):
        background.choose(data, iso=str(wrong))


def test_an_isotropic_file_that_ends_too_early_is_warned_about(sources, files, caplog):
    galaxy, iso = files
    data = sky.cube(sources)
    data.components[0].background = None
    background.choose(data, galdiff=str(galaxy), iso=str(iso))
    assert not caplog.text
    iso.write_text("".join(iso.read_text().splitlines(keepends=True)[:8]))
    background.choose(data, galdiff=str(galaxy), iso=str(iso))
    assert "is the file complete?" in caplog.text


@pytest.fixture
def files(tmp_path):
    """A Galaxy and an isotropic emission of 1e-10 E^-2 (per MeV, E in GeV), as LAT files."""
    nodes = np.geomspace(500, 2e5, 12)
    lat.write_bexpmap(tmp_path / "galaxy.fits", 1.0, nodes=nodes)
    with fits.open(tmp_path / "galaxy.fits", mode="update") as hdus:
        hdus[0].data *= spectrum(nodes)[:, None, None]
    np.savetxt(tmp_path / "iso.txt", np.column_stack([nodes, spectrum(nodes), nodes]))
    return tmp_path / "galaxy.fits", tmp_path / "iso.txt"


def spectrum(energy):
    return 1e-10 * (energy / 1e3) ** -2.0


def test_a_diffuse_model_from_files_is_what_they_say(sources, files):
    """Both files hold the same intensity: both planes are that times exposure and solid angle."""
    galaxy, iso = map(str, files)
    data = sky.cube(sources)
    data.components[0].background = None
    chosen = background.choose(data, galdiff=galaxy, iso=iso)
    assert chosen.text == "galaxy.fits + iso.txt"
    seen = sky.observation()[0]
    planes = chosen.planes(data.components[0], seen)
    np.testing.assert_allclose(planes[0], planes[1], rtol=2e-3)
    low, high = sky.EDGES[3], sky.EDGES[4]  # where the energy dispersion matters little
    flux = 1e-4 * (1 / low - 1 / high)
    here, energy = ([sky.LON], [sky.LAT]), [np.sqrt(low * high)]
    expected = flux * seen.exposure(*here, energy)[0, 0] * seen.pixels.area.mean()
    assert planes[1, 3].mean() == pytest.approx(expected, rel=0.05)


def test_a_file_that_changes_is_another_background(sources, files):
    """What was kept of an interrupted fit must not be taken for it."""
    data = sky.cube(sources)
    data.components[0].background = None
    galaxy, iso = map(str, files)
    before = background.choose(data, galaxy, iso).content()
    assert before == background.choose(data, galaxy, iso).content()
    files[1].write_text(files[1].read_text() + "3e5 1e-16 0\n")
    assert before != background.choose(data, galaxy, iso).content()


def test_the_part_that_is_not_named_is_the_embedded_one_and_said(sources, files, caplog):
    data = sky.cube(sources)
    data.components[0].background = None
    with caplog.at_level(logging.WARNING, "fermiml"):
        chosen = background.choose(data, galdiff=str(files[0]))
    assert "no --iso is given: the EMBEDDED one is used" in caplog.text
    assert chosen.text == "galaxy.fits + the embedded isotropic"


def test_files_in_the_wrong_place_are_named_with_their_option(sources, files):
    data = sky.cube(sources)
    data.components[0].background = None
    with pytest.raises(InputError, match=r"--galdiff .*iso\.txt"):
        background.choose(data, galdiff=str(files[1]))


def test_a_background_of_some_components_only_is_refused():
    source = sky.power_laws([100.2], [45.1], [5e-10])
    parts = [sky.component(source, evtype=bit, name=str(bit), width=4.0) for bit in (1, 2)]
    parts[1].background = None
    with pytest.raises(InputError, match=r"some components .* have a background and others"):
        background.choose(SkyCube(parts, "test"))

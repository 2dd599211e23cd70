"""Models of the diffuse emission."""

import numpy as np
import pytest
from gammapy.maps import MapAxis, WcsGeom, WcsNDMap

from fermiml.errors import InputError
from fermiml.model import diffuse
from fermiml.model.diffuse import Cube, Isotropic


def test_embedded_model_is_a_galaxy():
    """Bright plane, faint poles, a steep spectrum; the isotropic one depends on the class."""
    model = diffuse.embedded_galactic()
    inner, pole = model.intensity(np.array([10.0, 0.0]), np.array([0.0, 90.0]), [1e3])[0]
    assert inner > 50 * pole
    low, high = model.intensity(np.array([80.0]), np.array([10.0]), [1e3, 1e4])[:, 0]
    assert 2.3 < np.log10(low / high) < 3.0
    source = diffuse.embedded_isotropic("P8R3_SOURCE_V3")
    clean = diffuse.embedded_isotropic("P8R3_ULTRACLEANVETO_V3")
    here = np.zeros(1)
    assert np.all(source.intensity(here, here, [1e5]) > 1.1 * clean.intensity(here, here, [1e5]))


def test_lowered_spectrum_loses_the_faint_sources_and_stays_positive():
    """Never below a tenth of the published one."""
    nodes = np.geomspace(100, 1e5, 20)
    term = Isotropic("iso", nodes=nodes, spectrum=1e-7 * (nodes / 100) ** -2.4)
    half = term.lowered(nodes, 0.5 * term.spectrum)
    assert half.spectrum == pytest.approx(0.5 * term.spectrum)
    assert term.lowered(nodes, 2 * term.spectrum).spectrum == pytest.approx(0.1 * term.spectrum)


def test_a_model_that_is_too_small_is_named():
    axis = MapAxis.from_nodes([1e3, 1e4], unit="MeV", name="energy_true", interp="log")
    geom = WcsGeom.create(npix=10, binsz=1.0, frame="galactic", axes=[axis])
    planes = WcsNDMap(geom, np.ones(geom.data_shape), unit="cm-2 s-1 sr-1 MeV-1")
    with pytest.raises(InputError, match=r"iem\.fits: the diffuse model does not cover"):
        Cube("iem.fits", map=planes).base(np.array([50.0]), np.array([0.0]), [2e3])

"""gammapy objects and their files become SkyCubes with the response that they carry."""

import numpy as np
import pytest
from astropy import units as u
from gammapy.data import GTI
from gammapy.datasets import Datasets, MapDataset, SpectrumDataset
from gammapy.irf import EDispKernelMap, PSFMap
from gammapy.maps import HpxGeom, Map, MapAxis, RegionGeom, WcsGeom
from makers import latfiles as lat
from numpy.testing import assert_allclose

from fermiml import InputError, SkyCube
from fermiml.response import exposure as exposures

ENERGY = MapAxis.from_energy_bounds("1 GeV", "100 GeV", nbin=8)
TRUE = MapAxis.from_energy_bounds("0.5 GeV", "300 GeV", nbin=12, name="energy_true")
RAD = MapAxis.from_bounds(0, 5, nbin=500, unit="deg", name="rad")


@pytest.fixture
def dataset():
    """A dataset in TeV-astronomy dress: TeV axis, m2 s exposure, its own PSF and dispersion."""
    energy = MapAxis.from_energy_edges(ENERGY.edges.to("TeV"), name="energy")
    geom = WcsGeom.create(skydir=lat.CENTER, width=6, binsz=0.1, frame="galactic", axes=[energy])
    dataset = MapDataset.create(geom, energy_axis_true=TRUE, name="mine")
    dataset.counts.data = lat.poisson(geom.data_shape).astype(float)
    dataset.background.data += 0.2
    dataset.exposure.quantity = np.full(dataset.exposure.data.shape, 3e7) * u.Unit("m2 s")
    dataset.psf = PSFMap.from_gauss(TRUE, RAD, sigma="0.3 deg")
    dataset.edisp = EDispKernelMap.from_diagonal_response(energy, TRUE)
    dataset.gti = GTI.create(0 * u.s, 5e6 * u.s, "2010-01-01")
    dataset.mask_safe = geom.region_mask(
        f"galactic;circle({lat.CENTER.l.deg},{lat.CENTER.b.deg},2)"
    )
    return dataset


def check_dataset(component, counts):
    assert_allclose(component.energy_edges, ENERGY.edges.to_value("MeV"), rtol=1e-9)
    assert component.counts.data.sum() == counts
    assert_allclose(component.mask.sum() * 0.01, np.pi * 4, rtol=0.02)
    r68 = component.psf.containment_radius(5000.0, 0.68)[0]
    assert_allclose(r68, 0.3 * np.sqrt(-2 * np.log(0.32)), rtol=0.02)
    value = exposures.sample(component.exposure, component.center, 5e3)
    assert_allclose(value, 3e11, rtol=1e-5)
    assert_allclose(component.edisp.matrix.sum(axis=1)[3:-3], 1, rtol=1e-6)
    assert_allclose(component.selection.good_time, 5e6, rtol=1e-9)
    assert not any(origin.assumed for origin in component.origins.values())
    assert not component.notes  # nothing is assumed of an IRF that nobody needs


def test_dataset_object_and_file(dataset, tmp_path):
    dataset.write(tmp_path / "dataset.fits")
    for source in (dataset, tmp_path / "dataset.fits"):
        component = SkyCube.read(source).components[0]
        check_dataset(component, dataset.counts.data.sum())
        assert_allclose(component.background.data, 0.2, rtol=1e-6)


def test_datasets_object_and_yaml(dataset, tmp_path):
    datasets = Datasets([dataset, dataset.copy(name="other")])
    datasets.write(tmp_path / "datasets.yaml")
    for source in (datasets, tmp_path / "datasets.yaml"):
        cube = SkyCube.read(source)
        assert [c.name for c in cube.components] == ["mine", "other"]
        check_dataset(cube.components[1], dataset.counts.data.sum())


def test_masked_energy_bins_are_no_empty_sky(dataset):
    dataset.mask_safe.data[:2] = False
    kept = dataset.counts.data[2:].sum()
    component = SkyCube.read(dataset).components[0]
    assert component.counts.data.sum() == kept
    assert_allclose(component.energy_edges, ENERGY.edges.to_value("MeV")[2:], rtol=1e-9)
    assert any("left out" in note for note in component.notes)


@pytest.mark.parametrize("kind", ["wcs", "hpx", "partial"])
def test_map_object_and_file(tmp_path, kind):
    if kind == "wcs":
        geom = WcsGeom.create(skydir=lat.CENTER, width=5, binsz=0.1, axes=[ENERGY])
    else:
        region = None if kind == "hpx" else "DISK(30,45,10)"
        geom = HpxGeom.create(nside=32, frame="galactic", region=region, axes=[ENERGY])
    counts = Map.from_geom(geom)
    counts.data = lat.poisson(geom.data_shape).astype(np.float32)
    counts.write(tmp_path / "map.fits")
    exposure = Map.from_geom(
        WcsGeom.create(binsz=5, frame="galactic", axes=[TRUE]), unit="cm2 s", data=1e11
    )
    for source in (counts, tmp_path / "map.fits"):
        cube = SkyCube.read(source, exposure=exposure)
        assert cube.total_counts == counts.data.sum()
        assert cube.components[0].origins["psf"].assumed
        assert cube.components[0].mask.all()


def test_psf_map_can_be_given(dataset):
    psf = PSFMap.from_gauss(TRUE, RAD, sigma="0.7 deg")
    component = SkyCube.read(dataset, psf=psf).components[0]
    r68 = component.psf.containment_radius(5000.0, 0.68)[0]
    assert_allclose(r68, 0.7 * np.sqrt(-2 * np.log(0.32)), rtol=0.02)


def test_the_psf_goes_back_to_gammapy(tmp_path):
    lat.write_ccube(tmp_path / "cube.fits")
    psf = SkyCube.read(tmp_path / "cube.fits").components[0].psf
    energy = MapAxis.from_energy_bounds("300 MeV", "30 GeV", nbin=16, name="energy_true")
    theirs = psf.to_gammapy(energy).containment_radius(0.68, [1, 10] * u.GeV)
    assert_allclose(theirs.to_value("deg"), psf.containment_radius([1e3, 1e4], 0.68), rtol=0.03)


def test_what_is_no_counts_map_is_refused():
    nodes = MapAxis.from_energy_bounds("1 GeV", "9 GeV", nbin=3, node_type="center", name="energy")
    with pytest.raises(InputError, match="nodes, not bins"):
        SkyCube.read(Map.create(binsz=1, width=5, axes=[nodes]))
    with pytest.raises(InputError, match="one axis `energy` was expected"):
        SkyCube.read(Map.create(binsz=1, width=5))
    with pytest.raises(InputError, match="a dict cannot be read"):
        SkyCube.read({})
    spectrum = SpectrumDataset.create(RegionGeom.create("icrs;circle(0,0,1)", axes=[ENERGY]))
    with pytest.raises(InputError, match="no counts map"):
        SkyCube.read(Datasets([spectrum]))
    with pytest.raises(InputError, match="no counts map"):
        SkyCube.read(MapDataset())

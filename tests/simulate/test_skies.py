"""`fermiml simulate`: files that every reader takes, the same data for the same seed."""

import numpy as np
import pytest
import yaml
from astropy import units as u
from astropy.io import fits
from click.testing import CliRunner

from fermiml import SkySimulator
from fermiml.catalog.catalog import SourceCatalog
from fermiml.cli.main import main
from fermiml.errors import InputError
from fermiml.simulate import mask_file, skies, sky_settings
from fermiml.sky.cube import SkyCube

SETTINGS = {
    "seed": 5,
    "sky": {"centers": [[30, 58], [100, -40]], "width": 8},
    "energy": {"min": 1000, "max": 1e5, "bins_per_decade": 3},
    "population": {"spectra": "parametric", "faintest": "3e-12"},
    "wrong": {"model": "embedded", "vary": {"structure": 0.1}},
}


def run(settings, folder, *options):
    path = folder.parent / f"{folder.name}.yaml"
    path.write_text(yaml.safe_dump(settings))
    return CliRunner().invoke(main, ["-q", "simulate", str(path), "-o", str(folder), *options])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two simulated fields."""
    folder = tmp_path_factory.mktemp("sim") / "run"
    result = run(SETTINGS, folder)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def field(folder):
    return folder / "field_0000"


def test_skycube_reads_all_files(field):
    """Counts, exposure, PSF, background; nothing has to be assumed."""
    cube = SkyCube.read(
        field / "counts.fits",
        exposure=field / "bexpmap.fits",
        psf=field / "psf.fits",
        background=field / "background.fits",
    )
    component = cube.components[0]
    assert not component.notes
    assert component.selection.irf_name == "P8R3_SOURCE_V3"
    assert component.energy_edges == pytest.approx(np.geomspace(1e3, 1e5, 7), rel=1e-5)
    assert component.counts.data.dtype.kind == "i"
    assert component.mask.all()
    assert cube.total_counts == pytest.approx(component.background.data.sum(), rel=0.3)
    assert component.selection.good_time == pytest.approx(14 * 2.6e7, rel=1e-3)


def test_the_estimated_exposure_is_that_of_the_file(field):
    """From the good time intervals alone, SkyCube finds the exposure that was simulated."""
    given = SkyCube.read(field / "counts.fits", exposure=field / "bexpmap.fits").components[0]
    estimated = SkyCube.read(field / "counts.fits").components[0]
    from fermiml.response.exposure import sample

    here = given.center.reshape(1)
    values = [sample(c.exposure, here, [1e3, 1e4]) for c in (given, estimated)]
    assert values[0] == pytest.approx(values[1], rel=0.02)


def test_wrong_background_is_normalised_but_different(field):
    """About the same sum, another image."""
    true, wrong = (
        fits.getdata(field / f"background{end}.fits").astype(float) for end in ("", "_wrong")
    )
    assert wrong.sum() == pytest.approx(true.sum(), rel=0.15)
    assert np.std(wrong / true) > 0.02


def test_truth_is_a_catalog(field):
    """4FGL columns and the five more; TS in order; fluxes that are those of the spectra."""
    catalog = SourceCatalog.read(field / "truth.fits")
    table = catalog.table
    assert catalog.simulated
    for name in ("TS_Asimov", "S1", "CLASS1", "Npred_Band", "Inside"):
        assert name in table.colnames
    assert np.all(np.diff(table["TS_Asimov"]) <= 0)
    assert table["Npred_Band"].shape == (len(table), 5)
    assert np.all(table["Npred_Band"][:, 0] == 0)  # the data start at 1 GeV
    assert np.asarray(table["S1"]) == pytest.approx(np.asarray(table["Flux1000"]), rel=1e-3)
    assert np.asarray(table["Signif_Avg"]) == pytest.approx(np.sqrt(table["TS_Asimov"]), rel=1e-4)
    detectable = table["TS_Asimov"] > 25
    assert 3 < detectable.sum() < 60
    inside = table["Inside"]
    assert np.abs(table["GLAT"][inside] - 58).max() < 4.2


def test_each_source_has_a_mask_around_it(field):
    """Those of Asimov TS > 4: pixels around the position, within the box; brighter ones larger."""
    table = SourceCatalog.read(field / "truth.fits").table
    masks = mask_file.read(field / "masks.fits")
    known = table[(table["TS_Asimov"] > 4)]
    assert set(masks) == set(known["Source_Name"])
    geom = SkyCube.read(field / "counts.fits").components[0].counts.geom.to_image()
    inside = known[known["Inside"] & (known["TS_Asimov"] > 25)]
    x, y = geom.coord_to_pix({"lon": inside["GLON"], "lat": inside["GLAT"]})
    for name, column, row in zip(inside["Source_Name"], np.round(x), np.round(y), strict=True):
        mask = masks[name]
        assert row * geom.data_shape[1] + column in mask.pixels
        rows, columns = np.divmod(mask.pixels, geom.data_shape[1])
        assert mask.box == (columns.min(), columns.max(), rows.min(), rows.max())
        assert not mask.extended and mask.extent == 0
        assert 4 <= len(mask.pixels) < 200


def test_gammapy_reads_the_files(field):
    """Maps, PSF and catalog."""
    from gammapy.catalog import SourceCatalog4FGL
    from gammapy.irf import PSFMap
    from gammapy.maps import Map

    counts = Map.read(field / "counts.fits")
    assert counts.geom.axes["energy"].nbin == 6
    exposure = Map.read(field / "bexpmap.fits")
    assert exposure.geom.axes["energy_true"].nbin == 7
    psf = PSFMap.read(field / "psf.fits", format="gtpsf")
    assert psf.containment_radius(0.68, 10 * u.GeV).to_value("deg").item() < 0.3
    catalog = SourceCatalog4FGL(field / "truth.fits")
    model = catalog[0].sky_model()
    flux = model.spectral_model.integral(1 * u.GeV, 100 * u.GeV).to_value("cm-2 s-1")
    assert flux == pytest.approx(catalog.table["S1"][0], rel=0.01)


def test_fermipy_reads_the_files(field):
    """Its map and catalog classes, and the XML."""
    pytest.importorskip("fermipy")
    from fermipy.catalog import Catalog
    from fermipy.roi_model import ROIModel
    from fermipy.skymap import Map

    counts = Map.create_from_fits(str(field / "counts.fits"))
    assert counts.counts.sum() == fits.getdata(field / "counts.fits").sum()
    catalog = Catalog.create(str(field / "truth.fits"))
    assert len(catalog.table) >= len(fits.getdata(field / "truth.fits", 1))
    roi = ROIModel()
    roi.load_xml(str(field / "sources.xml"))
    detectable = np.sum(fits.getdata(field / "truth.fits", 1)["TS_Asimov"] > 4)
    assert len(roi.sources) == detectable


@pytest.mark.slow
def test_same_seed_same_data(folder, tmp_path):
    """A second run gives the same counts and truth; another seed gives others."""
    settings = {**SETTINGS, "sky": {"centers": [[30, 58]], "width": 8}}
    again, other = tmp_path / "again", tmp_path / "other"
    assert run(settings, again).exit_code == 0
    assert run({**settings, "seed": 6}, other).exit_code == 0
    places = folder / "field_0000", again, other  # a single field needs no folder of its own
    counts = [fits.getdata(place / "counts.fits") for place in places]
    assert np.array_equal(counts[0], counts[1])
    assert not np.array_equal(counts[0], counts[2])
    truth = [fits.getdata(place / "truth.fits", 1)["RAJ2000"] for place in places[:2]]
    assert np.array_equal(*truth)


@pytest.mark.slow
def test_an_interrupted_run_goes_on(folder, tmp_path, monkeypatch):
    """A field that is complete stays; an unfinished one leaves nothing behind."""
    settings = sky_settings.check(SETTINGS)
    write = skies.write_field

    def break_off(*field):
        place = field[-1]
        if "0001" in place.name:
            (place / "counts.fits").write_text("half")
            raise KeyboardInterrupt
        write(*field)

    monkeypatch.setattr(skies, "write_field", break_off)
    with pytest.raises(KeyboardInterrupt):
        SkySimulator(settings).run(tmp_path / "run")
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == ["config.yaml", "field_0000"]
    before = (tmp_path / "run" / "field_0000" / "counts.fits").stat().st_mtime_ns
    monkeypatch.setattr(skies, "write_field", write)
    SkySimulator(settings).run(tmp_path / "run")
    assert (tmp_path / "run" / "field_0000" / "counts.fits").stat().st_mtime_ns == before
    resumed, whole = (
        fits.getdata(place / "field_0001" / "counts.fits") for place in (tmp_path / "run", folder)
    )
    assert np.array_equal(resumed, whole)


def test_another_simulation_is_not_mixed_in(folder, tmp_path):
    """Exit code 2 and one line; --overwrite replaces a simulation, never a stranger's folder."""
    result = run({**SETTINGS, "seed": 9}, folder)
    assert result.exit_code == 2
    assert "contains something other" in result.output
    stranger = tmp_path / "photos"
    stranger.mkdir()
    (stranger / "cat.jpg").write_text("cat")
    with pytest.raises(InputError, match="will not be replaced"):
        SkySimulator(SETTINGS).run(stranger, overwrite=True)
    assert (stranger / "cat.jpg").exists()
    (stranger / "config.yaml").write_text("selection: {}")  # as fermipy's folders have it
    with pytest.raises(InputError, match="will not be replaced"):
        SkySimulator(SETTINGS).run(stranger, overwrite=True)


@pytest.mark.slow
def test_overwrite_replaces_a_simulation(tmp_path):
    """The fields of the old one are gone."""
    small = {"sky": {"centers": [[30, 58], [31, 58]], "width": 3}, "population": {"preset": "none"},
             "energy": {"edges": [1000, 10000]}, "wrong": {"model": "embedded"}}  # fmt: skip
    assert run(small, tmp_path / "run").exit_code == 0
    small["sky"] = {"centers": [[50, 58]], "width": 3}
    assert run(small, tmp_path / "run").exit_code == 2
    assert run(small, tmp_path / "run", "--overwrite").exit_code == 0
    assert not list((tmp_path / "run").glob("field_*"))
    assert (tmp_path / "run" / "truth.fits").is_file()
    small["seed"] = 7
    assert run(small, tmp_path / "run", "--overwrite").exit_code == 0


SMALL = {"sky": {"centers": [[30, 58], [31, 58]], "width": 3}, "population": {"preset": "none"},
         "energy": {"edges": [1000, 10000]}, "wrong": {"model": "embedded"}}  # fmt: skip


def test_nothing_is_removed_that_is_not_of_the_simulation(tmp_path):
    """Hidden folders stay when a finished simulation is looked at again; so does, when it is
    replaced, what lies beside and among its files."""
    folder = tmp_path / "run"
    assert run(SMALL, folder).exit_code == 0
    foreign = [folder / name for name in (
        ".git/HEAD", ".dvc/config", ".counts.fits.abc/counts.fits", "notes/truth.fits",
        "counts_mine.fits", "field_0001/notes.txt",
    )]  # fmt: skip
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.write_text("precious")
    assert run(SMALL, folder).exit_code == 0
    assert all(path.is_file() for path in foreign)
    assert run({**SMALL, "seed": 8, "sky": {"centers": [[5, 58]], "width": 3}}, folder,
               "--overwrite").exit_code == 0  # fmt: skip
    assert all(path.is_file() for path in foreign)
    assert not (folder / "field_0000").exists()
    assert not (folder / "field_0001" / "truth.fits").exists()


def test_a_second_run_beside_the_first_is_refused(tmp_path, monkeypatch):
    """In one line, and what the first is making stays."""
    results, write = [], skies.write_field

    def meanwhile(*field):
        write(*field)
        results.append(run(SMALL, tmp_path / "run"))

    settings = sky_settings.check(SMALL)
    monkeypatch.setattr(skies, "write_field", meanwhile)
    folders = SkySimulator(settings).run(tmp_path / "run")
    assert all((folder / "truth.fits").is_file() for folder in folders)
    for result in results:
        assert result.exit_code == 2
        assert "another run is using this folder" in result.output
        assert len(result.output.strip().splitlines()) == 1


@pytest.mark.slow
def test_several_event_types(tmp_path):
    """One set of files for each component; the truth is that of both together."""
    settings = sky_settings.check(
        {
            **SETTINGS,
            "sky": {"centers": [[30, 58]], "width": 6},
            "observation": {"event_types": [16, 32], "years": 5},
            "population": {"spectra": "parametric", "faintest": "1e-10"},
        }
    )
    (folder,) = SkySimulator(settings).run(tmp_path / "run")
    totals = []
    for i in range(2):
        cube = SkyCube.read(folder / f"counts_{i:02d}.fits", psf=folder / f"psf_{i:02d}.fits")
        assert cube.components[0].event_types == (f"PSF{i + 2}",)
        totals.append(cube.total_counts)
    assert totals[0] == pytest.approx(totals[1], rel=0.2)
    truth = SourceCatalog.read(folder / "truth.fits").table
    brightest = truth["Npred_Band"].sum(axis=1)[0]
    assert 0.01 * sum(totals) < brightest < sum(totals)


@pytest.mark.slow
def test_a_disk_of_healpix_pixels(tmp_path):
    """A part of the sky in either frame; exposure from the file of another simulation."""
    settings = sky_settings.check(
        {
            **SETTINGS,
            "sky": {"centers": [[30, 58]], "width": 6, "nside": 128, "frame": "icrs"},
            "population": {"preset": "none"},
        }
    )
    (folder,) = SkySimulator(settings).run(tmp_path / "one")
    first = SkyCube.read(folder / "counts.fits", exposure=folder / "bexpmap.fits")
    assert first.components[0].is_healpix
    assert first.components[0].pixel_positions().size == pytest.approx(28.3 / 0.21, rel=0.1)
    settings["observation"]["exposure"] = str(folder / "bexpmap.fits")
    (folder,) = SkySimulator(settings).run(tmp_path / "two")
    again = SkyCube.read(folder / "counts.fits")
    assert again.total_counts == pytest.approx(first.total_counts, rel=0.05)


@pytest.mark.slow
def test_the_whole_sky_in_healpix_pixels(tmp_path):
    """Read as HEALPix, with extended sources in the truth."""
    settings = sky_settings.check(
        {
            "sky": {"nside": 16},
            "energy": {"edges": [20000, 50000, 500000]},
            "observation": {"years": 1, "energy_dispersion": False},
            "population": {"spectra": "parametric", "faintest": "1e-9", "extended": 20},
            "wrong": {"model": "none"},
        }
    )
    (folder,) = SkySimulator(settings).run(tmp_path / "sky")
    cube = SkyCube.read(folder / "counts.fits", exposure=folder / "bexpmap.fits")
    component = cube.components[0]
    assert component.is_healpix
    assert component.mask.all()
    background = SkyCube.read(folder / "background.fits").total_counts
    assert 1.0 < cube.total_counts / background < 2.0
    # real surveys count about 30,000 events above 20 GeV in a year
    assert 15_000 < cube.total_counts < 60_000
    assert 5 < len(SourceCatalog.read(folder / "truth.fits").extended) < 50


def test_bad_configuration_is_one_line(tmp_path):
    """Exit code 2, the key, the allowed ones."""
    result = run({"sky": {"center": [1, 2]}}, tmp_path / "none")
    assert result.exit_code == 2
    assert "unknown key sky.center: allowed are centers" in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_two_processes_make_the_same_fields(folder, tmp_path):
    result = run(SETTINGS, tmp_path / "two", "--jobs", "2")
    assert result.exit_code == 0, result.output
    for path in folder.rglob("*.fits"):
        other = tmp_path / "two" / path.relative_to(folder)
        dates = ["CHECKSUM", "DATASUM", "DATE"]
        assert fits.FITSDiff(path, other, ignore_keywords=dates, ignore_comments=["*"]).identical


def test_a_field_that_fails_is_told_when_the_others_are_there(tmp_path, monkeypatch):
    """The same call makes what is missing."""
    settings = {**SETTINGS, "sky": {**SETTINGS["sky"], "width": 2}}
    write = skies.write_field

    def failing(*field):
        if "field_0000" in str(field[-1]):
            raise MemoryError
        write(*field)

    with monkeypatch.context() as patch:
        patch.setattr(skies, "write_field", failing)
        result = run(settings, tmp_path / "run")
    assert result.exit_code == 2
    assert "1 of 2 fields failed (MemoryError)" in result.output
    assert not (tmp_path / "run" / "field_0000" / "truth.fits").exists()
    assert (tmp_path / "run" / "field_0001" / "truth.fits").exists()
    assert run(settings, tmp_path / "run").exit_code == 0
    assert (tmp_path / "run" / "field_0000" / "truth.fits").exists()

"""Bad input gives one clear line, exit code 2, and only the project's own error classes."""

import os

import numpy as np
import pytest
from astropy.io import fits
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makers import latfiles as lat

from fermiml import FermimlError, InputError, SkyCube
from fermiml.cli.main import main


def edit(path, function):
    """Change an open FITS file in place."""
    with fits.open(path, memmap=False) as hdus:
        function(hdus)
        hdus.writeto(path, overwrite=True)


def cube_file(folder, **options):
    path = folder / "cube.fits"
    lat.write_ccube(path, **options)
    return path


def hpx_file(folder, **options):
    path = folder / "hpx.fits"
    lat.write_hpx(path, 8, **options)
    return path


def missing(folder):
    return folder / "nothing.fits", "no such file or folder"


def truncated(folder):
    path = cube_file(folder)
    os.truncate(path, 50000)
    return path, "truncated"


def truncated_gzip(folder):
    path = lat.zipped(cube_file(folder))
    os.truncate(path, path.stat().st_size // 2)
    return path, "truncated"


def no_fits(folder):
    path = folder / "picture.fits"
    path.write_bytes(b"\x89PNG" + bytes(5000))
    return path, "not a FITS file"


def empty_file(folder):
    path = folder / "empty.fits"
    path.write_bytes(b"")
    return path, "not a FITS file"


def no_lat_data(folder):
    path = folder / "spectrum.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("FLUX", "E", array=np.arange(9.0))])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    return path, "contains no counts"


def image_without_energies(folder):
    path = cube_file(folder, counts=lat.poisson((60, 80)), listed=lat.cuts(energy=None))
    return path, "image without energies"


def no_ebounds(folder):
    path = cube_file(folder)
    edit(path, lambda hdus: hdus.pop(1))
    return path, "no EBOUNDS"


def wrong_number_of_energies(folder):
    path = cube_file(folder)
    edit(path, lambda hdus: hdus.__setitem__(1, lat.ebounds_hdu(lat.EDGES[:-2])))
    return path, "12 planes but 10 energies"


def negative_counts(folder):
    counts = lat.poisson((12, 60, 80))
    counts[3, 4, 5] = -1
    return cube_file(folder, counts=counts), "negative"


def nan_counts(folder):
    counts = lat.poisson((12, 60, 80)).astype(np.float32)
    counts[3, 4, 5] = np.nan
    return cube_file(folder, counts=counts), "NaN"


def zero_mask(folder):
    circle = lat.cuts(circle=(0.0, -80.0, 1.0))
    return cube_file(folder, listed=circle), "mask is zero everywhere"


def energies_outside_the_lat(folder):
    return cube_file(folder, edges=lat.EDGES * 100), "30 MeV-3 TeV"


def no_gti_and_no_exposure(folder):
    return cube_file(folder, gti=False), "give one with --exposure"


def healpix_pixels_missing(folder):
    return hpx_file(folder, counts=lat.poisson((12, 700))), "NSIDE 8 has 768"


def healpix_pixel_twice(folder):
    return hpx_file(folder, pixels=np.array([4, 5, 5])), "are repeated"


def healpix_pixel_number_too_large(folder):
    return hpx_file(folder, pixels=np.array([4, 5, 768])), "does not exist"


def healpix_unknown_frame(folder):
    return hpx_file(folder, coordsys="ECL"), "COORDSYS is 'ECL'"


def healpix_odd_nside(folder):
    path = hpx_file(folder)
    edit(path, lambda hdus: hdus[1].header.update(NSIDE=7))
    return path, "power of two"


def diffuse_model(folder):
    path = folder / "bexpmap.fits"
    lat.write_bexpmap(path)
    return path, "is an exposure cube (give it with --exposure)"


def no_yaml(folder):
    path = folder / "config.yaml"
    path.write_text("a: [1, 2\nb: }")
    return path, "is not valid YAML"


def yaml_of_something_else(folder):
    path = folder / "config.yaml"
    path.write_text("colour: green\n")
    return path, "neither a fermipy configuration"


def yaml_with_a_python_object(folder):
    path = folder / "config.yaml"
    path.write_text("!!python/object/apply:os.system ['true']\n")
    return path, "is not valid YAML"


def yaml_without_its_cubes(folder):
    path = folder / "config.yaml"
    path.write_text("binning: {}\nselection: {}\nfileio: {outdir: out}\n")
    return path, "run gta.setup()"


def empty_folder(folder):
    (folder / "empty").mkdir()
    return folder / "empty", "contains no ccube_NN.fits"


def ft1_without_column(folder):
    path = folder / "ft1.fits"
    lat.write_ft1(path)
    edit(path, lambda hdus: hdus[1].columns.del_col("ENERGY"))
    return path, "no column ENERGY"


def list_of_nothing(folder):
    path = folder / "list.txt"
    path.write_text("\n")
    return f"@{path}", "the list is empty"


def broken_cut(folder):
    listed = [("ENERGY", "MeV", "low to high")]
    return cube_file(folder, listed=listed), "'low to high'"


CASES = [
    missing, truncated, truncated_gzip, no_fits, empty_file, no_lat_data, image_without_energies,
    no_ebounds, wrong_number_of_energies, negative_counts, nan_counts, zero_mask,
    energies_outside_the_lat, no_gti_and_no_exposure, healpix_pixels_missing, healpix_pixel_twice,
    healpix_pixel_number_too_large, healpix_unknown_frame, healpix_odd_nside, diffuse_model,
    no_yaml, yaml_of_something_else, yaml_with_a_python_object, yaml_without_its_cubes,
    empty_folder, ft1_without_column, list_of_nothing, broken_cut,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_one_line_and_exit_code_2(case, tmp_path):
    source, message = case(tmp_path)
    before = sorted(p.name for p in tmp_path.rglob("*"))
    result = CliRunner().invoke(main, ["info", str(source)])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert result.output.startswith("fermiml: error: ")
    assert message in result.output
    assert str(source).lstrip("@") in result.output
    assert sorted(p.name for p in tmp_path.rglob("*")) == before


def test_exposure_that_does_not_cover_the_sky(tmp_path):
    path = cube_file(tmp_path)
    lat.write_bexpmap(tmp_path / "bexpmap.fits", allsky=False, shape=(20, 20))
    with pytest.raises(InputError, match=r"does not cover the counts: none at \(l, b\)"):
        SkyCube.read(path, exposure=tmp_path / "bexpmap.fits")


def test_exposure_that_does_not_cover_the_energies(tmp_path):
    path = cube_file(tmp_path)
    lat.write_bexpmap(tmp_path / "bexpmap.fits", nodes=lat.EDGES[5:])
    with pytest.raises(InputError, match="the exposure covers 8891-5e\\+05 MeV"):
        SkyCube.read(path, exposure=tmp_path / "bexpmap.fits")


def test_exposure_of_zero(tmp_path):
    path = cube_file(tmp_path)
    lat.write_bexpmap(tmp_path / "bexpmap.fits", 0.0)
    with pytest.raises(InputError, match="does not cover the counts"):
        SkyCube.read(path, exposure=tmp_path / "bexpmap.fits")


def test_background_on_another_grid(tmp_path):
    path = cube_file(tmp_path)
    lat.write_ccube(tmp_path / "model.fits", shape=(50, 50))
    with pytest.raises(InputError, match="on a different grid"):
        SkyCube.read(path, background=tmp_path / "model.fits")


@pytest.mark.parametrize("nodes", [lat.EDGES[3:], lat.EDGES[:-3]])
def test_psf_that_does_not_cover_the_energies(tmp_path, nodes):
    path = cube_file(tmp_path)
    lat.write_gtpsf(tmp_path / "psf.fits", nodes=nodes)
    expected = (
        rf"psf.fits\) covers {nodes[0]:.4g}-.* MeV, the counts need 500-5e\+05 MeV; run gtpsf"
    )
    with pytest.raises(InputError, match=expected):
        SkyCube.read(path, psf=tmp_path / "psf.fits")


def test_psf_nodes_may_end_in_the_middle_of_the_last_bins(tmp_path):
    path = cube_file(tmp_path)
    lat.write_gtpsf(tmp_path / "psf.fits", nodes=np.sqrt(lat.EDGES[:-1] * lat.EDGES[1:]))
    component = SkyCube.read(path, psf=tmp_path / "psf.fits").components[0]
    assert "psf.fits" in component.origins["psf"].text


def test_options_that_do_not_fit(tmp_path):
    path = cube_file(tmp_path)
    with pytest.raises(InputError, match="width can only be chosen for FT1"):
        SkyCube.read(path, width=5.0)
    with pytest.raises(InputError, match=r"binsz: 0\.0 is not a number above 0 to 10"):
        SkyCube.read(path, binsz=0.0)
    with pytest.raises(InputError, match="unknown option colour"):
        SkyCube.read(path, colour="green")
    with pytest.raises(InputError, match="3 files for psf, but there are 1"):
        SkyCube.read(path, psf=["a", "b", "c"])
    with pytest.raises(InputError, match="unknown IRF 'P9_SOURCE_V1': known are P8R2_SOURCE_V6"):
        SkyCube.read(cube_file_without_irf(tmp_path), irf="P9_SOURCE_V1")
    with pytest.raises(InputError, match="event type 33 is not a sum"):
        SkyCube.read(cube_file_without_irf(tmp_path), evtype=33)


def test_an_unknown_response_is_refused_although_the_header_names_one(tmp_path):
    path = cube_file(tmp_path)
    with pytest.raises(InputError, match="unknown IRF 'P9_SOURCE_V1'"):
        SkyCube.read(path, irf="P9_SOURCE_V1")
    with pytest.raises(InputError, match="event type 33 is not a sum"):
        SkyCube.read(path, evtype=33)


def test_one_event_type_for_components_of_several(tmp_path):
    lat.write_ccube(tmp_path / "ccube_00.fits", listed=lat.cuts(evtype=16))
    lat.write_ccube(tmp_path / "ccube_01.fits", listed=lat.cuts(evtype=32))
    with pytest.raises(InputError, match="evtype 48 cannot apply to all components"):
        SkyCube.read(tmp_path, evtype=48)


def cube_file_without_irf(folder):
    path = folder / "silent.fits"
    if not path.exists():
        lat.write_ccube(path, listed=lat.cuts(evclass=None, evtype=None))
    return path


def test_debug_shows_the_traceback(tmp_path):
    result = CliRunner().invoke(main, ["info", "--debug", str(tmp_path / "nothing.fits")])
    assert isinstance(result.exception, InputError)


# --- mutated files: whatever a stranger's file holds, only fermiml's own errors come out ----


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    lat.write_ccube(folder / "cube.fits", lat.poisson((12, 10, 12)))
    lat.write_hpx(folder / "hpx.fits", 4)
    lat.write_ft1(folder / "ft1.fits", lat.random_events(60))
    return {path.stem: path.read_bytes() for path in folder.iterdir()}


def read_or_refuse(folder, content):
    path = folder / "mutated.fits"
    path.write_bytes(content)
    try:
        cube = SkyCube.read(path)
    except FermimlError:
        return
    assert cube.total_counts >= 0
    cube.bands()


mutations = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@mutations
@given(kind=st.sampled_from(["cube", "hpx", "ft1"]), data=st.data())
def test_flipped_bytes(originals, tmp_path, kind, data):
    content = bytearray(originals[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    read_or_refuse(tmp_path, bytes(content))


@mutations
@given(kind=st.sampled_from(["cube", "hpx", "ft1"]), data=st.data())
def test_cut_short(originals, tmp_path, kind, data):
    content = originals[kind]
    read_or_refuse(tmp_path, content[: data.draw(st.integers(0, len(content) - 1))])


@mutations
@given(kind=st.sampled_from(["cube", "hpx", "ft1"]), data=st.data())
def test_changed_header_values(originals, tmp_path, kind, data):
    content = originals[kind]
    cards = [i for i in range(0, len(content), 80) if content[i + 8 : i + 10] == b"= "]
    start = data.draw(st.sampled_from(cards))
    value = data.draw(
        st.one_of(
            st.integers(-(10**9), 10**9).map(str),
            st.floats(allow_nan=False, allow_infinity=False).map(repr),
            st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ()_,:-*", max_size=12).map(lambda t: f"'{t}'"),
            st.sampled_from(["T", "F", ""]),
        )
    )
    card = content[start : start + 10] + value[:70].ljust(70).encode()
    read_or_refuse(tmp_path, content[:start] + card + content[start + 80 :])


@pytest.mark.parametrize(
    ("rows", "radii", "message"),
    [
        (0, 3001, "has 0 energies, at least 2 are expected; run gtpsf again"),
        (1, 3001, "has 1 energies, at least 2"),
        (13, 10, "has 10 radii, at least 12"),
    ],
)
def test_a_psf_table_of_next_to_nothing(tmp_path, rows, radii, message):
    path, psf = cube_file(tmp_path), tmp_path / "psf.fits"
    lat.write_gtpsf(psf)
    with fits.open(psf, memmap=False) as hdus:
        table, angles = hdus["PSF"].data[:rows], hdus["THETA"].data[:radii]
        columns = [fits.Column("Energy", "1D", array=table["Energy"]),
                   fits.Column("Psf", f"{radii}D", array=table["Psf"][:, :radii])]  # fmt: skip
        hdus["PSF"] = fits.BinTableHDU.from_columns(columns, name="PSF")
        hdus["THETA"] = fits.BinTableHDU(angles, name="THETA")
        hdus.writeto(psf, overwrite=True)
    with pytest.raises(InputError, match=f"{psf}: the PSF table {message}"):
        SkyCube.read(path, psf=psf)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"TFORM2  = '1E", b"TFORM2  = '1?", "table EBOUNDS is damaged: TFORM2 is '1[?]'"),
        (b"TFORM2  = '1E", b"TFORM2  = '1D", "3 columns take 14 bytes per row, the header says"),
        (b"TFIELDS =                    3", b"TFIELDS =                 3333", "table EBOUNDS is"),
        (b"TTYPE2  = 'E_MIN", b"TTYPE2  = 'E_MIX", "EBOUNDS has no energies"),
        (b"TTYPE1  = 'START", b"TTYPE1  = 'STARX", "GTI table has no columns START"),
    ],
)
def test_damaged_tables_are_told_in_words(tmp_path, old, new, message):
    path = cube_file(tmp_path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        SkyCube.read(path)
    assert str(path) in str(error.value)

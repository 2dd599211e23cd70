"""`fermiml fit`: files in, a catalog with TS out."""

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner
from makers import smallskies as sky

from fermiml import SourceCatalog
from fermiml.catalog.flags import MLFlag
from fermiml.cli.fit import _print_limits
from fermiml.cli.main import main
from fermiml.simulate import lat_files
from fermiml.sky.selection import Selection


def column(catalog, name):
    return np.asarray(catalog.table[name], float)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a Poisson sky as the LAT tools write them, and a catalog of two seeds."""
    folder = tmp_path_factory.mktemp("fit")
    sources = sky.four()
    seen, expected = sky.observation(width=5.0)
    data = sky.cube(sources, 4, width=5.0).components[0]
    cuts = Selection(evclass=128, evtype=3, release="P8R3", irf="P8R3_SOURCE_V3", zenith=(0, 100),
                     gti=lat_files.survey_gti(10 * sky.YEAR))  # fmt: skip
    lat_files.counts(folder / "counts.fits", data.counts.data.astype(int), seen.geom, cuts)
    lat_files.counts(folder / "background.fits", expected, seen.geom, cuts)
    shifted = sky.observation(width=4.0)
    lat_files.counts(folder / "other_grid.fits", shifted[1], shifted[0].geom, cuts)
    sky.seeds(sources[[2, 3]]).write(folder / "seeds.fits")
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["fit", *map(str, arguments)])


def test_the_command_writes_a_catalog(files):
    result = run(files / "seeds.fits", files / "counts.fits", "--background",
                 files / "background.fits", "-o", files / "fit.fits")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "2 of 2 sources fitted" in result.output
    found = SourceCatalog.read(files / "fit.fits")
    assert np.all(column(found, "TS") > 25) and np.all(column(found, "Npred") > 10)
    # The exposure was estimated from the good time, and the rows say so.
    assert np.all(found.table["ML_Flags"] & MLFlag.EXPOSURE_ESTIMATED)
    assert not (files / "fit.parts").exists()
    again = run(files / "seeds.fits", files / "counts.fits", "-o", files / "fit.fits")
    assert again.exit_code == 2 and "exists already; use --overwrite" in again.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--background", "other_grid.fits"), "the background is on a different grid"),
        (("--galdiff", "nothing.fits"), "nothing.fits: no such file"),
        (("--engine", "fermipy"), "fermipy"),
        (("--known", "nothing.fits"), "nothing.fits: no such file"),
    ],
)
def test_bad_input_of_the_command_is_one_line(files, options, message):
    name, value = options
    value = value if name == "--engine" else files / value
    result = run(files / "seeds.fits", files / "counts.fits", name, value, "-o", files / "new.fits")
    assert result.exit_code == 2 and message in result.output
    assert result.output.strip().count("\n") == 0
    assert not (files / "new.fits").exists()


def test_a_folder_that_happens_to_have_the_name_of_the_parts_is_left_alone(files):
    (files / "mine.parts").mkdir()
    (files / "mine.parts" / "thesis.tex").write_text("precious")
    result = run(files / "seeds.fits", files / "counts.fits", "--background",
                 files / "background.fits", "-o", files / "mine.fits")  # fmt: skip
    assert result.exit_code == 2 and "mine.parts: contains something other" in result.output
    assert (files / "mine.parts" / "thesis.tex").read_text() == "precious"


def test_at_a_position_ts_flux_and_limit_are_printed_and_written_on_request(
    files, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    caplog.set_level("WARNING", "fermiml")
    options = (
        "--background",
        files / "background.fits",
        "--at",
        "gal:100.2,44.6",
        "--at",
        "gal:100,43.2",
    )
    result = run(files / "seeds.fits", files / "counts.fits", *options)
    assert result.exit_code == 0, result.output
    head, *rows, foot = result.output.strip().splitlines()[-4:]
    assert head.split() == ["RA", "Dec", "TS", "flux", "error", "95", "%", "limit"]
    assert "1 GeV - 100 GeV" in foot and "index 2.2" in foot
    assert not any(tmp_path.iterdir())
    # Of the two seeds one is at the second position: it is not in the model, and is found there.
    ts = [float(row.split()[2]) for row in rows]
    assert ts[0] < 9 and ts[1] > 100
    assert "the model has no other sources" not in caplog.text

    # Without CATALOG.
    result = run(files / "counts.fits", *options, "--index", "2.5", "-o", "limits.fits")
    assert result.exit_code == 0, result.output
    assert "the model has no other sources" in caplog.text
    table = Table.read("limits.fits")
    assert table.colnames[:4] == ["RAJ2000", "DEJ2000", "GLON", "GLAT"]
    assert table["Flux_UL95"].unit == "ph cm-2 s-1" and np.all(table["Index"] == 2.5)
    assert np.all(table["Flux_UL95"] > table["Flux"]) and table.meta["EMIN"] == pytest.approx(1000)


def test_what_a_limit_lacks_is_no_nan(capsys):
    columns = {"RAJ2000": 10.0, "DEJ2000": -1.0, "TS": 0.0, "Flux": 0.0, "Unc_Flux": np.nan,
               "Flux_UL95": 1e-10, "Index": 2.2, "Converged": False}  # fmt: skip
    table = Table([columns], meta={"EMIN": 1e3, "EMAX": 1e5})
    _print_limits(table)
    row = capsys.readouterr().out.splitlines()[1]
    assert row.split()[3:] == ["0", "-", "1e-10", "not", "converged"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("counts.fits",), "Missing argument 'COUNTS'"),
        (("counts.fits", "--at", "here"), "--at 'here' is not a position"),
        (("counts.fits", "--at", "10,20"), "nothing was observed at 10.0000,20.0000"),
        (("counts.fits", "--at", "10,20", "--engine", "fermipy"), "does not measure upper limits"),
    ],
)
def test_bad_use_of_at_is_an_error(files, arguments, message, monkeypatch):
    monkeypatch.chdir(files)
    result = run(*arguments)
    assert result.exit_code == 2 and message in result.output

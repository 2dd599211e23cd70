"""`fermiml detect`: what the command adds to the detector."""

import pytest
from astropy.io import fits
from click.testing import CliRunner
from makers import latfiles

from fermiml import SourceCatalog, SourceDetector
from fermiml.cli.main import main


class Stub:
    """Finds the Crab and a source that nobody knows, wherever it looks."""

    @staticmethod
    def run(_cube):
        error = {f"Conf_95_Semi{axis}": [0.03, 0.03] for axis in ("Major", "Minor")}
        place = {"RAJ2000": [83.633, 83.0], "DEJ2000": [22.015, 25.0], "Conf_95_PosAng": [0.0, 0.0]}
        return SourceCatalog.from_table({**place, **error, "ML_Prob": [0.99, 0.98]})


@pytest.fixture
def detect(tmp_path, monkeypatch):
    def from_pretrained(_name, **settings):
        run.settings = settings
        return Stub

    monkeypatch.setattr(SourceDetector, "from_pretrained", from_pretrained)

    def run(*options, simulated=False):
        counts = tmp_path / "counts.fits"
        counts.unlink(missing_ok=True)
        latfiles.write_ccube(counts)
        with fits.open(counts, "update") as hdus:
            hdus[0].header["SIMULATE"] = simulated
        output = tmp_path / "ml.fits"
        arguments = ["detect", str(counts), *map(str, options), "-o", str(output), "--overwrite"]
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, result.output
        return list(SourceCatalog.read(output).table["ASSOC_FGL"]), result.output

    return run


def test_known_sources_have_their_names_and_new_ones_stand_out(detect):
    found, text = detect()
    assert found == ["4FGL J0534.5+2201s", ""]
    assert "1 not in 4FGL-DR4" in text


def test_extended_sources_are_looked_for_unless_refused(detect):
    detect()
    assert detect.settings["extended"]
    detect("--no-extended")
    assert not detect.settings["extended"] and detect.settings["photometry"]


def test_simulated_data_have_no_known_sources(detect):
    found, text = detect(simulated=True)
    assert found == ["", ""] and "4FGL-DR4" not in text


def test_names_can_be_left_out_or_taken_from_another_catalog(detect, tmp_path):
    assert detect("--known", "none")[0] == ["", ""]
    other = tmp_path / "other.fits"
    table = {"Source_Name": ["3FGL J0532.0+2500"], "RAJ2000": [83.0], "DEJ2000": [25.0]}
    SourceCatalog.from_table(table).write(other)
    found, text = detect("--known", other)
    assert found == ["", "3FGL J0532.0+2500"] and f"1 not in {other}" in text
    assert detect("--known", other, simulated=True)[0] == found

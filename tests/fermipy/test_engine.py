"""What the engine does to files of an analysis."""

from types import SimpleNamespace

import numpy as np
from astropy.io import fits

from fermiml.fermipy import engine


def component(path, *names):
    maps = [fits.ImageHDU(np.full((2, 2), 7.0), name=name) for name in names]
    fits.HDUList([fits.PrimaryHDU(), *maps]).writeto(path)
    return SimpleNamespace(files={"srcmap": str(path)})


def names_in(path):
    with fits.open(path) as maps:
        return [hdu.name for hdu in maps[1:]]


def test_maps_of_the_same_names_are_deleted_once_and_the_file_is_then_left_alone(tmp_path):
    first, second = tmp_path / "srcmap_00.fits", tmp_path / "srcmap_01.fits"
    gta = SimpleNamespace(components=[component(first, "4FGL J1", "FNN J2"), component(second)])
    before = second.stat().st_mtime_ns
    with engine.maps_in_memory(gta, ["FNN J2", "FNN J3"]):
        assert names_in(first) == ["4FGL J1"]
        for each in gta.components:  # where fermipy finds nothing to delete
            assert names_in(each.files["srcmap"]) == []
    assert [c.files["srcmap"] for c in gta.components] == [str(first), str(second)]
    assert second.stat().st_mtime_ns == before
    assert np.all(fits.getdata(first, "4FGL J1") == 7)


def test_an_interrupt_gives_the_files_back(tmp_path):
    gta = SimpleNamespace(components=[component(tmp_path / "srcmap_00.fits")])
    try:
        with engine.maps_in_memory(gta, []):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert gta.components[0].files["srcmap"] == str(tmp_path / "srcmap_00.fits")

"""Matches on the sphere, by separation and by rotated ellipses; associations; systematics."""

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import FK5, SkyCoord
from astropy.table import Table
from makers.catalogs import sample

from fermiml import SourceCatalog
from fermiml.catalog.crossmatch import Pairs, best, one_to_one
from fermiml.catalog.flags import MLFlag


def scattered(n, seed, **columns):
    """Sources all over the sky, some of them at RA 0h."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[: n // 50] = rng.uniform(-0.1, 0.1, n // 50) % 360
    return SourceCatalog.from_table(
        {
            "Source_Name": [f"S{i:04d}" for i in range(n)],
            "RAJ2000": ra,
            "DEJ2000": dec,
            **{k: np.broadcast_to(v, n) for k, v in columns.items()},
        }
    )


def displaced(catalog, seed, scale=1.0):
    """Positions drawn from the error ellipses of a catalog, as a catalog of exact positions."""
    rng = np.random.default_rng(seed)
    major, minor, angle = catalog.ellipses()
    x, y = rng.normal(size=(2, len(catalog))) * scale
    distance = np.hypot(x * major, y * minor)
    direction = angle + np.degrees(np.arctan2(y * minor, x * major))
    there = catalog.positions.directional_offset_by(direction * u.deg, distance * u.deg)
    return SourceCatalog.from_table(
        {"Source_Name": catalog.table["Source_Name"], "RA": there.ra, "DEC": there.dec}
    )


def test_separation_is_on_the_sphere():
    here = SourceCatalog.from_table({"ra": [359.99, 10.0, 200.0], "dec": [0.0, 89.95, -45.0]})
    there = SourceCatalog.from_table({"ra": [0.01, 190.0, 200.2], "dec": [0.0, 89.95, -45.0]})
    pairs = here.crossmatch(there, radius=0.15)
    assert list(pairs["row"]) == list(pairs["other_row"]) == [0, 1, 2]
    expected = [0.02, 0.1, 0.2 * np.cos(np.radians(45))]
    assert np.allclose(pairs["separation"], expected, atol=1e-4)
    assert len(here.crossmatch(there, radius=0.12)) == 2
    assert len(here.crossmatch(there, radius=9 * u.arcmin)) == 3


def test_pairs_are_one_to_one_closest_first():
    pairs = Pairs(
        np.array([0, 0, 1, 1]),
        np.array([0, 1, 0, 1]),
        np.array([2.0, 1.0, 3.0, 2.5]),
        np.full(4, np.nan),
    )
    closest = best(pairs)
    assert list(closest.first) == [0, 1] and list(closest.second) == [1, 0]
    assert list(one_to_one(pairs, rank=np.array([0.0, 1.0, 2.0, 1.5]))) == [0, 3]


@pytest.mark.parametrize("angle", [0.0, 35.0, 90.0, -60.0])
def test_ellipses_hold_95_percent(angle):
    n = 1500
    catalog = scattered(n, 1, Conf_95_SemiMajor=0.5, Conf_95_SemiMinor=0.02, Conf_95_PosAng=angle)
    truth = displaced(catalog, 2)
    pairs = catalog.crossmatch(truth)
    right = np.sum(pairs["row"] == pairs["other_row"])
    assert abs(right / n - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n)
    # Turned the wrong way, such a narrow ellipse would hold next to nothing.
    table = catalog.table.copy()
    table["Conf_95_PosAng"] += 45
    wrong = SourceCatalog.from_table(table).crossmatch(truth)
    assert len(wrong) < 0.2 * n


@pytest.mark.parametrize("dec", [89.9, -89.95, 30.0])
@pytest.mark.parametrize("ra", [0.0, 359.9])
@pytest.mark.parametrize("angle", [30.0, -75.0])
def test_ellipses_are_right_at_the_poles_and_at_ra_0h(ra, dec, angle):
    ellipse = {"Conf_95_SemiMajor": [0.5], "Conf_95_SemiMinor": [0.05], "Conf_95_PosAng": [angle]}
    source = SourceCatalog.from_table({"RA": [ra], "DEC": [dec], **ellipse})
    for turn, distance, inside in (
        (0, 0.45, 1),
        (180, 0.45, 1),
        (0, 0.55, 0),
        (20, 0.3, 0),
        (90, 0.06, 0),
    ):
        there = source.positions.directional_offset_by((angle + turn) * u.deg, distance * u.deg)
        exact = SourceCatalog.from_table({"RA": there.ra, "DEC": there.dec})
        assert len(source.crossmatch(exact)) == inside
        # The same ellipse around the other one, whose north is another at the pole.
        back = there.position_angle(source.positions).deg - turn
        turned = SourceCatalog.from_table(
            {"RA": there.ra, "DEC": there.dec, **ellipse, "Conf_95_PosAng": back}
        )
        tiny = {"Conf_95_SemiMajor": [1e-6], "Conf_95_SemiMinor": [1e-6], "Conf_95_PosAng": [0.0]}
        assert (
            len(SourceCatalog.from_table({"RA": [ra], "DEC": [dec], **tiny}).crossmatch(turned))
            == inside
        )


def test_errors_of_both_catalogs_count():
    ellipse = {"Conf_95_SemiMajor": 0.4, "Conf_95_SemiMinor": 0.05, "Conf_95_PosAng": 20.0}
    truth = scattered(1500, 3)
    exact = SourceCatalog.from_table(
        {
            **{k: truth.table[k] for k in ("Source_Name", "RAJ2000", "DEJ2000")},
            **{k: np.full(1500, v) for k, v in ellipse.items()},
        }
    )
    once = displaced(exact, 4)
    for name, value in ellipse.items():
        once.table[name][:] = value
    twice = displaced(once, 5)
    for name, value in ellipse.items():
        twice.table[name][:] = value
    pairs = exact.crossmatch(twice)
    assert abs(np.sum(pairs["row"] == pairs["other_row"]) / 1500 - 0.95) < 0.025


def test_a_source_without_ellipse_matches_none_by_ellipse():
    catalog = sample()
    pairs = catalog.crossmatch(catalog)
    assert list(pairs["row"]) == [0, 1, 2, 3, 4]
    assert np.all(pairs["sigma"] == 0)


def test_chance_rate_is_the_density_times_the_area():
    n = 3000
    first, second = scattered(n, 6), scattered(n, 7)
    rate = first.crossmatch(second, radius=0.5).meta["CHANCE"]
    density = n / (4 * np.pi * np.degrees(1) ** 2)
    expected = 1 - np.exp(-density * np.pi * 0.5**2)
    assert abs(rate - expected) < 0.015
    # Unrelated catalogs match no more often than by chance.
    assert abs(first.crossmatch(second, radius=0.5).meta["MATCHED"] - expected) < 0.03


def test_chance_rate_is_not_known_at_the_galactic_pole():
    pole = SkyCoord([0, 90] * u.deg, [88, 89] * u.deg, frame="galactic")
    catalog = SourceCatalog.from_table({"position": pole})
    result = catalog.crossmatch(catalog, radius=0.1)
    assert result.meta["MATCHED"] == 1 and np.isnan(result.meta["CHANCE"])


def test_associations_have_honest_probabilities():
    n = 2000
    catalog = scattered(n, 8, Conf_95_SemiMajor=0.25, Conf_95_SemiMinor=0.12, Conf_95_PosAng=30.0)
    true = displaced(catalog, 9)[: n * 6 // 10]
    others = scattered(12000, 10)
    table = {
        "Source_Name": [f"4FGL T{i:05d}" for i in range(len(true))]
        + [f"4FGL U{i:05d}" for i in range(12000)],
        "RAJ2000": np.concatenate([true.table["RAJ2000"], others.table["RAJ2000"]]),
        "DEJ2000": np.concatenate([true.table["DEJ2000"], others.table["DEJ2000"]]),
        "CLASS1": ["bll"] * len(true) + ["unk"] * 12000,
    }
    known = SourceCatalog.from_table(table)
    catalog.table.meta["SIMULATE"] = True
    found = catalog.associate(known, threshold=0.0).table
    probability = np.nan_to_num(np.asarray(found["ASSOC_PROB_BAY"]))
    expected = [f"4FGL T{i:05d}" for i in range(n)]
    right = np.array([a == b for a, b in zip(found["ASSOC_4FGL"], expected, strict=True)])
    real = np.arange(n) < len(true)
    for low, high in ((0.3, 0.8), (0.8, 0.95), (0.95, 1.0)):
        here = (probability >= low) & (probability < high)
        error = np.sqrt(0.25 / np.sum(here))
        assert abs(np.mean(real[here]) - np.mean(probability[here])) < 3 * error
    sure = catalog.associate(known).table
    given = sure["ASSOC_FGL"] != ""
    assert np.mean(right[given]) > 0.95 and np.sum(given) > 0.4 * n
    assert np.all(np.isnan(sure["ASSOC_PROB_BAY"][~given]))
    assert set(sure["CLASS1"][right & given]) == {"bll"}


@pytest.mark.parametrize(
    "name, columns",
    [
        ("4FGL J0534.5+2200", {"ASSOC_4FGL", "ASSOC_FGL"}),
        ("FL16Y J0058.0-7245e", {"ASSOC_FGL"}),  # longer than 4FGL's 18 letters
        ("3FGL J0534.5+2201", {"ASSOC_FGL"}),
        ("3FHL J0534.5+2201", {"ASSOC_FHL"}),
        ("SIM 17", {"ASSOC_GAM1"}),
    ],
)
def test_names_go_to_their_columns(name, columns):
    known = SourceCatalog.from_table(
        {"Source_Name": [name], "RA": [83.63], "DEC": [22.01], "ASSOC1": ["Crab"]}
    )
    row = sample().associate(known)[0]
    every = ("ASSOC_4FGL", "ASSOC_FGL", "ASSOC_FHL", "ASSOC_GAM1")
    assert {column for column in every if row[column] == name} == columns
    assert row["ASSOC1"] == "Crab" and row["ASSOC_PROB_BAY"] > 0.8


def test_sources_at_one_position_are_known_together():
    """4FGL has the Crab as a pulsar and two parts of a nebula."""
    names = ["4FGL J0534.5+2200", "4FGL J0534.5+2201i", "4FGL J0534.5+2201e"]
    offsets = {"RA": [83.63, 83.633, 83.633], "DEC": [22.01, 22.02, 22.011]}
    known = SourceCatalog.from_table({"Source_Name": names, **offsets})
    row = sample().associate(known)[0]
    assert row["ASSOC_FGL"] in names and row["ASSOC_PROB_BAY"] > 0.9


def test_a_known_source_is_named_once(caplog):
    """A sharp row at it, and a vague one half a degree away that has nothing else."""
    known = SourceCatalog.from_table({"Source_Name": ["4FGL X"], "RA": [50.0], "DEC": [10.0]})
    r95 = [0.42, 0.05]
    rows = SourceCatalog.from_table(
        {"RAJ2000": [50.0, 50.01], "DEJ2000": [10.3, 10.01],
         "Conf_95_SemiMajor": r95, "Conf_95_SemiMinor": r95, "Conf_95_PosAng": [0.0, 0.0]}
    )  # fmt: skip
    with caplog.at_level("INFO", "fermiml"):
        found = rows.associate(known).table
    assert list(found["ASSOC_4FGL"]) == ["", "4FGL X"]
    assert np.isnan(found["ASSOC_PROB_BAY"][0]) and found["ASSOC_PROB_BAY"][1] > 0.9
    assert found["Source_Name"][0] in caplog.text
    assert rows[:1].associate(known)[0]["ASSOC_4FGL"] == "4FGL X"  # alone, it would be that


def test_a_row_takes_the_neighbour_of_a_source_that_is_taken():
    """Of a close pair the sharp row has the one, so the vague row is the other."""
    names = {"Source_Name": ["4FGL X", "4FGL Y"], "RA": [50.0, 50.0], "DEC": [10.0, 10.2]}
    known = SourceCatalog.from_table(names)
    r95 = [0.3, 0.02]
    rows = SourceCatalog.from_table(
        {"RAJ2000": [50.0, 50.0], "DEJ2000": [10.09, 10.0],
         "Conf_95_SemiMajor": r95, "Conf_95_SemiMinor": r95, "Conf_95_PosAng": [0.0, 0.0]}
    )  # fmt: skip
    found = rows.associate(known, prior=0.9).table
    assert list(found["ASSOC_4FGL"]) == ["4FGL Y", "4FGL X"]


def test_dr4_finds_its_sources_in_dr3():
    fermipy = pytest.importorskip("fermipy")
    folder = f"{fermipy.PACKAGE_DATA}/catalogs"
    dr4, dr3 = (SourceCatalog.read(f"{folder}/gll_psc_v{v}.fit") for v in (35, 29))
    old = np.char.strip(dr4.table["ASSOC_4FGL"])
    blank = dr4.table.copy()
    for name in ("ASSOC_4FGL", "ASSOC_FGL"):
        blank[name] = np.full(len(blank), "", "U18")
    found = SourceCatalog.from_table(blank).associate(dr3).table["ASSOC_4FGL"]
    both = (old != "") & (found != "")
    assert np.sum(both) > 6000
    assert np.mean(old[both] == found[both]) > 0.99


def test_systematic_errors_are_for_real_data_once():
    catalog = sample()
    wide = catalog.with_systematics()
    before, after = (c.table["Conf_95_SemiMajor"][:5] for c in (catalog, wide))
    assert np.allclose(after, np.hypot(1.075 * before, 0.0079167))
    assert np.allclose(after / wide.table["Conf_68_SemiMajor"][:5], 1.6215, atol=1e-4)
    assert wide.with_systematics() is wide
    simulated = SourceCatalog.from_table(catalog.table, meta={"SIMULATE": True})
    assert simulated.with_systematics() is simulated


def test_association_widens_real_errors_only_for_the_decision():
    ellipse = {"Conf_95_SemiMajor": [0.001], "Conf_95_SemiMinor": [0.001], "Conf_95_PosAng": [0.0]}
    where = {"RAJ2000": [50.0], "DEJ2000": [10.0]}
    known = SourceCatalog.from_table({"Source_Name": ["4FGL X"], "RA": [50.0], "DEC": [10.006]})
    real = SourceCatalog.from_table({**where, **ellipse}).associate(known)
    assert real[0]["ASSOC_FGL"] == "4FGL X"
    assert np.isclose(real[0]["Conf_95_SemiMajor"], 0.001)
    simulated = SourceCatalog.from_table({**where, **ellipse}, meta={"SIMULATE": True})
    assert simulated.associate(known)[0]["ASSOC_FGL"] == ""


def test_extended_sources_are_wider():
    fermipy = pytest.importorskip("fermipy")
    dr4 = SourceCatalog.read(f"{fermipy.PACKAGE_DATA}/catalogs/gll_psc_v35.fit")
    lmc = dr4["4FGL J0519.9-6845e"]
    row = list(dr4.table["Source_Name"]).index("4FGL J0519.9-6845e")
    size = dr4.ellipses()[0][row]
    radius = dict(zip(dr4.extended["Source_Name"], dr4.extended["Model_SemiMajor"], strict=True))
    assert np.isclose(size, radius[lmc["Extended_Source_Name"]] / 1.5096, rtol=1e-3)


def test_rows_inside_a_known_extended_source_are_flagged():
    """A disk of 0.5 deg at dec 10: one row in it, one just outside, one inside a point source."""
    sizes = Table({"Source_Name": ["Disk"], "Model_Form": ["Disk"], "Model_SemiMajor": [0.5],
                   "Model_SemiMinor": [0.5], "Model_PosAng": [0.0],
                   "Spatial_Function": ["RadialDisk"]})  # fmt: skip
    known = SourceCatalog.from_table(
        {"Source_Name": ["4FGL A", "4FGL B"], "RA": [50.0, 60.0], "DEC": [10.0, 10.0],
         "Extended_Source_Name": ["Disk", ""]},
        extended=sizes,
    )  # fmt: skip
    rows = SourceCatalog.from_table(
        {"RAJ2000": [50.0, 50.0, 60.0], "DEJ2000": [10.45, 10.55, 10], "ML_Flags": [0, 1, 0]}
    )
    assert list(rows.associate(known).table["ML_Flags"] & MLFlag.DIFFUSE) == [8, 0, 0]
    assert not np.any(rows.table["ML_Flags"] & MLFlag.DIFFUSE)


def test_truth_and_detections_round_trip():
    where = SkyCoord(sample().positions, frame=FK5)
    truth = SourceCatalog.from_table({"position": where, "TS_Asimov": np.arange(6.0)})
    pairs = sample().crossmatch(truth, radius=0.3)
    assert len(pairs) == 6 and np.allclose(pairs["separation"], 0, atol=1e-4)

"""The self-contained page of a catalog, in a real browser where there is one."""

import csv
import html
import io
import itertools
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from gammapy.maps import WcsNDMap
from makers import smallskies as sky
from regions import Regions

from fermiml import SourceCatalog
from fermiml.catalog import histories
from fermiml.plot.sky_images import SkyImage, sigma_scale
from fermiml.report import page, sky_picture
from fermiml.report.catalog_page import page as catalog_page
from fermiml.sky.energy_text import range_text

EVIL = [
    "<img src=x onerror=hack()>",
    "</script><script>hack()</script>",
    '=HYPERLINK("x"),1',
    "a&amp;b {q} circle(1,2,3) $title",
]
BY_TS = [EVIL[i] for i in (0, 3, 1, 2)]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
# What a user does, in the page itself; `results` is what there is to see afterwards.
ACTIONS = """
<script>
const cells = (c) => [...document.querySelectorAll("#table tbody tr")]
  .map((row) => row.cells[c].textContent);
const column = (title) => columns.findIndex((c) => c.title === title);
const heading = (title) => document.querySelector(`[data-column="${column(title)}"]`);
const type = (input, text) => { input.value = text; input.dispatchEvent(new Event("input")); };
const filterOf = (title) => document.querySelectorAll("thead input")[column(title)];
const box = () => document.getElementById("map").getAttribute("viewBox");
const at = (element) => { const r = element.getBoundingClientRect();
  return { clientX: r.x + r.width / 2, clientY: r.y + r.height / 2, bubbles: true }; };
const textOf = (id) => document.getElementById(id).textContent;
const results = { title: document.title, rows: cells(0), before: box(), summary: textOf("name"),
  brightest: [...document.querySelectorAll("#brightest button")].map((b) => b.textContent),
  headings: columns.map((c) => c.title), theme: document.documentElement.dataset.theme,
  right: ["TS", "ML_Prob", "r95"].map((t) => heading(t).getBoundingClientRect().right),
  marks: document.querySelectorAll(".mark").length,
  hacked: window.hacked === true, images: document.querySelectorAll("img").length,
  wide: document.documentElement.scrollWidth - window.innerWidth, csv: csv(), ds9: ds9() };
results.down = cells(column("TS"));
heading("TS").click();
results.up = cells(column("TS"));
type(filterOf("TS"), ">50");
results.filtered = cells(column("TS"));
results.shown = document.querySelectorAll("#map g:not(.hidden) > .mark").length;
results.lines = csv().trim().split("\\n").length;
type(filterOf("TS"), "20..60");
results.range = cells(column("TS"));
type(filterOf("TS"), "");
type(document.getElementById("search"), "onerror");
results.searched = cells(0);
type(document.getElementById("search"), "");
map.dispatchEvent(new MouseEvent("click", at(document.querySelectorAll(".mark")[2])));
results.chosen = document.querySelector("tr.chosen").dataset.row;
results.name = textOf("name");
results.flags = [...document.querySelectorAll("#details dd")].pop().textContent;
results.points = document.querySelectorAll("#spectrum .point").length;
results.axis = [...document.querySelectorAll("#spectrum text")].map((t) => t.textContent);
results.curve = document.querySelectorAll("#curve .point").length;
results.times = [...document.querySelectorAll("#curve text")].map((t) => t.textContent);
results.links = [...document.querySelectorAll("#links a")]
  .map((a) => [a.textContent, a.href, a.rel]);
map.dispatchEvent(new MouseEvent("click", at(document.querySelectorAll(".known")[1])));
results.known = textOf("name");
document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
results.back = textOf("name");
results.labels = [...labels.children].map((t) => {
  const b = t.getBBox(); return [t.textContent, b.x, b.y, b.width, b.height]; });
document.querySelector("[data-row='1']").click();
results.centred = box();
document.querySelector("[data-zoom='1.5']").click();
results.zoomed = box();
map.dispatchEvent(new WheelEvent("wheel", { deltaY: -1, clientX: 200, clientY: 300 }));
results.wheeled = box();
document.querySelector("[data-zoom='0']").click();
map.dispatchEvent(new PointerEvent("pointermove", at(document.querySelectorAll(".mark")[0])));
results.tip = textOf("tip");
results.where = textOf("where");
results.layers = [...document.querySelectorAll("#layers button")].map((button) => {
  button.click();
  return [button.textContent, textOf("unit"), picture.getAttribute("href").slice(0, 15)]; });
rows[3][0] = "a\\ncircle(1,2,3)}{";
results.forged = ds9();
document.getElementById("theme").click();
results.toggled = document.documentElement.dataset.theme;
document.querySelector("#groups input").click();
results.afterSwitch = cells(0).length;
const out = document.createElement("pre");
out.id = "results";
out.textContent = JSON.stringify(results);
document.body.appendChild(out);
</script>
"""


@pytest.fixture(scope="module")
def catalog():
    sources = sky.power_laws([99.0, 100.2, 101.0, 99.5], [44.5, 45.0, 45.8, 46.0], [1e-9] * 4)
    catalog = sky.seeds(sources, shapes=True)
    table = catalog.table
    table["Source_Name"] = np.array(EVIL)
    table["TS"] = [100.0, 25.0, np.nan, 50.5]
    table["ML_Prob"], table["ML_Flags"] = [0.99, 0.9, 0.6, 0.95], [0, 0, 6, 0]
    table["ML_Class"] = ["AGN", "PSR", "AGN", ""]
    table["Conf_95_SemiMajor"], table["Conf_95_SemiMinor"] = 0.1, 0.05
    flux = sources.flux([1e3, 3e3, 1e4, 3e4, 1e5]).T
    table["Flux_Band"][:, 3:7] = flux
    table["Unc_Flux_Band"][:, 3:7, 0], table["Unc_Flux_Band"][:, 3:7, 1] = -0.2 * flux, 0.2 * flux
    table["Unc_Flux_Band"][:, 6, 0] = np.nan  # a limit
    histories.make_room(table, 239557417.0 + 1e7 * np.arange(5))
    table["Flux_History"][2], table["Unc_Flux_History"][2] = [1e-8, 3e-8, np.nan, 0], [-2e-9, 2e-9]
    table["Unc_Flux_History"][2, 2:, 0] = np.nan  # no good time, and a limit
    return SourceCatalog.from_table(table)


@pytest.fixture(scope="module")
def text(catalog):
    cube = sky.cube(sky.power_laws([100.2], [45.0], [3e-9]), seed=1, width=5.0)
    known = catalog[[0, 1]]
    known.table["DEJ2000"] += 0.6
    return catalog_page(cube, catalog, title=EVIL[1], known=known)


def data_of(text):
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])


def test_the_page_loads_nothing(text):
    """The only addresses are those of links, and a name that looks like one."""
    hosts = set(re.findall(r"https?://([^\s\"'`<>/]*)", text))
    assert hosts == {
        "www.w3.org", "simbad.cds.unistra.fr", "ned.ipac.caltech.edu", "vizier.cds.unistra.fr"
    }  # fmt: skip
    for source in re.findall(r'(?:src|href)\s*=\s*"([^"]{0,40})', text):
        assert source.startswith("data:")
    assert "default-src 'none'" in text and "import " not in text and "fetch(" not in text


def test_nothing_of_a_catalog_is_html(text):
    assert "<img src=x" not in text and "</script><script>hack" not in text
    assert text.count("<script") == 2 and text.count("</script>") == 2
    assert "innerHTML" not in text
    assert [row[0] for row in data_of(text)["sources"]["rows"]] == EVIL


def test_empty_catalogs_have_a_page():
    cube = sky.cube(sky.power_laws([], [], []), seed=1, width=5.0)
    assert data_of(catalog_page(cube, SourceCatalog()))["sources"]["rows"] == []


def test_simulated_sources_have_no_links(catalog):
    cube = sky.cube(sky.power_laws([], [], []), seed=1, width=5.0)
    assert data_of(catalog_page(cube, catalog))["links"]
    simulated = SourceCatalog.from_table(catalog.table, meta={"SIMULATE": True})
    assert not data_of(catalog_page(cube, simulated))["links"]
    assert not data_of(catalog_page(cube, catalog, known=simulated))["links"]


def test_what_decides_comes_first(text):
    data = data_of(text)["sources"]
    assert [c["title"] for c in data["columns"]][:4] == ["Name", "TS", "ML_Prob", "r95"]
    assert data["columns"][data["rank"]]["name"] == "TS"


def test_energies_are_written_as_a_reader_expects(text):
    assert "1 GeV - 100 GeV, 6 bins" in text
    assert range_text(500, 1e6) == "0.5 GeV - 1 TeV"
    assert range_text(100, 499) == "100 MeV - 499 MeV"


def test_the_grid_tells_where_on_the_sky_a_pixel_is(text):
    data = data_of(text)
    sources, grid = data["sources"], data["sky"]
    i, j = (round(x / grid["step"]) for x in sources["points"][1])
    vector = np.array(grid["vectors"][j * grid["columns"] + i])
    there = np.degrees(np.arctan2(vector[1], vector[0]))
    assert there == pytest.approx(100.2, abs=0.3)
    ra = np.degrees(np.arctan2(*(np.array(grid["equatorial"]) @ vector)[[1, 0]])) % 360
    assert ra == pytest.approx(sources["regions"][1][0], abs=0.3)


def test_the_ticks_of_a_colour_bar_have_room():
    """Symmetric whole numbers in order, from one end to the other."""
    geom = sky.cube(sky.power_laws([], [], []), width=5.0).components[0].geom
    norm, ticks = sigma_scale(np.array([300.0]))
    image = SkyImage(WcsNDMap(geom, np.zeros(geom.data_shape)), "sigma", "RdBu_r", norm, ticks)
    made = sky_picture.layer("Significance", image)
    where = [at for at, _ in made["ticks"]]
    assert where == sorted(where) and where[0] >= 0 and where[-1] <= 1
    assert np.diff(where).min() > 0.05 and "0" in [text for _, text in made["ticks"]]
    assert made["ramp"][0] != made["ramp"][-1] and len(made["ramp"][4]) == 7


def test_numbers_that_json_cannot_have_are_null():
    assert page.as_script([1.5, None]) == "[1.5,null]"
    assert page.as_script("\u2028</script>&") == r'"\u2028\u003c/script\u003e\u0026"'
    with pytest.raises(ValueError, match="Out of range"):
        page.as_script([np.nan])


def browse(text, folder, size="1280,900", scheme="light"):
    """What there is to see after a user's ACTIONS in a real browser."""
    path = folder / "page.html"
    hack = "<script>function hack() { window.hacked = true; }</script>"
    path.write_text(text.replace("<body>", "<body>" + hack).replace("</body>", ACTIONS + "</body>"))
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    dom = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}", *dark,
         "--virtual-time-budget=2000", f"--user-data-dir={folder}/user", "--dump-dom",
         path.as_uri()],
        capture_output=True, text=True, timeout=120,
    ).stdout  # fmt: skip
    found = re.search(r'<pre id="results">(.*?)</pre>', dom, re.S)
    assert found, dom[-2000:]
    return json.loads(html.unescape(found[1]))


@pytest.fixture(scope="module")
def seen(text, tmp_path_factory):
    if BROWSER is None:
        pytest.skip("no chromium")
    return browse(text, tmp_path_factory.mktemp("browser"))


def test_hostile_names_are_only_names(seen):
    assert seen["title"] == EVIL[1] and not seen["hacked"] and seen["images"] == 0
    assert seen["rows"] == BY_TS and seen["marks"] == 4


def test_the_page_begins_with_what_matters(seen):
    """Sorted by TS, the decisive columns in view, the most significant sources in the panel."""
    assert seen["down"] == ["100.0", "50.5", "25.0", "\u2013"]
    assert max(seen["right"]) < 700 and seen["wide"] <= 0
    assert seen["summary"] == "The most significant" and seen["brightest"] == BY_TS


def test_the_table_sorts_filters_and_searches(seen):
    assert seen["up"] == ["25.0", "50.5", "100.0", "\u2013"]
    assert sorted(seen["filtered"]) == ["100.0", "50.5"]
    assert seen["shown"] == 2 and seen["lines"] == 3
    assert sorted(seen["range"]) == ["25.0", "50.5"]
    assert seen["searched"] == [EVIL[0]]
    assert seen["afterSwitch"] == 2  # the two AGN are switched off


def test_a_click_tells_all_of_a_source(seen):
    assert seen["chosen"] == "2" and seen["name"] == EVIL[2] and seen["points"] == 4
    assert seen["flags"].startswith("6: the photometry says TS < 9; blended")
    assert {"1 GeV", "10 GeV", "100 GeV"} <= set(seen["axis"])
    assert seen["known"] == f"Known: {EVIL[1]}"
    assert seen["back"] == "The most significant"


def test_the_light_curve_is_beside_the_spectrum(seen, text):
    assert seen["curve"] == 3 and {"54700", "54900", "MJD", "3e-8"} <= set(seen["times"])
    curves = data_of(text)["sources"]["curves"]
    assert curves[0] == [] and [len(point) for point in curves[2]] == [5, 5, 5]
    assert curves[2][0][2:] == [1e-8, 8e-9, 1.2e-8]
    assert curves[2][2][2:] == [0.0, None, 4e-9]


def test_links_lead_to_the_position(seen, catalog):
    ra = f"{catalog.table['RAJ2000'][2]:.5f}"
    assert [name for name, *_ in seen["links"]] == ["SIMBAD", "NED", "4FGL-DR3"]
    for _, address, rel in seen["links"]:
        assert ra in address and "%2B" in address and rel == "noopener noreferrer"


def test_the_map_moves_and_says_where_it_is(seen):
    boxes = [[float(x) for x in seen[key].split()] for key in ("before", "zoomed", "wheeled")]
    assert boxes[0][2] > boxes[1][2] > boxes[2][2]
    assert seen["centred"] != seen["before"]
    assert seen["tip"].startswith(EVIL[0]) and "TS 100.0" in seen["tip"]
    where = re.match(r"l ([\d.]+) +b ([\d.]+)", seen["where"]).groups()
    assert [float(w) for w in where] == pytest.approx([99.0, 44.5], abs=0.1)


def test_labels_do_not_collide(seen):
    boxes = [label[1:] for label in seen["labels"]]
    assert len(boxes) > 5
    for (x, y, w, h), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        gap = 0.3 * h  # the boxes of a browser are higher than the letters
        assert x + w <= x2 + gap or x2 + w2 <= x + gap or y + h <= y2 + gap or y2 + h2 <= y + gap


def test_layers_can_be_switched(seen):
    assert [(name, unit) for name, unit, _ in seen["layers"]] == [
        ("Counts", "counts per deg\u00b2"), ("Significance", "significance (sigma)"),
        ("Residuals", "residuals (sigma)"),
    ]  # fmt: skip
    assert {url for *_, url in seen["layers"]} == {"data:image/png;"}


def test_downloads_cannot_be_abused(seen, catalog):
    """A spreadsheet sees no formula, ds9 no region but those of the sources."""
    rows = list(csv.reader(io.StringIO(seen["csv"])))
    assert rows[0][:4] == ["Source_Name", "TS", "ML_Prob", "Conf_95_SemiMajor"]
    assert [row[0] for row in rows[1:]] == [f"'{n}" if n.startswith("=") else n for n in BY_TS]
    lines = seen["ds9"].splitlines()
    assert lines[:2] == ["# Region file format: DS9", "fk5"] and len(lines) == 6
    assert all(line.startswith("ellipse(") and line.count("{") == 1 for line in lines[2:])
    assert "text={a circle(1,2,3))(}" in seen["forged"] and len(seen["forged"].splitlines()) == 6
    regions = Regions.parse(seen["ds9"], format="ds9")
    assert regions[0].center.ra.deg == pytest.approx(catalog.table["RAJ2000"][0], abs=1e-5)
    assert regions[0].width.to_value("deg") == pytest.approx(0.2)


def test_dark_mode_follows_the_system_and_the_switch(seen, text, tmp_path):
    assert (seen["theme"], seen["toggled"]) == ("light", "dark")
    dark = browse(text, tmp_path, size="500,900", scheme="dark")
    assert (dark["theme"], dark["toggled"]) == ("dark", "light")
    assert dark["wide"] <= 0  # nothing sticks out of a narrow screen

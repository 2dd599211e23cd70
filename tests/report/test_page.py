"""The self-contained page of a catalog, in a real browser where there is one."""

import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from makers import smallskies as sky

from fermiml import SourceCatalog
from fermiml.report import page
from fermiml.report.catalog_page import page as catalog_page

EVIL = [
    "<img src=x onerror=hack()>",
    "</script><script>hack()</script>",
    "<!--<script>",
    "a&amp;b 'q' \"d\" $title",
]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
# What a user does, in the page itself; `results` is what there is to see afterwards.
ACTIONS = """
<script>
const cells = (c) => [...document.querySelectorAll("#table tbody tr:not(.hidden)")]
  .map((row) => row.cells[c].textContent);
const column = (title) => data.columns.findIndex((c) => c.title === title);
const heading = (title) => document.querySelector(`[data-column="${column(title)}"]`);
const type = (input, text) => { input.value = text; input.dispatchEvent(new Event("input")); };
const filterOf = (title) => document.querySelectorAll("thead input")[column(title)];
const box = () => document.getElementById("map").getAttribute("viewBox");
const results = { title: document.title, rows: cells(0), before: box(),
  marks: document.querySelectorAll(".mark").length,
  hacked: window.hacked === true, images: document.querySelectorAll("img").length };
heading("TS").click();
results.down = cells(column("TS"));
heading("TS").click();
results.up = cells(column("TS"));
type(filterOf("TS"), ">50");
results.filtered = cells(column("TS"));
results.shown = document.querySelectorAll("#map g:not(.hidden) .mark").length;
type(filterOf("TS"), "20..60");
results.range = cells(column("TS"));
type(filterOf("TS"), "");
type(document.getElementById("search"), "onerror");
results.searched = cells(0);
type(document.getElementById("search"), "");
document.querySelectorAll(".mark")[2].dispatchEvent(new MouseEvent("click", { bubbles: true }));
results.chosen = document.querySelector("tr.chosen").dataset.row;
results.name = document.getElementById("name").textContent;
results.points = document.querySelectorAll("#spectrum path[stroke='#0072b2']").length;
document.querySelector("[data-row='1']").click();
results.centred = box();
document.querySelector("[data-zoom='1.5']").click();
results.zoomed = box();
document.getElementById("map").dispatchEvent(
  new WheelEvent("wheel", { deltaY: -1, clientX: 200, clientY: 300 }));
results.wheeled = box();
const circle = document.querySelectorAll(".mark")[0].getBoundingClientRect();
const at = { clientX: circle.x + circle.width / 2, clientY: circle.y + circle.height / 2 };
document.querySelectorAll(".mark")[0].dispatchEvent(new PointerEvent("pointerenter", at));
results.tip = document.getElementById("tip").textContent;
document.getElementById("map").dispatchEvent(new PointerEvent("pointermove", at));
results.where = document.getElementById("where").textContent;
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
    table["ML_Class"] = ["AGN", "PSR", "AGN", ""]
    table["Conf_95_SemiMajor"], table["Conf_95_SemiMinor"] = 0.1, 0.05
    flux = sources.flux([1e3, 3e3, 1e4, 3e4, 1e5]).T
    table["Flux_Band"][:, 3:7] = flux
    table["Unc_Flux_Band"][:, 3:7, 0], table["Unc_Flux_Band"][:, 3:7, 1] = -0.2 * flux, 0.2 * flux
    table["Unc_Flux_Band"][:, 6, 0] = np.nan  # a limit
    return SourceCatalog.from_table(table)


@pytest.fixture(scope="module")
def text(catalog):
    cube = sky.cube(sky.power_laws([100.2], [45.0], [3e-9]), seed=1, width=5.0)
    return catalog_page(cube, catalog, title=EVIL[1], known=catalog[:2])


def test_the_page_loads_nothing(text):
    urls = set(re.findall(r"https?://[^\s\"'`<>]*", text))
    assert urls <= {"http://www.w3.org/2000/svg"}  # a name, not an address
    for source in re.findall(r'(?:src|href)\s*=\s*"([^"]{0,40})', text):
        assert source.startswith("data:")
    assert "default-src 'none'" in text and "import " not in text and "fetch(" not in text


def test_nothing_of_a_catalog_is_html(text):
    assert "<img src=x" not in text and "</script><script>hack" not in text
    assert text.count("<script") == 2 and text.count("</script>") == 2
    assert "innerHTML" not in text
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    assert [row[0] for row in data["rows"]] == EVIL


def test_empty_catalogs_have_a_page():
    cube = sky.cube(sky.power_laws([], [], []), seed=1, width=5.0)
    assert '"rows":[]' in catalog_page(cube, SourceCatalog())


def test_the_grid_tells_where_on_the_sky_a_pixel_is(text):
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])
    mark, grid = data["marks"][1], data["sky"]
    i, j = (round(mark[axis] / grid["step"]) for axis in "xy")
    vector = np.array(grid["vectors"][j * grid["columns"] + i])
    there = np.degrees(np.arctan2(vector[1], vector[0]))
    assert there == pytest.approx(100.2, abs=0.3)
    ra = np.degrees(np.arctan2(*(np.array(grid["equatorial"]) @ vector)[[1, 0]])) % 360
    assert ra == pytest.approx(data["rows"][1][3], abs=0.3)


def test_numbers_that_json_cannot_have_are_null():
    assert page.as_script([1.5, None]) == "[1.5,null]"
    assert page.as_script("\u2028</script>&") == r'"\u2028\u003c/script\u003e\u0026"'
    with pytest.raises(ValueError, match="Out of range"):
        page.as_script([np.nan])


@pytest.mark.skipif(BROWSER is None, reason="no chromium")
def test_in_a_browser(text, tmp_path):
    path = tmp_path / "page.html"
    hack = "<script>function hack() { window.hacked = true; }</script>"
    path.write_text(text.replace("<body>", "<body>" + hack).replace("</body>", ACTIONS + "</body>"))
    dom = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900",
         "--virtual-time-budget=2000", f"--user-data-dir={tmp_path}/user", "--dump-dom",
         path.as_uri()],
        capture_output=True, text=True, timeout=120,
    ).stdout  # fmt: skip
    found = re.search(r'<pre id="results">(.*?)</pre>', dom, re.S)
    assert found, dom[-2000:]
    seen = json.loads(html.unescape(found[1]))
    assert seen["title"] == EVIL[1] and not seen["hacked"] and seen["images"] == 0
    assert seen["rows"] == EVIL and seen["marks"] == 4
    assert seen["down"] == ["100.0", "50.5", "25.0", "\u2013"]
    assert seen["up"] == ["25.0", "50.5", "100.0", "\u2013"]
    assert sorted(seen["filtered"]) == ["100.0", "50.5"] and seen["shown"] == 2
    assert sorted(seen["range"]) == ["25.0", "50.5"]
    assert seen["searched"] == [EVIL[0]]
    assert seen["chosen"] == "2" and seen["name"] == EVIL[2] and seen["points"] == 4
    boxes = [[float(x) for x in seen[key].split()] for key in ("before", "zoomed", "wheeled")]
    assert boxes[0][2] > boxes[1][2] > boxes[2][2]
    assert seen["centred"] != seen["before"]
    assert seen["tip"].startswith(EVIL[0]) and "TS 100.0" in seen["tip"]
    where = re.match(r"l ([\d.]+) +b ([\d.]+)", seen["where"]).groups()
    assert [float(w) for w in where] == pytest.approx([99.0, 44.5], abs=0.1)
    assert seen["afterSwitch"] == 2  # the two AGN are switched off

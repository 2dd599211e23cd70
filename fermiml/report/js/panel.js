// The panel: one object, or a summary.

const BRIGHTEST = 10;
// Databases by position: name, radius (arcmin) for a source with this r95, address.
const LINKS = [
  ["SIMBAD", (r) => r, (ra, dec, r) => `https://simbad.cds.unistra.fr/simbad/sim-coo?Coord=${ra}%20${dec}`
    + `&CooFrame=FK5&CooEpoch=2000&CooEqui=2000&Radius=${r}&Radius.unit=arcmin`],
  ["NED", (r) => r, (ra, dec, r) => "https://ned.ipac.caltech.edu/conesearch?search_type=Near%20Position%20Search"
    + `&coordinates=${ra}d%20${dec}d&radius=${r}&in_csys=Equatorial&in_equinox=J2000`],
  ["4FGL-DR3", (r) => Math.max(r, 30), (ra, dec, r) => "https://vizier.cds.unistra.fr/viz-bin/VizieR-4"
    + `?-source=IX/67/4fgldr3&-c=${ra}%20${dec}&-c.rm=${r}`],
];

function choose(object, { scroll = false, center = false } = {}) {
  for (const element of document.querySelectorAll(".chosen")) element.classList.remove("chosen");
  chosen = object;
  if (object && drawn[object.kind][object.i]) {
    drawn[object.kind][object.i].lastElementChild.classList.add("chosen");
  }
  if (object && object.kind === "sources") chooseRow(object.i, scroll);
  if (object && center && pointOf(object)) {
    const [x, y] = pointOf(object);
    show({ ...view, x: x - view.w / 2, y: y - view.h / 2 });
  }
  for (const id of ["links", "spectrum", "curve", "details", "back"]) find(id).classList.toggle("hidden", !object);
  for (const id of ["brightest", "begin"]) find(id).classList.toggle("hidden", Boolean(object));
  if (object) describe(object); else summarize();
  if (object && center && matchMedia("(max-width: 900px)").matches) { // the panel is out of sight
    find("name").scrollIntoView({ block: "center" });
  }
  drawLabels();
}

function chooseRow(i, scroll) {
  const place = shown.indexOf(i);
  if (place < 0) return;
  addRows(place + 20);
  const row = table.tBodies[0].rows[place], box = find("scroll");
  row.classList.add("chosen");
  if (scroll) box.scrollTop = row.offsetTop - box.clientHeight / 2; // the page stays where it is
}

function describe(object) {
  const { columns: all, rows: values, regions, spectra, curves } = kinds[object.kind];
  find("name").textContent = (object.kind === "known" ? "Known: " : "") + nameOf(object);
  const details = find("details");
  details.replaceChildren();
  all.slice(1).forEach((column, c) => {
    const value = values[object.i][c + 1];
    if (value === null || value === "") return;
    make("dt", { title: column.help }, details, column.title);
    make("dd", {}, details, inWords(column, value));
  });
  drawLinks(regions[object.i]);
  const spectrum = spectra ? spectra[object.i] : [];
  find("spectrum").classList.toggle("hidden", !spectrum.length);
  if (spectrum.length) drawSpectrum(spectrum);
  const curve = curves ? curves[object.i] : [];
  find("curve").classList.toggle("hidden", !curve.length);
  if (curve.length) drawCurve(curve);
}

function drawLinks([ra, dec, major = 0.1]) {
  const links = find("links");
  links.replaceChildren();
  if (!data.links) return;
  const north = (dec < 0 ? "-" : "%2B") + Math.abs(dec).toFixed(5);
  const r95 = Math.min(Math.max(60 * major, 1), 60);
  for (const [name, radius, address] of LINKS) {
    const href = address(ra.toFixed(5), north, radius(r95).toFixed(1));
    make("a", { href, target: "_blank", rel: "noopener noreferrer" }, links, name);
  }
}

function summarize() {
  const list = find("brightest"), { rank } = data.sources;
  find("name").textContent = !rows.length ? "No sources" : rank === null ? "Sources" : "The most significant";
  list.replaceChildren();
  for (const i of ranked.slice(0, BRIGHTEST)) {
    const item = make("li", {}, list);
    make("button", { type: "button", class: "plain" }, item, rows[i][0])
      .addEventListener("click", () => choose({ kind: "sources", i }, { scroll: true, center: true }));
    if (rank !== null) make("span", {}, item, `${columns[rank].title} ${format(columns[rank], rows[i][rank])}`);
  }
}

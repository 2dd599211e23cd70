"use strict";
// Nothing of the data is ever read as HTML: all texts go in as textContent or attributes.
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const find = (id) => document.getElementById(id);

function make(name, attributes = {}, parent = null, text = null) {
  const svg = parent instanceof SVGElement;
  const element = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== null) element.textContent = text;
  if (parent) parent.appendChild(element);
  return element;
}

// --- objects: the sources of the catalog and the known ones ---------------------------------

const kinds = { sources: data.sources, known: data.known };
const nameOf = (object) => kinds[object.kind].rows[object.i][0];
const pointOf = (object) => kinds[object.kind].points[object.i];
const same = (a, b) => a && b && a.kind === b.kind && a.i === b.i;

// Rows of the sources, the best first.
const ranked = data.sources.rows.map((_, i) => i);
let sorted = { column: data.sources.rank, down: true };
let shown = []; // rows that pass the filters, in the order of the table
let chosen = null;
const off = { groups: new Set(), known: false, names: false };

function format(column, value) {
  if (value === null) return "\u2013";
  if (typeof value !== "number") return String(value);
  if (column.form === "exp") return value.toExponential(column.digits);
  return value.toFixed(column.digits);
}

function inWords(column, value) {
  if (column.form !== "flags") return `${format(column, value)} ${column.unit}`;
  const set = data.flags.filter(([bit]) => value & bit).map(([, meaning]) => meaning);
  return set.length ? `${value}: ${set.join("; ")}` : "none";
}

function tipOf({ kind, i }) {
  const { columns, rows } = kinds[kind];
  const lines = columns.map((column, c) => [column, rows[i][c]])
    .filter(([column, value]) => column.tip && value !== null && value !== "")
    .map(([column, value]) => `${column.title} ${format(column, value)} ${column.unit}`);
  return [(kind === "known" ? "known: " : "") + rows[i][0], ...lines].join("\n");
}

// --- the map: pixels of the pictures are the units, y grows downwards ------------------------

const map = find("map");
const { width, height } = data;
let view = { x: 0, y: 0, w: width, h: height };
let unit = 1; // units per pixel of the screen
const picture = make("image", { x: 0, y: 0, width, height, preserveAspectRatio: "none" }, map);
const RADIUS = data.sources.rows.length > 500 ? 3 : 6; // pixels of the screen
const drawn = { sources: [], known: [] }; // elements, null for what is off the map
let labels;

const points = (list) => list.map((p) => p.join(",")).join(" ");

function drawMap() {
  for (const line of data.lines) make("polyline", { class: "line", points: points(line.points) }, map);
  if (data.known) drawn.known = data.known.points.map((p, i) => drawObject("known", i, p));
  drawn.sources = data.sources.points.map((p, i) => drawObject("sources", i, p));
  labels = make("g", {}, map);
  map.style.setProperty("--radius", RADIUS);
  show(view);
}

function drawObject(kind, i, point) {
  if (!point) return null;
  const group = make("g", {}, map);
  if (kind === "known") {
    make("path", { class: "known", d: "M-.8,-.8L.8,.8M-.8,.8L.8,-.8" }, group);
    return group;
  }
  const style = `stroke: var(--group${data.sources.group[i]})`;
  const outline = data.sources.outlines[i];
  if (outline) make("polygon", { class: "outline", points: points(outline), style }, group);
  make("circle", { class: "mark", cx: point[0], cy: point[1], style }, group);
  return group;
}

function show(wanted) {
  view = wanted;
  map.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  map.classList.toggle("zoomed", view.w < width);
  const matrix = map.getScreenCTM();
  unit = matrix && matrix.a > 0 ? 1 / matrix.a : view.w / 800;
  map.style.setProperty("--unit", `${unit}px`);
  drawn.known.forEach((cross, i) => {
    if (cross) cross.setAttribute("transform", `translate(${data.known.points[i]}) scale(${unit * RADIUS})`);
  });
  requestAnimationFrame(drawLabels);
}

function zoom(factor, x = view.x + view.w / 2, y = view.y + view.h / 2) {
  if (!factor) return show({ x: 0, y: 0, w: width, h: height });
  const w = Math.min(Math.max(view.w / factor, width / 200), 2 * width);
  const s = w / view.w;
  return show({ x: x - (x - view.x) * s, y: y - (y - view.y) * s, w, h: view.h * s });
}

function inMap(event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  return point.matrixTransform(map.getScreenCTM().inverse());
}

function listenToMap() {
  let from = null, moved = false;
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    const p = inMap(event);
    zoom(event.deltaY < 0 ? 1.25 : 0.8, p.x, p.y);
  }, { passive: false });
  map.addEventListener("pointerdown", (event) => { from = inMap(event); moved = false; });
  window.addEventListener("pointerup", () => { from = null; });
  window.addEventListener("pointercancel", () => { from = null; });
  map.addEventListener("pointermove", (event) => {
    const p = inMap(event);
    if (from && Math.hypot(from.x - p.x, from.y - p.y) > 4 * unit) moved = true;
    if (from && moved) show({ ...view, x: view.x + from.x - p.x, y: view.y + from.y - p.y });
    find("where").textContent = skyText(p.x, p.y);
    hover(from ? null : nearest(p, 10), event);
  });
  map.addEventListener("pointerleave", (event) => hover(null, event));
  map.addEventListener("click", (event) => {
    const object = moved ? null : nearest(inMap(event), 18);
    if (object) choose(object, { scroll: true });
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  }
  window.addEventListener("resize", () => show(view));
}

function hover(object, event) {
  const tip = find("tip");
  map.classList.toggle("over", object !== null);
  tip.classList.toggle("hidden", object === null);
  if (!object) return;
  tip.textContent = tipOf(object);
  const x = Math.min(event.clientX + 14, window.innerWidth - tip.offsetWidth - 4);
  const y = Math.min(event.clientY + 10, window.innerHeight - tip.offsetHeight - 4);
  tip.style.transform = `translate(${Math.max(x, 0)}px, ${Math.max(y, 0)}px)`;
}

function visible(kind, i) {
  return drawn[kind][i] !== null && !drawn[kind][i].classList.contains("hidden");
}

// The object within `reach` pixels of the screen; sources of the catalog before known ones.
function nearest(p, reach) {
  for (const kind of ["sources", "known"]) {
    let best = null, least = reach * unit;
    drawn[kind].forEach((_, i) => {
      if (!visible(kind, i)) return;
      const [x, y] = kinds[kind].points[i];
      const distance = Math.hypot(x - p.x, y - p.y);
      if (distance < least) [best, least] = [{ kind, i }, distance];
    });
    if (best) return best;
  }
  return null;
}

// Directions are given on a coarse grid of pixels, as unit vectors (Galactic).
function direction(x, y) {
  const { step, columns, rows, vectors } = data.sky;
  const i = Math.min(Math.max(x / step, 0), columns - 1.001);
  const j = Math.min(Math.max(y / step, 0), rows - 1.001);
  const a = Math.floor(i), b = Math.floor(j), s = i - a, t = j - b;
  const four = [[a, b, (1 - s) * (1 - t)], [a + 1, b, s * (1 - t)],
                [a, b + 1, (1 - s) * t], [a + 1, b + 1, s * t]];
  const sum = [0, 0, 0];
  for (const [p, q, weight] of four) {
    const v = vectors[q * columns + p];
    if (!v) return null;
    for (let k = 0; k < 3; k++) sum[k] += weight * v[k];
  }
  return sum;
}

function angles(v) {
  const lon = (Math.atan2(v[1], v[0]) * 180 / Math.PI + 360) % 360;
  const lat = Math.atan2(v[2], Math.hypot(v[0], v[1])) * 180 / Math.PI;
  return [lon.toFixed(2), lat.toFixed(2)];
}

function skyText(x, y) {
  const v = x < 0 || y < 0 || x > width || y > height ? null : direction(x, y);
  if (!v) return "";
  const [l, b] = angles(v);
  const [ra, dec] = angles(data.sky.equatorial.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]));
  return `l ${l}  b ${b}   RA ${ra}  Dec ${dec}`;
}

// --- labels of the map: none covers another, a symbol, or what is more important --------------

const FONT = 11, CROWD = 300; // pixels; symbols in view above which names would be noise

function drawLabels() {
  labels.replaceChildren();
  const seen = visiblePart(), taken = [];
  const order = [...(chosen ? [chosen] : []), ...ranked.map((i) => ({ kind: "sources", i })),
                 ...(data.known ? data.known.rows.map((_, i) => ({ kind: "known", i })) : [])];
  const here = order.filter((o, n) => visible(o.kind, o.i) && isIn(seen, ...pointOf(o))
    && !(n > 0 && same(o, chosen)));
  const r = RADIUS * unit;
  for (const object of here) {
    const [x, y] = pointOf(object);
    taken.push([x - r, y - r, x + r, y + r]);
  }
  for (const line of data.lines) labelLine(line, seen, taken);
  const few = !off.names && here.length <= CROWD;
  for (const object of here) {
    if (same(object, chosen) || few && !isFound(object)) labelObject(object, seen, taken);
  }
}

// A known source that was found needs no second name beside the first.
function isFound({ kind, i }) {
  const [x, y] = data[kind].points[i];
  return kind === "known" && nearest({ x, y }, 3 * RADIUS).kind === "sources";
}

function visiblePart() {
  const box = map.getBoundingClientRect();
  const a = inMap({ clientX: box.left, clientY: box.top });
  const b = inMap({ clientX: box.right, clientY: box.bottom });
  return [Math.max(a.x, 0), Math.max(a.y, 0), Math.min(b.x, width), Math.min(b.y, height)];
}

const isIn = ([left, top, right, bottom], x, y) => x >= left && x <= right && y >= top && y <= bottom;

function labelLine({ label, side, points: all }, seen, taken) {
  const inside = all.filter(([x, y]) => isIn(seen, x, y));
  if (!inside.length) return;
  const end = side === "bottom"
    ? inside.reduce((a, b) => (b[1] > a[1] ? b : a)) : inside.reduce((a, b) => (b[0] < a[0] ? b : a));
  const places = side === "bottom" ? [[3, -17], [3, -34], [-42, -17]] : [[4, -15], [4, 2], [4, -32]];
  put(label, places.map(([x, y]) => [end[0] + x * unit, end[1] + y * unit]), seen, taken);
}

function labelObject(object, seen, taken) {
  const [x, y] = pointOf(object), text = nameOf(object);
  const w = textWidth(text), h = 1.2 * FONT * unit, near = 0.8 * RADIUS * unit, r = (RADIUS + 2) * unit;
  put(text, [
    [x + near, y - near - h], [x + r, y - h / 2], [x + near, y + near], [x - near - w, y - near - h],
    [x - r - w, y - h / 2], [x - near - w, y + near], [x - w / 2, y - r - h], [x - w / 2, y + r],
  ], seen, taken);
}

const textWidth = (text) => 0.58 * FONT * unit * text.length;

// Writes a text at the first of some places (upper left corners) that is free.
function put(text, places, seen, taken) {
  const w = textWidth(text), h = 1.2 * FONT * unit;
  for (const [x, y] of places) {
    const inside = isIn(seen, x, y) && isIn(seen, x + w, y + h);
    const free = taken.every(([l, t, r, b]) => x + w <= l || x >= r || y + h <= t || y >= b);
    if (inside && free) {
      make("text", { x, y: y + 0.95 * FONT * unit }, labels, text);
      taken.push([x, y, x + w, y + h]);
      return;
    }
  }
}

// --- layers, kinds, light and dark ------------------------------------------------------------

let layer = data.layers[0];

function drawSwitches() {
  data.layers.forEach((each) => {
    make("button", { type: "button" }, find("layers"), each.name)
      .addEventListener("click", () => { layer = each; look(); });
  });
  data.groups.forEach((group, g) => {
    const number = data.sources.group.filter((other) => other === g).length;
    addSwitch(`${group.name} (${number})`, `background: var(--group${g})`, (on) => {
      if (on) off.groups.delete(g); else off.groups.add(g);
    });
  });
  if (data.known) addSwitch(`\u00d7 known (${data.known.rows.length})`, null, (on) => { off.known = !on; });
  addSwitch("names", null, (on) => { off.names = !on; });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => setTheme(dark.matches));
  find("theme").addEventListener("click", () => setTheme(document.documentElement.dataset.theme !== "dark"));
  setTheme(dark.matches);
}

function addSwitch(text, swatch, change) {
  const label = make("label", {}, find("groups"));
  const box = make("input", { type: "checkbox", checked: "" }, label);
  if (swatch) make("span", { class: "swatch", style: swatch }, label);
  label.append(swatch ? text : ` ${text}`);
  box.addEventListener("change", () => { change(box.checked); filter(); });
}

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  find("theme").textContent = dark ? "Light" : "Dark";
  look();
}

function look() {
  const dark = document.documentElement.dataset.theme === "dark";
  const darkMap = dark || !layer.flips;
  picture.setAttribute("href", layer.url);
  picture.setAttribute("class", layer.flips ? "flips" : "");
  map.classList.toggle("dark", darkMap);
  data.groups.forEach(({ colour }, g) => {
    document.documentElement.style.setProperty(`--group${g}`, dark ? lighter(colour) : colour);
    map.style.setProperty(`--group${g}`, darkMap ? lighter(colour) : colour);
  });
  [...find("layers").children].forEach((button, n) => {
    button.setAttribute("aria-pressed", String(data.layers[n] === layer));
  });
  drawScale();
}

function lighter(colour) {
  const parts = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16));
  return `rgb(${parts.map((v) => Math.round(0.55 * v + 0.45 * 255)).join(",")})`;
}

function drawScale() {
  const ramp = find("ramp"), ticks = find("ticks");
  ramp.style.background = `linear-gradient(to right, ${layer.ramp.join(",")})`;
  ramp.className = layer.flips ? "flips" : "";
  ticks.replaceChildren();
  for (const [at, text] of layer.ticks) make("span", { style: `left: ${100 * at}%` }, ticks, text);
  find("unit").textContent = layer.label;
}

// --- the table: rows are made when they come into view ----------------------------------------

const CHUNK = 150;
const table = find("table");
const { columns, rows } = data.sources;
const filters = columns.map(() => "");
let made = 0;

function drawTable() {
  const head = make("tr", {}, table.tHead), below = make("tr", {}, table.tHead);
  columns.forEach((column, c) => {
    const cell = make("th", { class: column.numeric ? "" : "text", title: column.help }, head);
    make("button", { type: "button", "data-column": c }, cell)
      .addEventListener("click", () => sortBy(c));
    const input = make("input", { "aria-label": `Filter ${column.title}` }, make("th", {}, below));
    input.addEventListener("input", () => { filters[c] = input.value.trim(); filter(); });
  });
  find("search").addEventListener("input", filter);
  const box = find("scroll");
  box.addEventListener("scroll", () => {
    if (box.scrollTop + box.clientHeight > box.scrollHeight - 200) addRows(made + CHUNK);
  });
}

function addRows(until) {
  for (; made < Math.min(until, shown.length); made++) {
    const i = shown[made];
    const row = make("tr", { "data-row": i }, table.tBodies[0]);
    columns.forEach((column, c) => {
      const cell = make("td", { class: column.numeric ? "" : "text" }, row);
      const text = format(column, rows[i][c]);
      if (c === 0) make("button", { type: "button", class: "plain" }, cell, text);
      else cell.textContent = text;
    });
    row.classList.toggle("chosen", same(chosen, { kind: "sources", i }));
    row.addEventListener("click", () => choose({ kind: "sources", i }, { center: true }));
  }
}

function sortBy(c) {
  sorted = { column: c, down: sorted.column === c ? !sorted.down : columns[c].numeric };
  fillTable();
}

function order(list, { column, down }) {
  if (column === null) return list;
  const numeric = columns[column].numeric, sign = down ? -1 : 1;
  return list.sort((i, j) => {
    const a = rows[i][column], b = rows[j][column];
    if (a === null || b === null) return (a === null) - (b === null); // unknown ones last
    return sign * (numeric ? a - b : String(a).localeCompare(String(b)));
  });
}

function fillTable() {
  order(shown, sorted);
  table.tBodies[0].replaceChildren();
  made = 0;
  addRows(CHUNK);
  table.querySelectorAll("thead button").forEach((button, c) => {
    const { title, unit: inUnit } = columns[c];
    const arrow = c === sorted.column ? (sorted.down ? " \u25bc" : " \u25b2") : "";
    button.textContent = title + (inUnit ? ` (${inUnit})` : "") + arrow;
  });
}

function passes(column, value, text) {
  if (!text) return true;
  const range = /^(-?[\d.eE+-]+)?\.\.(-?[\d.eE+-]+)?$/.exec(text);
  const limit = /^(<=?|>=?)\s*(-?[\d.eE+-]+)$/.exec(text);
  if (column.numeric && limit) {
    const other = Number(limit[2]);
    if (value === null) return false;
    return { "<": value < other, "<=": value <= other, ">": value > other, ">=": value >= other }[limit[1]];
  }
  if (column.numeric && range) {
    const low = range[1] ? Number(range[1]) : -Infinity, high = range[2] ? Number(range[2]) : Infinity;
    return value !== null && value >= low && value <= high;
  }
  return format(column, value).toLowerCase().includes(text.toLowerCase());
}

function filter() {
  const wanted = find("search").value.trim().toLowerCase();
  shown = rows.map((_, i) => i).filter((i) => !off.groups.has(data.sources.group[i])
    && columns.every((column, c) => passes(column, rows[i][c], filters[c]))
    && (!wanted || columns.some((column, c) => format(column, rows[i][c]).toLowerCase().includes(wanted))));
  const kept = new Set(shown);
  drawn.sources.forEach((group, i) => { if (group) group.classList.toggle("hidden", !kept.has(i)); });
  drawn.known.forEach((group) => { if (group) group.classList.toggle("hidden", off.known); });
  find("count").textContent = `${shown.length} of ${rows.length} sources`;
  fillTable();
  drawLabels();
}

// --- downloads: the sources that are shown ----------------------------------------------------

// A ' keeps spreadsheets from taking a text for a formula.
function csvCell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv() {
  const lines = shown.map((i) => rows[i].map(csvCell).join(","));
  return [columns.map((c) => csvCell(c.name)).join(","), ...lines, ""].join("\n");
}

// Braces would end a text of ds9, and a new line the region; its angles begin at the west.
function ds9() {
  const lines = shown.map((i) => {
    const region = [...data.sources.regions[i]];
    if (region.length > 2) region[4] += 90;
    const kind = region.length > 2 ? "ellipse" : "point";
    const text = rows[i][0].replaceAll("{", "(").replaceAll("}", ")").replace(/[\x00-\x1f\x7f]/g, " ");
    const { colour } = data.groups[data.sources.group[i]];
    return `${kind}(${region.map((v) => v.toFixed(6)).join(",")}) # text={${text}} color=${colour}`;
  });
  return ["# Region file format: DS9", "fk5", ...lines, ""].join("\n");
}

function save(ending, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const name = document.title.replace(/[^\w.-]+/g, "_").slice(0, 80) || "sources";
  make("a", { href: url, download: name + ending }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

// --- the panel: one object, or a summary --------------------------------------------------------

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
  for (const id of ["links", "spectrum", "details", "back"]) find(id).classList.toggle("hidden", !object);
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
  const { columns: all, rows: values, regions, spectra } = kinds[object.kind];
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

// --- the spectrum -------------------------------------------------------------------------------

// Points are [energy from, to, nuFnu, lower end, upper end]; without a lower end: a limit.
function drawSpectrum(spectrum) {
  const svg = find("spectrum");
  svg.replaceChildren();
  const left = 48, right = 350, top = 10, bottom = 195;
  const logs = (list) => list.filter((v) => v > 0).map(Math.log10);
  const x = scale(logs(spectrum.flatMap((p) => [p[0], p[1]])), left, right);
  const values = spectrum.flatMap((p) => (p[3] === null ? [p[4], p[4] / 10] : [p[2], p[3], p[4]]));
  const most = Math.max(...values);
  const y = scale(logs(values.filter((v) => v > most / 1e4)), bottom, top);
  drawAxes(svg, x, y, left, right, top, bottom);
  for (const [from, to, value, low, high] of spectrum) {
    const a = x.at(Math.log10(from)), b = x.at(Math.log10(to)), middle = (a + b) / 2;
    const level = (v) => y.at(Math.log10(Math.max(v, most / 1e4)));
    const line = (d) => make("path", { class: "point", d }, svg);
    if (low === null) {
      const t = level(high);
      line(`M${a},${t}H${b}M${middle},${t}v18m-4,-5l4,5l4,-5`);
    } else {
      line(`M${a},${level(value)}H${b}M${middle},${level(low)}V${level(high)}`);
    }
  }
}

function scale(logs, start, end) {
  const low = Math.min(...logs) - 0.1, high = Math.max(...logs) + 0.1;
  return { low, high, at: (v) => start + (Math.max(v, low) - low) / (high - low) * (end - start) };
}

const energyText = (k, m) => (k < 3 ? `${m * 10 ** k} MeV` : k < 6 ? `${m * 10 ** (k - 3)} GeV` : `${m * 10 ** (k - 6)} TeV`);
const raised = (k) => String(k).replace("-", "\u207b").replace(/\d/g, (d) => "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"[d]);
const fluxText = (k, m) => (m === 1 ? "" : `${m}\u00b7`) + `10${raised(k)}`;

// Powers of ten, and 2 and 5 times these where there is room.
function ticks({ low, high }, text) {
  const all = [];
  for (let k = Math.floor(low); k <= high; k++) {
    for (const m of high - low < 1.6 ? [1, 2, 5] : [1]) {
      const v = k + Math.log10(m);
      if (v >= low && v <= high) all.push([v, text(k, m)]);
    }
  }
  return all;
}

function drawAxes(svg, x, y, left, right, top, bottom) {
  make("path", { class: "axis", d: `M${left},${top}V${bottom}H${right}` }, svg);
  for (const [v, label] of ticks(x, energyText)) {
    make("path", { class: "axis", d: `M${x.at(v)},${bottom}v4` }, svg);
    make("text", { x: x.at(v), y: bottom + 15, "text-anchor": "middle" }, svg, label);
  }
  for (const [v, label] of ticks(y, fluxText)) {
    make("path", { class: "axis", d: `M${left},${y.at(v)}h-4` }, svg);
    make("text", { x: left - 6, y: y.at(v) + 3, "text-anchor": "end" }, svg, label);
  }
  make("text", { x: (left + right) / 2, y: bottom + 30, "text-anchor": "middle" }, svg, "energy");
  make("text", { x: left + 4, y: top + 4 }, svg, "\u03bdF\u03bd (erg cm\u207b\u00b2 s\u207b\u00b9)");
}

order(ranked, sorted);
drawMap();
listenToMap();
drawSwitches();
drawTable();
filter();
choose(null);
find("back").addEventListener("click", () => choose(null));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") choose(null); });
find("csv").addEventListener("click", () => save(".csv", "text/csv", csv()));
find("ds9").addEventListener("click", () => save(".reg", "text/plain", ds9()));

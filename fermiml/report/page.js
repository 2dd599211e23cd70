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

// --- the map: pixels of the image are the units, y grows downwards -------------------------

const map = find("map");
const { width, height } = data.image;
let view = { x: 0, y: 0, w: width, h: height };
const marks = [];
const sized = []; // what keeps its size on the screen: [element, how to set it]

function drawMap() {
  make("image", { href: data.image.url, x: 0, y: 0, width, height, preserveAspectRatio: "none" }, map);
  for (const line of data.lines) {
    make("polyline", { class: "line", points: points(line.points) }, map);
    const [x, y] = line.points[line.at];
    const side = x > width / 2 ? "end" : "start";
    const text = make("text", { x, y, "text-anchor": side }, map, line.label);
    sized.push((unit) => text.setAttribute("font-size", 11 * unit));
  }
  for (const known of data.known) {
    const cross = make("path", { class: "known" }, map);
    cross.addEventListener("pointerenter", (event) => tell(known.text, event));
    cross.addEventListener("pointerleave", () => tell(""));
    sized.push((unit) => cross.setAttribute("d", crossAt(known.x, known.y, 8 * unit)));
  }
  data.marks.forEach((mark, i) => {
    const group = make("g", {}, map);
    const colour = data.groups[mark.group].colour;
    if (mark.outline) {
      make("polygon", { class: "outline", points: points(mark.outline), stroke: colour }, group);
    }
    const circle = make("circle", { class: "mark", cx: mark.x, cy: mark.y, stroke: colour }, group);
    circle.addEventListener("pointerenter", (event) => tell(mark.text, event));
    circle.addEventListener("pointerleave", () => tell(""));
    sized.push((unit) => circle.setAttribute("r", 6 * unit));
    circle.addEventListener("click", () => choose(i, { scroll: true }));
    marks.push({ group, circle });
  });
  show(view);
}

const points = (list) => list.map((p) => p.join(",")).join(" ");
const crossAt = (x, y, r) => `M${x - r},${y - r}L${x + r},${y + r}M${x - r},${y + r}L${x + r},${y - r}`;

function show(wanted) {
  view = wanted;
  map.setAttribute("viewBox", `${view.x} ${view.y} ${view.w} ${view.h}`);
  const matrix = map.getScreenCTM();
  const unit = matrix && matrix.a > 0 ? 1 / matrix.a : view.w / 800;
  for (const set of sized) set(unit);
}

function zoom(factor, x = view.x + view.w / 2, y = view.y + view.h / 2) {
  if (!factor) return show({ x: 0, y: 0, w: width, h: height });
  const w = Math.min(Math.max(view.w / factor, width / 200), 2 * width);
  const s = w / view.w;
  return show({ x: x - (x - view.x) * s, y: y - (y - view.y) * s, w, h: view.h * s });
}

function tell(text, event = null) {
  const tip = find("tip");
  tip.textContent = text;
  tip.classList.toggle("hidden", !text);
  if (event) tip.style.transform = `translate(${event.clientX + 14}px, ${event.clientY + 10}px)`;
}

function inMap(event) {
  const point = new DOMPoint(event.clientX, event.clientY);
  return point.matrixTransform(map.getScreenCTM().inverse());
}

function listenToMap() {
  let from = null;
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    const p = inMap(event);
    zoom(event.deltaY < 0 ? 1.25 : 0.8, p.x, p.y);
  }, { passive: false });
  map.addEventListener("pointerdown", (event) => { from = inMap(event); });
  window.addEventListener("pointerup", () => { from = null; });
  map.addEventListener("pointermove", (event) => {
    const p = inMap(event);
    if (from) show({ ...view, x: view.x + from.x - p.x, y: view.y + from.y - p.y });
    find("where").textContent = skyText(p.x, p.y);
  });
  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => zoom(Number(button.dataset.zoom)));
  }
  window.addEventListener("resize", () => show(view));
}

// Directions are given on a coarse grid of pixels, as unit vectors (Galactic).
function direction(x, y) {
  const { step, columns, rows, vectors } = data.sky;
  const i = Math.min(Math.max(x / step, 0), columns - 1.001);
  const j = Math.min(Math.max(y / step, 0), rows - 1.001);
  const a = Math.floor(i), b = Math.floor(j), s = i - a, t = j - b;
  const corner = (p, q) => vectors[q * columns + p];
  const four = [[a, b, (1 - s) * (1 - t)], [a + 1, b, s * (1 - t)],
                [a, b + 1, (1 - s) * t], [a + 1, b + 1, s * t]];
  const sum = [0, 0, 0];
  for (const [p, q, weight] of four) {
    const v = corner(p, q);
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

// --- the table ------------------------------------------------------------------------------

const table = find("table");
const rows = [];
const filters = data.columns.map(() => "");
const hiddenGroups = new Set();
let sorted = { column: -1, down: false };

function format(column, value) {
  if (value === null) return "\u2013";
  if (typeof value !== "number") return String(value);
  if (column.form === "exp") return value.toExponential(column.digits);
  return value.toFixed(column.digits);
}

function drawTable() {
  const head = make("tr", {}, table.tHead), below = make("tr", {}, table.tHead);
  data.columns.forEach((column, c) => {
    const cell = make("th", { class: column.numeric ? "" : "text", title: column.help }, head);
    const unit = column.unit ? ` (${column.unit})` : "";
    make("button", { type: "button", "data-column": c }, cell, column.title + unit)
      .addEventListener("click", () => sortBy(c));
    const input = make("input", { "aria-label": `Filter ${column.title}` }, make("th", {}, below));
    input.addEventListener("input", () => { filters[c] = input.value.trim(); filter(); });
  });
  data.rows.forEach((values, i) => {
    const row = make("tr", { "data-row": i }, table.tBodies[0]);
    data.columns.forEach((column, c) => {
      make("td", { class: column.numeric ? "" : "text" }, row, format(column, values[c]));
    });
    row.addEventListener("click", () => choose(i, { center: true }));
    rows.push(row);
  });
  find("search").addEventListener("input", filter);
}

function sortBy(c) {
  const numeric = data.columns[c].numeric;
  sorted = { column: c, down: sorted.column === c ? !sorted.down : numeric };
  const sign = sorted.down ? -1 : 1;
  const order = data.rows.map((_, i) => i).sort((i, j) => {
    const a = data.rows[i][c], b = data.rows[j][c];
    if (a === null || b === null) return (a === null) - (b === null); // unknown ones last
    return sign * (numeric ? a - b : String(a).localeCompare(String(b)));
  });
  for (const i of order) table.tBodies[0].appendChild(rows[i]);
  table.querySelectorAll("thead button").forEach((button, k) => {
    const arrow = k === c ? (sorted.down ? " \u25bc" : " \u25b2") : "";
    button.textContent = button.textContent.replace(/ [\u25b2\u25bc]$/, "") + arrow;
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
  let shown = 0;
  data.rows.forEach((values, i) => {
    const keep = !hiddenGroups.has(data.marks[i].group)
      && data.columns.every((column, c) => passes(column, values[c], filters[c]))
      && (!wanted || data.columns.some((column, c) => format(column, values[c]).toLowerCase().includes(wanted)));
    rows[i].classList.toggle("hidden", !keep);
    marks[i].group.classList.toggle("hidden", !keep);
    shown += keep;
  });
  find("count").textContent = `${shown} of ${data.rows.length} sources`;
}

function drawGroups() {
  data.groups.forEach((group, g) => {
    const label = make("label", {}, find("groups"));
    const box = make("input", { type: "checkbox", checked: "" }, label);
    make("span", { class: "swatch", style: `background:${group.colour}` }, label);
    label.append(`${group.name} (${data.marks.filter((m) => m.group === g).length})`);
    box.addEventListener("change", () => {
      if (box.checked) hiddenGroups.delete(g); else hiddenGroups.add(g);
      filter();
    });
  });
  if (data.known.length) make("span", {}, find("groups"), `\u00d7 known (${data.known.length})`);
}

// --- one source -----------------------------------------------------------------------------

function choose(i, { scroll = false, center = false } = {}) {
  for (const [k, mark] of marks.entries()) {
    mark.circle.classList.toggle("chosen", k === i);
    rows[k].classList.toggle("chosen", k === i);
  }
  if (scroll) rows[i].scrollIntoView({ block: "nearest" });
  const { x, y } = data.marks[i];
  if (center) show({ ...view, x: x - view.w / 2, y: y - view.h / 2 });
  find("name").textContent = data.marks[i].name;
  const details = find("details");
  details.replaceChildren();
  data.columns.forEach((column, c) => {
    if (data.rows[i][c] === null || data.rows[i][c] === "") return;
    make("dt", {}, details, column.title);
    make("dd", {}, details, `${format(column, data.rows[i][c])} ${column.unit}`);
  });
  drawSpectrum(data.spectra[i]);
}

// Points are [energy from, to, nuFnu, lower end, upper end]; without a lower end: a limit.
function drawSpectrum(spectrum) {
  const svg = find("spectrum");
  svg.replaceChildren();
  if (!spectrum.length) {
    make("text", { x: 20, y: 30 }, svg, "no flux in bands");
    return;
  }
  const left = 62, right = 350, top = 10, bottom = 195;
  const logs = (list) => list.filter((v) => v > 0).map(Math.log10);
  const x = scale(logs(spectrum.flatMap((p) => [p[0], p[1]])), left, right);
  const values = spectrum.flatMap((p) => (p[3] === null ? [p[4], p[4] / 10] : [p[2], p[3], p[4]]));
  const most = Math.max(...values);
  const y = scale(logs(values.filter((v) => v > most / 1e4)), bottom, top);
  axis(svg, x, y, left, right, top, bottom);
  for (const [from, to, value, low, high] of spectrum) {
    const a = x.at(Math.log10(from)), b = x.at(Math.log10(to)), middle = (a + b) / 2;
    const height = (v) => y.at(Math.log10(Math.max(v, most / 1e4)));
    const line = (d) => make("path", { d, stroke: "#0072b2", fill: "none", "stroke-width": 1.5 }, svg);
    if (low === null) {
      const t = height(high);
      line(`M${a},${t}H${b}M${middle},${t}v18m-4,-5l4,5l4,-5`);
    } else {
      line(`M${a},${height(value)}H${b}M${middle},${height(low)}V${height(high)}`);
    }
  }
}

function scale(logs, start, end) {
  const low = Math.min(...logs) - 0.1, high = Math.max(...logs) + 0.1;
  return { low, high, at: (v) => start + (Math.max(v, low) - low) / (high - low) * (end - start) };
}

// Powers of ten, and 2 and 5 times these where there is room.
function ticks({ low, high }) {
  const all = [];
  for (let k = Math.floor(low); k <= high; k++) {
    for (const m of high - low < 2 ? [1, 2, 5] : [1]) {
      const v = k + Math.log10(m);
      if (v >= low && v <= high) all.push([v, `${m}e${k}`]);
    }
  }
  return all;
}

function axis(svg, x, y, left, right, top, bottom) {
  make("path", { d: `M${left},${top}V${bottom}H${right}`, stroke: "#888", fill: "none" }, svg);
  for (const [v, label] of ticks(x)) {
    make("path", { d: `M${x.at(v)},${bottom}v4`, stroke: "#888" }, svg);
    make("text", { x: x.at(v), y: bottom + 15, "text-anchor": "middle" }, svg, label);
  }
  for (const [v, label] of ticks(y)) {
    make("path", { d: `M${left},${y.at(v)}h-4`, stroke: "#888" }, svg);
    make("text", { x: left - 6, y: y.at(v) + 3, "text-anchor": "end" }, svg, label);
  }
  make("text", { x: (left + right) / 2, y: bottom + 30, "text-anchor": "middle" }, svg, "energy (MeV)");
  make("text", { x: 12, y: top + 90, transform: `rotate(-90 12 ${top + 90})`, "text-anchor": "middle" },
       svg, "nuFnu (erg cm-2 s-1)");
}

drawMap();
listenToMap();
drawGroups();
drawTable();
filter();

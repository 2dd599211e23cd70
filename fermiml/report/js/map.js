// The map: pixels of the pictures are the units, y grows downwards.

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

// Labels of the map: none covers another, a symbol, or what is more important.

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

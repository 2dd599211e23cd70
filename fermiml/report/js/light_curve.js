// The light curve of a source.

// Points are [MJD from, to, flux, lower end, upper end]; without a lower end: a limit.
function drawCurve(points) {
  const svg = find("curve");
  svg.replaceChildren();
  const left = 48, right = 350, top = 14, bottom = 125;
  const from = points[0][0], to = points[points.length - 1][1];
  const most = 1.05 * Math.max(...points.map((p) => p[4])) || 1;
  const x = (v) => left + (v - from) / (to - from) * (right - left);
  const y = (v) => bottom - Math.max(v, 0) / most * (bottom - top);
  drawLinearAxes(svg, { from, to, x }, { most, y }, left, right, top, bottom);
  for (const [start, stop, flux, low, high] of points) {
    const a = x(start), b = x(stop), middle = (a + b) / 2;
    const line = (d) => make("path", { class: "point", d }, svg);
    if (low === null) line(`M${a},${y(high)}H${b}M${middle},${y(high)}v14m-3,-4l3,4l3,-4`);
    else line(`M${a},${y(flux)}H${b}M${middle},${y(low)}V${y(high)}`);
  }
}

// The largest of 1, 2 and 5 times a power of ten that divides a length at least `parts` times.
function niceStep(length, parts) {
  const power = 10 ** Math.floor(Math.log10(length / parts));
  return power * [5, 2, 1].find((m) => m * power <= length / parts);
}

function drawLinearAxes(svg, { from, to, x }, { most, y }, left, right, top, bottom) {
  make("path", { class: "axis", d: `M${left},${top}V${bottom}H${right}` }, svg);
  const days = niceStep(to - from, 3), step = niceStep(most, 2);
  for (let v = Math.ceil(from / days) * days; v <= to; v += days) {
    make("path", { class: "axis", d: `M${x(v)},${bottom}v4` }, svg);
    make("text", { x: x(v), y: bottom + 15, "text-anchor": "middle" }, svg, String(Math.round(v * 100) / 100));
  }
  for (let v = 0; v <= most; v += step) {
    make("path", { class: "axis", d: `M${left},${y(v)}h-4` }, svg);
    make("text", { x: left - 6, y: y(v) + 3, "text-anchor": "end" }, svg, v ? v.toExponential(0) : "0");
  }
  make("text", { x: (left + right) / 2, y: bottom + 30, "text-anchor": "middle" }, svg, "MJD");
  make("text", { x: left + 4, y: top - 4 }, svg, "flux (ph cm\u207b\u00b2 s\u207b\u00b9)");
}

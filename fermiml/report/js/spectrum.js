// The spectrum of a source.

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

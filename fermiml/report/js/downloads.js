// Downloads: the sources that are shown.

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

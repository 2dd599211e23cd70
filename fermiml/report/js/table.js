// The table: rows are made when they come into view.

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

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

// Objects: the sources of the catalog and the known ones.

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

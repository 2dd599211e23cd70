// Layers, kinds of sources, light and dark.

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

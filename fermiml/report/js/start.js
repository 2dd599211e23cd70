// Everything is defined; now it is drawn.

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

"use strict";
// Draws the charts of the page. What machines say reaches the page as text only.
(() => {
  const page = JSON.parse(document.getElementById("charts").textContent);
  const tip = document.getElementById("tip");

  // A tooltip of text nodes: a bold first line, then "label value".
  function show(_handler, event, _item, value) {
    tip.hidden = !value;
    if (!value) return;
    tip.replaceChildren();
    for (const [label, text] of Object.entries(value)) {
      if (text === "" || text === "null" || text === null || text === undefined) continue;
      const line = document.createElement("div");
      if (label.trim() === "") {
        line.appendChild(document.createElement("b")).textContent = text;
      } else {
        line.appendChild(document.createElement("span")).textContent = label + " ";
        line.append(String(text));
      }
      tip.append(line);
    }
    const box = tip.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - box.width - 8);
    const below = event.clientY + 18 + box.height < document.documentElement.clientHeight;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = (below ? event.clientY + 18 : Math.max(4, event.clientY - box.height - 10)) + "px";
  }

  async function draw(place) {
    const spec = page.charts[Number(place.dataset.chart)];
    try {
      await window.drawChart(place, spec, {
        actions: false, ast: true, config: page.config, defaultStyle: false, mode: "vega-lite", renderer: "svg",
        tooltip: show,
      });
    } catch (error) {
      const failed = document.createElement("p");
      failed.className = "failed";
      failed.textContent = "This chart could not be drawn; its figures are in the table below. " + error;
      place.replaceChildren(failed);
    }
  }

  async function all() {
    for (const place of document.querySelectorAll("[data-chart]")) await draw(place);
    document.documentElement.dataset.drawn = "yes";
  }

  const opened = new Set();
  window.addEventListener("beforeprint", () => {
    for (const box of document.querySelectorAll("details:not([open])")) { opened.add(box); box.open = true; }
  });
  window.addEventListener("afterprint", () => {
    for (const box of opened) box.open = false;
    opened.clear();
  });
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  all();
})();

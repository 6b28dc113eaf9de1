// Draws the trace that the page carries as JSON. Positions come from the server, so that the picture
// is the same for everyone and nothing moves on its own.
"use strict";
(() => {
  const box = document.getElementById("trace");
  if (!box) return;
  const data = JSON.parse(document.getElementById("trace-data").textContent);
  const css = getComputedStyle(document.body);
  const probe = document.createElement("span");
  document.body.append(probe);
  const color = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const cy = cytoscape({
    container: box,
    elements: data.elements,
    layout: { name: "preset" },
    minZoom: 0.15,
    maxZoom: 2.5,
    style: [
      { selector: "node", style: {
        label: "data(label)", "font-size": 13, "font-family": css.fontFamily, color: color("--ink"),
        "text-valign": "bottom", "text-margin-y": 6, "text-wrap": "wrap", "text-max-width": 150,
        width: 26, height: 26, "background-color": color("--accent"), shape: "round-rectangle" } },
      { selector: "node[kind = 'Model']", style: { shape: "diamond", width: 34, height: 34 } },
      { selector: "node[?source]", style: { shape: "barrel" } },
      { selector: "node[?personal]", style: { "background-color": color("--warn") } },
      { selector: "node[?conflict]", style: { "background-color": color("--bad") } },
      { selector: "node[?purged]", style: { "background-opacity": 0.25, "border-width": 2, "border-color": color("--bad"), "border-style": "dashed" } },
      { selector: "edge", style: {
        width: 1.5, "line-color": color("--quiet"), "target-arrow-color": color("--quiet"),
        "target-arrow-shape": "triangle", "curve-style": "bezier" } },
      { selector: "edge[?inferred]", style: { "line-style": "dashed" } },
      { selector: ".path", style: { width: 3, "line-color": color("--accent"), "target-arrow-color": color("--accent") } },
      { selector: "node:selected", style: { "border-width": 3, "border-color": color("--ink"), "border-style": "solid" } },
    ],
  });
  probe.remove();
  cy.fit(undefined, 40);
  if (cy.zoom() > 1.2) {
    cy.zoom(1.2);
    cy.center();
  }
  const hop = document.getElementById("hop");
  const show = (node) => {
    cy.elements().removeClass("path");
    node.successors("edge").addClass("path");
    hop.replaceChildren();
    const link = document.createElement("a");
    link.href = node.data("href");
    link.textContent = node.data("name");
    hop.append(link, ` ${node.data("terms")}`);
  };
  cy.on("select", "node", (event) => show(event.target));
  cy.on("dbltap", "node", (event) => { window.location.href = event.target.data("href"); });
  // The hop list below the picture is the keyboard's and the screen reader's way through it.
  for (const item of document.querySelectorAll("[data-hop]")) {
    item.addEventListener("focus", () => {
      cy.nodes().unselect();
      cy.getElementById(item.dataset.hop).select();
    });
  }
})();

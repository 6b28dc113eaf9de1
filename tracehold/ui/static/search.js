// The search box of every page: "/" leads there, arrow keys go through what was found, Escape closes.
"use strict";
(() => {
  const box = document.getElementById("search");
  const found = document.getElementById("found");
  if (!box) return;
  const links = () => [box, ...found.querySelectorAll("a")];
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      box.focus();
    }
  });
  box.form.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const all = links();
      const next = all[all.indexOf(document.activeElement) + step];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    } else if (event.key === "Escape") {
      found.replaceChildren();
      box.focus();
    }
  });
  box.form.addEventListener("focusout", (event) => {
    if (!box.form.contains(event.relatedTarget)) found.replaceChildren();
  });
  box.addEventListener("input", () => { if (!box.value.trim()) found.replaceChildren(); });
})();

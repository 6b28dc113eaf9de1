// The way through the picture by keys: one stop of Tab, arrow keys inside.
"use strict";
(() => {
  const { WORDS } = globalThis.Lineage;
  const KEYS = { ArrowLeft: "up", ArrowRight: "down" };

  /** The box that an arrow key leads to from another; undefined where there is none. */
  function stepFrom({ places, shown }, id, key) {
    const here = places.get(id);
    const away = (other) => Math.abs(places.get(other).y - here.y);
    const nearest = (ids) => ids.sort((a, b) => away(a) - away(b))[0];
    if (KEYS[key]) {
      const [from, to] = KEYS[key] === "up" ? ["dst", "src"] : ["src", "dst"];
      return nearest(shown.links.filter((link) => link[from].box === id && link[to].box !== id).map((link) => link[to].box));
    }
    const sign = key === "ArrowUp" ? -1 : 1;
    const there = (other) => places.get(other).layer === here.layer && (places.get(other).y - here.y) * sign > 0;
    return nearest([...shown.boxes].filter(there));
  }

  function move(canvas, now, id, event) {
    const rows = [...event.target.closest(".box").querySelectorAll(".name, .row")];
    const down = event.key === "ArrowDown";
    const beside = rows[rows.indexOf(event.target) + (down ? 1 : -1)];
    if (beside && (down || event.key === "ArrowUp")) {
      beside.focus({ preventScroll: true });
      return;
    }
    const next = stepFrom(now, id, event.key);
    if (next !== undefined) canvas.focus(next);
  }

  /** Listen to keys; `state` gives what is shown now and what can be done. */
  function keyboard(host, canvas, state) {
    host.addEventListener("keydown", (event) => {
      const box = event.target.closest(".box");
      if (event.ctrlKey || event.metaKey || event.altKey || !box) return;
      const now = state();
      const id = box.dataset.box;
      const direction = event.shiftKey ? KEYS[event.key] : undefined;
      if (direction) {
        const handle = now.handles(id).find((one) => one.direction === direction);
        if (handle) void handle.act().then(() => canvas.focus(id));
        else now.say(`nothing more ${WORDS[direction][1]} ${now.nameOf({ box: id, column: null })}`);
      } else if (event.key.startsWith("Arrow")) move(canvas, now, id, event);
      else if (event.key === "Home") canvas.focus(now.focus);
      else if (event.key === "Escape" && now.chosen) now.choose(now.chosen);
      else if (event.key === "+" || event.key === "-") canvas.zoom(event.key === "+" ? 1.25 : 0.8);
      else if (event.key === "0") canvas.fit();
      else return;
      event.preventDefault();
    });
  }

  globalThis.Lineage = { ...globalThis.Lineage, keyboard };
})();

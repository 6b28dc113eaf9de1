// Draws boxes as HTML, so that they can be focused, read out and styled, and links as SVG beneath.
// Knows places and pixels; what boxes and links mean stands in lineage.js.
"use strict";
(() => {
  const { WIDTH } = globalThis.Lineage;
  const HEAD = 46;
  const ROW = 24;
  const MARGIN = 40;
  /** Below this scale boxes cannot be read. */
  const READABLE = 0.45;
  const SVG = "http://www.w3.org/2000/svg";

  /** An element: attributes that are functions are listeners, children may be text or nothing. */
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(key, value);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }

  function shape(name, attributes) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  /** The height that a box takes: its head, the rows of columns, and the one that tells of more. */
  const heightOf = (rows) => HEAD + rows * ROW + (rows ? 4 : 0);

  class Canvas {
    constructor(host) {
      this.host = host;
      this.scale = 1;
      this.shift = { x: 0, y: 0 };
      this._plane = element("div", { class: "plane" });
      this._svg = shape("svg", { class: "links", width: 1, height: 1, "aria-hidden": "true" });
      this._boxes = element("div", { class: "boxes" });
      this._plane.append(this._svg, this._boxes);
      host.append(this._plane);
      this._listen();
    }

    /** Draw a scene in place of the one before; what is new fades in. */
    render(scene) {
      const had = this._scene ? new Set(this._scene.boxes.map((box) => box.id)) : null;
      this._scene = scene;
      this._places = scene.places;
      const marker = (id) => {
        const made = shape("marker", { id, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto", markerUnits: "userSpaceOnUse" });
        made.append(shape("path", { d: "M0,0.5 L8,4 L0,7.5 z", class: id }));
        return made;
      };
      const definitions = shape("defs", {});
      definitions.append(marker("arrow"), marker("arrow-lit"));
      this._svg.replaceChildren(definitions, ...scene.links.map((link) => this._link(link)));
      const held = this._held();
      this._boxes.replaceChildren(...scene.boxes.map((box) => this._box(box, had !== null && !had.has(box.id))));
      if (held) this._find(held.id)?.querySelectorAll("button")[held.index]?.focus({ preventScroll: true });
    }

    /** Show another choice in the same picture: which links, boxes and rows are lit, what is chosen. */
    light({ links, boxes, rows, chosen }) {
      for (const group of [...this._svg.querySelectorAll(".link")]) {
        const lit = links.has(group.dataset.link);
        if (lit === group.classList.contains("lit")) continue;
        group.classList.toggle("lit", lit);
        const line = group.querySelector(".line");
        if (line.hasAttribute("marker-end")) line.setAttribute("marker-end", lit ? "url(#arrow-lit)" : "url(#arrow)");
        // What is lit lies above the rest.
        if (lit) this._svg.append(group);
      }
      this._svg.classList.toggle("choosing", links.size > 0);
      for (const box of this._boxes.children) {
        const id = box.dataset.box;
        box.classList.toggle("lit", boxes.has(id));
        box.classList.toggle("chosen", chosen?.box === id && !chosen.column);
        box.querySelector(".name").setAttribute("aria-pressed", String(chosen?.box === id && !chosen.column));
        for (const row of box.querySelectorAll("[data-column]")) {
          row.classList.toggle("lit", rows.has(row.dataset.column));
          row.setAttribute("aria-pressed", String(chosen?.column === row.dataset.column));
        }
      }
    }

    /** Which button of which box has the cursor of the keyboard. */
    _held() {
      const box = document.activeElement?.closest("#trace .box");
      if (!box) return null;
      return { id: box.dataset.box, index: [...box.querySelectorAll("button")].indexOf(document.activeElement) };
    }

    _find(id) {
      return [...this._boxes.children].find((box) => box.dataset.box === id);
    }

    _link(link) {
      const from = this._port(link.src, 1);
      const to = this._port(link.dst, 0);
      const bend = Math.max(40, Math.abs(to.x - from.x) / 2);
      const d = `M${from.x},${from.y} C${from.x + bend},${from.y} ${to.x - bend},${to.y} ${to.x - 2},${to.y}`;
      const group = shape("g", { class: `link ${link.classes}`, "data-link": link.id });
      const line = shape("path", { d, class: "line" });
      if (link.arrow) line.setAttribute("marker-end", "url(#arrow)");
      const grip = shape("path", { d, class: "grip" });
      const title = shape("title", {});
      title.textContent = link.title;
      grip.append(title);
      grip.addEventListener("click", link.choose);
      group.append(line, grip);
      if (link.sign) {
        const sign = shape("text", { class: "sign", x: (from.x + to.x) / 2, y: (from.y + to.y) / 2 + 5, "text-anchor": "middle" });
        sign.textContent = link.sign;
        group.append(sign);
      }
      return group;
    }

    _port(end, side) {
      const place = this._places.get(end.box);
      const y = end.row === null ? HEAD / 2 : HEAD + (end.row + 0.5) * ROW;
      return { x: place.x + side * WIDTH, y: place.y - end.height / 2 + y };
    }

    _box(box, isNew) {
      const place = this._places.get(box.id);
      const made = element("div", { class: `box ${box.classes}${isNew ? " new" : ""}`, role: "group", "aria-label": box.label, "data-box": box.id });
      made.style.left = `${place.x}px`;
      made.style.top = `${place.y - box.height / 2}px`;
      made.style.width = `${WIDTH}px`;
      made.style.height = `${box.height}px`;
      made.append(element("button", {
        type: "button", class: "name", tabindex: box.current ? 0 : -1, title: box.title,
        "aria-pressed": "false", "aria-label": box.spoken, click: box.choose, focus: box.focus,
      }, element("span", { class: "title" }, element("strong", {}, box.name)), element("small", {}, box.sub)));
      if (box.marks.length) {
        made.append(element("span", { class: "marks" }, box.marks.map((mark) => element("span", { class: `tag ${mark.tone}` }, mark.text))));
      }
      if (box.rows.length) {
        made.append(element("div", { class: "rows" }, box.rows.map((row) => element("button", {
          type: "button", class: "row", tabindex: -1, title: row.title, "data-column": row.column, click: row.choose,
        }, row.text))));
      }
      for (const handle of box.handles) {
        made.append(element("button", {
          type: "button", class: `handle ${handle.direction}`, tabindex: -1,
          "aria-label": handle.label, title: handle.label, click: handle.act,
        }, handle.text));
      }
      return made;
    }

    /** Put the cursor of the keyboard on a box. */
    focus(id) {
      this._find(id)?.querySelector(".name").focus({ preventScroll: true });
      this.reveal(id);
    }

    /** Move the picture just so far that a box can be seen. */
    reveal(id) {
      const place = this._places.get(id);
      if (!place) return;
      const inside = (low, high, size) => {
        if (low < MARGIN) return MARGIN - low;
        return high > size - MARGIN ? Math.max(size - MARGIN - high, MARGIN - low) : 0;
      };
      const x = place.x * this.scale + this.shift.x;
      const y = place.y * this.scale + this.shift.y;
      const half = 30 * this.scale;
      this.shift.x += inside(x, x + WIDTH * this.scale, this.host.clientWidth);
      this.shift.y += inside(y - half, y + half, this.host.clientHeight);
      this._apply();
    }

    /** Whether what stands in boxes can be read. */
    get readable() {
      return this.scale >= READABLE;
    }

    /** Show all of it, or as much as can still be read. */
    fit(around) {
      if (!this._scene) return;
      const places = this._scene.boxes.map((box) => ({ ...this._places.get(box.id), half: box.height / 2 }));
      const left = Math.min(...places.map((one) => one.x));
      const right = Math.max(...places.map((one) => one.x + WIDTH));
      const top = Math.min(...places.map((one) => one.y - one.half));
      const bottom = Math.max(...places.map((one) => one.y + one.half));
      const { clientWidth, clientHeight } = this.host;
      const whole = Math.min((clientWidth - 2 * MARGIN) / (right - left), (clientHeight - 2 * MARGIN) / (bottom - top));
      this.scale = Math.min(1, Math.max(whole, 0.1));
      this.shift = {
        x: (clientWidth - (left + right) * this.scale) / 2,
        y: (clientHeight - (top + bottom) * this.scale) / 2,
      };
      if (around !== undefined && whole < READABLE) {
        // Too much to be read at once: begin at what the picture is about.
        this.scale = 0.8;
        const place = this._places.get(around);
        this.shift = { x: clientWidth / 2 - (place.x + WIDTH / 2) * this.scale, y: clientHeight / 2 - place.y * this.scale };
      }
      this._apply();
    }

    /** Keep a box where it is on the screen although the picture has changed. */
    hold(before, after) {
      this.shift.x += (before.x - after.x) * this.scale;
      this.shift.y += (before.y - after.y) * this.scale;
      this._apply();
    }

    zoom(factor, at = { x: this.host.clientWidth / 2, y: this.host.clientHeight / 2 }) {
      const scale = Math.min(2, Math.max(0.1, this.scale * factor));
      this.shift.x = at.x - ((at.x - this.shift.x) * scale) / this.scale;
      this.shift.y = at.y - ((at.y - this.shift.y) * scale) / this.scale;
      this.scale = scale;
      this._apply();
    }

    _apply() {
      this._plane.style.transform = `translate(${this.shift.x}px, ${this.shift.y}px) scale(${this.scale})`;
    }

    _listen() {
      const { host } = this;
      host.addEventListener("wheel", (event) => {
        // Without a key the wheel scrolls the page, as it does everywhere else on it.
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        const frame = host.getBoundingClientRect();
        this.zoom(Math.exp(-event.deltaY / 300), { x: event.clientX - frame.left, y: event.clientY - frame.top });
      }, { passive: false });
      let held = null;
      host.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 || event.target.closest("button, .grip")) return;
        held = { x: event.clientX - this.shift.x, y: event.clientY - this.shift.y };
        host.setPointerCapture(event.pointerId);
      });
      host.addEventListener("pointermove", (event) => {
        if (!held) return;
        this.shift = { x: event.clientX - held.x, y: event.clientY - held.y };
        this._apply();
      });
      for (const end of ["pointerup", "pointercancel"]) host.addEventListener(end, () => { held = null; });
    }
  }

  globalThis.Lineage = { ...globalThis.Lineage, Canvas, element, heightOf };
})();

// What is known of a lineage graph, and how much of it is shown. Answers of GET /api/v1/trace go in;
// boxes (a dataset with the columns that matter, or a model) and links come out. No DOM in here.
"use strict";
(() => {
  // Limits that end a walk: behind them there may be more than an answer says.
  const CUT = new Set(["nodes", "edges", "time", "bytes"]);
  const HIDDEN = "hidden-";

  const quote = (part, reserved) =>
    [...part].map((char) => (char === "%" || reserved.includes(char)
      ? `%${char.charCodeAt(0).toString(16).toUpperCase()}` : char)).join("");
  const datasetRef = (namespace, name) => `dataset:[${quote(namespace, "[]")}]${quote(name, "@#")}`;
  const near = (link, direction) => (direction === "up" ? link.dst : link.src);
  const far = (link, direction) => (direction === "up" ? link.src : link.dst);

  class Graph {
    constructor() {
      this.boxes = new Map();
      this.links = new Map();
      this.focus = null;
      this.opened = new Set();
      this.pinned = new Set();
      this._places = new Map();
      this._refs = new Map();
      this._starts = new Map();
      this._beside = { up: new Map(), down: new Map() };
      this._first = new Set();
    }

    /** Take an answer in; returns the box that it begins with, and all that it names. */
    merge(answer, depth) {
      const { direction } = answer;
      const place = (key) =>
        this._places.get(key.startsWith(HIDDEN) ? `${answer.ref} ${direction} ${key}` : key);
      for (const node of answer.nodes) this._enter(node, `${answer.ref} ${direction}`);
      const [first] = answer.nodes;
      if (first && (first.depth === 0 || !this._starts.has(answer.ref))) {
        this._starts.set(answer.ref, place(first.key));
      }
      const start = this._starts.get(answer.ref);
      const boxes = new Set(answer.nodes.map((node) => place(node.key).box));
      // An answer about the ways to one thing leaves out what else is there.
      const cut = answer.to !== null || answer.next !== null || answer.reasons.some((reason) => CUT.has(reason.code));
      const offset = answer.columns && start && start.column === null ? 1 : 0;
      let deepest = 0;
      for (const node of answer.nodes) {
        deepest = Math.max(deepest, node.depth);
        const whole = depth === null || node.depth < depth + offset;
        if (!cut && whole) this.boxes.get(place(node.key).box).all[direction] = true;
      }
      for (const edge of answer.edges) {
        const src = place(edge.src);
        const dst = place(edge.dst);
        if (!src || !dst || src.box === dst.box) continue;
        this._join(src, dst, edge);
      }
      if (!start || answer.to !== null) return { start: start?.box ?? null, boxes };
      const box = this.boxes.get(start.box);
      // Nodes come nearest first: where one of the next level is there, this one is complete.
      if (!cut || deepest > 1 + offset) box.all[direction] = true;
      box.next[direction] = box.all[direction] ? null : answer.next;
      return { start: start.box, boxes };
    }

    /** Take from an answer what it says of things, and not how they are joined. */
    note(answer) {
      for (const node of answer.nodes) if (node.label !== "Hidden") this._enter(node, "");
    }

    /** Say what the picture is about: what the first answer began with. */
    begin(answer) {
      const start = this._starts.get(answer.ref);
      this.focus = start.box;
      this._first = start.column !== null
        ? new Set([start.column])
        : new Set(this.boxes.get(start.box).columns.keys());
    }

    _enter(node, asked) {
      let id = node.key;
      let entry = node.key;
      // A hidden thing has no key: which one it is, only its own answer knows.
      if (node.label === "Hidden") id = entry = `${asked} ${node.key}`;
      else if (node.label !== "Model" && node.name) id = `${node.namespace}\n${node.name}`;
      let box = this.boxes.get(id);
      if (!box) {
        box = {
          id, kind: node.label === "Column" ? "Dataset" : node.label, key: null, name: node.name,
          namespace: node.namespace, version: node.version, notes: {}, columns: new Map(),
          ref: node.label === "Column" ? datasetRef(node.namespace, node.name) : node.ref,
          all: { up: false, down: false }, next: { up: null, down: null },
        };
        this.boxes.set(id, box);
      }
      const place = { box: id, column: null };
      if (node.label === "Column") {
        place.column = node.key;
        box.columns.set(node.key, { key: node.key, field: node.field, ref: node.ref, notes: node.annotations });
      } else {
        Object.assign(box, { key: node.label === "Hidden" ? null : node.key, ref: node.ref, notes: node.annotations });
      }
      this._places.set(entry, place);
      if (node.label !== "Hidden") this._refs.set(node.ref, place);
      return place;
    }

    _join(src, dst, edge) {
      const id = JSON.stringify([src.box, src.column, dst.box, dst.column]);
      let link = this.links.get(id);
      if (!link) {
        link = { id, src, dst, ways: new Map() };
        this.links.set(id, link);
        for (const [side, at] of [["up", dst.box], ["down", src.box]]) {
          if (!this._beside[side].has(at)) this._beside[side].set(at, []);
          this._beside[side].get(at).push(link);
        }
      }
      link.ways.set(JSON.stringify([edge.type, edge.job, edge.kind, edge.role]), edge);
    }

    /** Where a thing that some answer named stands. */
    placeOf(ref) {
      return this._refs.get(ref) ?? null;
    }

    /** The links that lead on from a box in a direction. */
    beside(id, direction) {
      return this._beside[direction].get(id) ?? [];
    }

    isOpen(id, direction) {
      return this.opened.has(`${direction} ${id}`);
    }

    /** Show, or hide again, what stands next to a box. */
    set(id, direction, open) {
      this.opened[open ? "add" : "delete"](`${direction} ${id}`);
    }

    /** Open every box from which an answer went on, so that all of it is shown. */
    openAll(direction, from) {
      const seen = new Set([from]);
      const pending = [from];
      while (pending.length) {
        const id = pending.pop();
        this.set(id, direction, true);
        for (const link of this.beside(id, direction)) {
          const next = far(link, direction).box;
          if (!seen.has(next)) {
            seen.add(next);
            pending.push(next);
          }
        }
      }
    }

    /** What is shown now: ids of boxes, keys of columns, and the links among them. */
    shown() {
      const boxes = new Set([this.focus, ...this.pinned]);
      const columns = new Set(this._first);
      const visible = (end) => boxes.has(end.box) && (end.column === null || columns.has(end.column));
      for (const id of this.pinned) for (const key of this.boxes.get(id).columns.keys()) columns.add(key);
      for (let grown = true; grown;) {
        grown = false;
        for (const entry of this.opened) {
          const [direction, id] = [entry.slice(0, entry.indexOf(" ")), entry.slice(entry.indexOf(" ") + 1)];
          if (!boxes.has(id)) continue;
          for (const link of this.beside(id, direction)) {
            const end = far(link, direction);
            if (!visible(near(link, direction)) || visible(end)) continue;
            boxes.add(end.box);
            if (end.column !== null) columns.add(end.column);
            grown = true;
          }
        }
      }
      const links = [...this.links.values()].filter((link) => visible(link.src) && visible(link.dst));
      return { boxes, columns, links };
    }

    /** How many boxes next to one are known and not shown. */
    further(id, direction, shown) {
      const waiting = new Set();
      for (const link of this.beside(id, direction)) {
        const end = near(link, direction);
        if (end.column !== null && !shown.columns.has(end.column)) continue;
        const other = far(link, direction).box;
        if (!shown.boxes.has(other)) waiting.add(other);
      }
      return waiting.size;
    }

    /**
     * The links on any shown way between two ends of links, whichever way data flows; where none
     * leads from the one to the other, all that lies before and behind the second.
     */
    ways(from, to, shown) {
      const reach = (start, direction) => {
        const links = new Set();
        const seen = new Set([port(start)]);
        const pending = [start];
        while (pending.length) {
          const at = pending.pop();
          for (const link of this.beside(at.box, direction)) {
            if (!lit.has(link) || !(at.column === null || near(link, direction).column === null
              || near(link, direction).column === at.column)) continue;
            links.add(link);
            const next = far(link, direction);
            if (!seen.has(port(next))) {
              seen.add(port(next));
              pending.push(next);
            }
          }
        }
        return links;
      };
      const port = (end) => JSON.stringify([end.box, end.column]);
      const lit = new Set(shown.links);
      const [up, down] = [reach(to, "up"), reach(to, "down")];
      if (from !== null) {
        const both = (a, b) => [...a].filter((link) => b.has(link));
        const found = [...both(up, reach(from, "down")), ...both(down, reach(from, "up"))];
        if (found.length) return new Set(found);
      }
      return new Set([...up, ...down]);
    }
  }

  globalThis.Lineage = { ...globalThis.Lineage, Graph };
})();

// The lineage of one thing, as a picture that grows: it begins one hop each way and opens on click.
// Asks GET /api/v1/trace; a page for the archive carries its answer and asks nobody.
"use strict";
(() => {
  const host = document.getElementById("trace");
  if (!host) return;
  const {
    Canvas, Graph, WORDS, arrange, ask, clean, details, each, found, heightOf, keyboard, pii, stateOf, tables,
  } = globalThis.Lineage;
  const config = JSON.parse(document.getElementById("trace-data").textContent);
  const asked = { view: config.view, as_of: config.as_of, known_at: config.known_at, columns: config.columns, rollup: config.rollup };
  // One level is shown; the next is asked for as well, to tell how much more there is.
  const DEPTH = 2;
  const PAGE = 200;
  const WHOLE = 500;
  const ROWS = 12;
  const JOBS_AT_ONCE = 100;
  const TABLE_BOXES = 150;

  const canvas = new Canvas(host);
  const said = document.getElementById("said");
  const panel = document.getElementById("hop");
  const list = document.getElementById("trace-table");
  const standing = document.getElementById("standing");
  const wide = new Set();
  let graph = new Graph();
  let places = new Map();
  let shown = { boxes: new Set(), columns: new Set(), links: [] };
  let lineOf = new Map();
  let chosen = null;
  let current = null;
  let runs = new Map();
  let answers = [];
  let turn = 0;

  // Asking

  async function load(ref, direction, { depth = DEPTH, limit = PAGE, after = "", to = "" } = {}) {
    const mine = graph;
    const answer = await ask("trace", { ...asked, ref, direction, depth, limit, after, to });
    if (mine !== graph) throw Object.assign(new Error(""), { code: "outrun" });
    answers.push(answer);
    const taken = graph.merge(answer, depth);
    if (asked.columns && taken.start) {
      // An answer about columns says nothing about their tables.
      const tables = await ask("trace", { ...asked, columns: false, ref: graph.boxes.get(taken.start).ref, direction: answer.direction, depth, limit });
      if (mine === graph) graph.note(tables);
    }
    return { answer, ...taken };
  }

  /** Do what can fail: what went wrong is said, and the picture stays as it was. */
  async function guarded(task) {
    host.setAttribute("aria-busy", "true");
    say("");
    try {
      await task();
    } catch (error) {
      if (error.code !== "outrun") say(error.message, true);
    }
    host.removeAttribute("aria-busy");
  }

  function say(text, wrong = false) {
    said.textContent = text;
    said.classList.toggle("error", wrong);
  }

  // Beginning, and beginning again as of another moment

  async function begin(fit = true) {
    const last = { graph, answers, runs, chosen };
    const mine = graph = new Graph();
    answers = [];
    runs = new Map();
    chosen = null;
    try {
      await refill(last.graph.opened);
    } catch (error) {
      if (graph === mine && last.graph.focus !== null) ({ graph, answers, runs, chosen } = last);
      throw error;
    }
    current = graph.focus;
    draw({ fit });
  }

  async function refill(kept) {
    if (config.answer) {
      answers.push(config.answer);
      graph.merge(config.answer, null);
      if (!config.answer.nodes.length) throw new Error("nothing to show");
      graph.begin(config.answer);
      for (const id of graph.boxes.keys()) graph.pinned.add(id);
      return;
    }
    const [up] = await Promise.all(["up", "down"].map((direction) => load(config.ref, direction)));
    graph.begin(up.answer);
    for (const direction of ["up", "down"]) graph.set(graph.focus, direction, true);
    for (;;) {
      const { boxes } = graph.shown();
      const todo = [...kept].filter((entry) => !graph.opened.has(entry) && boxes.has(entry.slice(entry.indexOf(" ") + 1)));
      if (!todo.length) break;
      await each(todo, async (entry) => {
        const [direction, id] = [entry.slice(0, entry.indexOf(" ")), entry.slice(entry.indexOf(" ") + 1)];
        await fill(graph.boxes.get(id), direction);
        graph.set(id, direction, true);
      });
    }
  }

  /** Ask for what stands next to a box, and one level on, where that is not known yet. */
  async function fill(box, direction) {
    if (box.kind === "Hidden" || config.answer) return;
    const far = graph.beside(box.id, direction).map((link) => graph.boxes.get((direction === "up" ? link.src : link.dst).box));
    if (box.all[direction] && far.every((one) => one.all[direction] || one.kind === "Hidden")) return;
    try {
      await load(box.ref, direction, { after: box.next[direction] ?? "" });
    } catch (error) {
      if (error.code !== "stale-cursor") throw error;
      await load(box.ref, direction);
    }
  }

  async function toggle(box, direction) {
    const close = graph.isOpen(box.id, direction) && box.all[direction];
    const before = shown.boxes.size;
    if (!close) await fill(box, direction);
    graph.set(box.id, direction, !close);
    draw({ hold: box.id });
    const change = shown.boxes.size - before;
    const name = nameOf({ box: box.id, column: null });
    if (change > 0) say(`${change} more ${WORDS[direction][1]} ${name}`);
    else if (change < 0) say(`${-change} fewer ${WORDS[direction][1]} ${name}`);
    else say(`nothing more ${WORDS[direction][1]} ${name}`);
  }

  async function everything(direction) {
    if (graph.focus === null) return;
    const { answer, start } = await load(config.ref, direction, { depth: null, limit: WHOLE });
    graph.openAll(direction, start);
    draw({ fit: true });
    const of = answer.total ?? "more";
    say(answer.next ? `the nearest ${answer.nodes.length} of ${of}; open the rest where you need it` : `everything ${WORDS[direction][1]} it: ${answer.nodes.length - 1}`);
  }

  async function wayTo(name) {
    if (graph.focus === null) return;
    const { answer, boxes } = await load(config.ref, "", { depth: null, limit: WHOLE, to: name });
    if (!answer.nodes.length) {
      say(`no way leads from here to ${clean(answer.to)}`);
      return;
    }
    const end = graph.placeOf(answer.to);
    for (const id of boxes) graph.pinned.add(id);
    chosen = end ? { box: end.box, column: end.column } : null;
    draw({ fit: true });
    say(`${answer.nodes.length} things on the ways to ${clean(answer.to)}`);
  }

  // Saying what is there

  const boxOf = (id) => graph.boxes.get(id);

  function nameOf(end) {
    const box = boxOf(end.box);
    const name = box.kind === "Hidden" ? "hidden" : clean(box.name) || clean(box.ref);
    if (end.column) return `${name}.${clean(box.columns.get(end.column).field)}`;
    return box.kind === "Model" && box.version ? `${name}@${clean(box.version)}` : name;
  }

  const kindOf = (box) => (box.kind === "Hidden" ? "you may not see it" : [box.kind.toLowerCase(), clean(box.namespace)].filter(Boolean).join(" · "));

  function marksOf(box) {
    const { notes } = box;
    return [
      notes.purged ? { text: "purged", tone: "bad" } : null,
      config.conflicts.includes(box.ref) ? { text: "against the license", tone: "bad" } : null,
      notes.holds?.length ? { text: "hold", tone: "warn" } : null,
      found(notes)?.length ? { text: "personal data", tone: "warn" } : null,
      notes.content ? { text: "passed on", tone: "" } : null,
    ].filter(Boolean);
  }

  function handlesOf(box) {
    if (box.kind === "Hidden" || config.answer) return [];
    return ["up", "down"].flatMap((direction) => {
      const open = graph.isOpen(box.id, direction);
      const all = box.all[direction];
      const further = graph.further(box.id, direction, shown);
      if (all && !(open ? graph.beside(box.id, direction).length : further)) return [];
      const close = open && all;
      const name = nameOf({ box: box.id, column: null });
      const text = close ? "−" : further ? `+${further}` : "+";
      const label = close ? `Hide ${WORDS[direction][0]} ${name}` : `Show ${WORDS[direction][0]} ${name}${further ? ` (${further}${all ? "" : " or more"})` : ""}`;
      const spoken = close ? `open ${WORDS[direction][1]}` : `${further || "perhaps"} more ${WORDS[direction][1]}`;
      return [{ direction, text, label, spoken, brief: `${text} ${WORDS[direction][1]}`, act: () => guarded(() => toggle(box, direction)) }];
    });
  }

  // Drawing

  /** Rows of columns of a box, and at which row a link to a column ends. */
  function rowsOf(box, joined) {
    const order = (a, b) => joined.has(b.key) - joined.has(a.key) || (a.field < b.field ? -1 : 1);
    const columns = [...box.columns.values()].filter((one) => shown.columns.has(one.key)).sort(order);
    const cut = columns.length > ROWS + 1 && !wide.has(box.id);
    const listed = cut ? columns.slice(0, ROWS) : columns;
    const at = new Map(columns.map((one, index) => [one.key, Math.min(index, cut ? ROWS : index)]));
    const more = cut || wide.has(box.id)
      ? [{ text: cut ? `${columns.length - ROWS} more columns` : "fewer columns", title: "", column: null,
          choose: () => { if (!wide.delete(box.id)) wide.add(box.id); draw({ hold: box.id }); } }]
      : [];
    return { listed, at, more, count: listed.length + more.length };
  }

  const aside = (id, other) => Math.abs(places.get(id).y - places.get(other).y);

  function allRows(boxes) {
    const joined = new Set(shown.links.flatMap((link) => [link.src.column, link.dst.column]));
    return new Map(boxes.map((box) => [box.id, rowsOf(box, joined)]));
  }

  function draw({ fit = false, hold = null } = {}) {
    const before = hold === null ? null : places.get(hold);
    const had = shown.boxes;
    shown = graph.shown();
    if (chosen && !chosen.link && !shown.boxes.has(chosen.box)) chosen = null;
    if (!shown.boxes.has(current)) current = graph.focus;
    const boxes = [...shown.boxes].map(boxOf);
    const rows = allRows(boxes);
    const size = (box) => heightOf(rows.get(box.id).count);
    places = arrange(
      boxes.map((box) => ({ id: box.id, name: `${box.name}\n${box.namespace}`, height: size(box) })),
      shown.links.map((link) => [link.src.box, link.dst.box]), graph.focus, fit ? new Map() : places,
    );
    paint(boxes, rows, size);
    if (fit) canvas.fit(graph.focus);
    // What is left of a picture that was too large to be read is looked at from nearer.
    else if (!canvas.readable && boxes.length < had.size) canvas.fit();
    else if (before) {
      canvas.hold(before, places.get(hold));
      const [first] = boxes.filter((box) => !had.has(box.id)).sort((a, b) => aside(a.id, hold) - aside(b.id, hold));
      for (const id of first ? [first.id, hold] : [hold]) canvas.reveal(id);
    }
    if (boxes.length > TABLE_BOXES && list.open) list.open = false;
    if (list.open) list.lastElementChild.replaceChildren(...tables(view()));
    tell(boxes.length);
    void lookAtRuns();
  }

  function paint(boxes, rows, size) {
    const end = (one) => ({ box: one.box, row: one.column === null ? null : rows.get(one.box).at.get(one.column), height: size(boxOf(one.box)) });
    // Links of columns that are not listed meet in one row: one line stands for them.
    const lines = new Map();
    lineOf = new Map();
    for (const link of shown.links) {
      const [src, dst] = [end(link.src), end(link.dst)];
      const id = JSON.stringify([src.box, src.row, dst.box, dst.row]);
      if (!lines.has(id)) lines.set(id, { id, src, dst, ...sceneLink(link) });
      lineOf.set(link, id);
    }
    canvas.render({
      places,
      boxes: boxes.map((box) => sceneBox(box, rows.get(box.id), size(box))),
      links: [...lines.values()],
    });
    light();
  }

  /** Show what is chosen, and the ways to it. */
  function light() {
    const lit = [...litLinks()];
    canvas.light({
      chosen: chosen?.link ? null : chosen,
      links: new Set(lit.map((link) => lineOf.get(link))),
      boxes: new Set(lit.flatMap((link) => [link.src.box, link.dst.box])),
      rows: new Set(lit.flatMap((link) => [link.src.column, link.dst.column])),
    });
    panel.replaceChildren(...details(view()));
  }

  function sceneBox(box, rows, height) {
    const name = nameOf({ box: box.id, column: null });
    const marks = marksOf(box);
    const handles = handlesOf(box);
    const kind = kindOf(box);
    return {
      id: box.id, height, marks, handles, name: box.kind === "Dataset" ? name.slice(name.lastIndexOf("/") + 1) || name : name, sub: kind,
      label: name, title: `${name}\n${kind}`, current: current === box.id,
      spoken: [name, kind, ...marks.map((mark) => mark.text), pii(box.notes), ...handles.map((handle) => handle.spoken)].filter(Boolean).join(", "),
      classes: [box.kind.toLowerCase(), box.id === graph.focus ? "focus" : "", marks.some((one) => one.tone === "bad") ? "bad" : marks.some((one) => one.tone === "warn") ? "warn" : ""].filter(Boolean).join(" "),
      choose: () => choose({ box: box.id }),
      focus: () => { current = box.id; },
      rows: [...rows.listed.map((column) => ({
        text: [clean(column.field), ...(found(box.notes) ?? []).filter((type) => box.notes.pii[type].includes(column.field)).map(clean)].join(" · "),
        title: clean(column.ref), column: column.key,
        choose: () => choose({ box: box.id, column: column.key }),
      })), ...rows.more],
    };
  }

  function sceneLink(link) {
    const ways = [...link.ways.values()];
    const same = ways.every((edge) => edge.type === "SAME_AS");
    const derived = ways.every((edge) => edge.kind.startsWith("derived"));
    const states = ways.map((edge) => runs.get(edge.job)).filter(Boolean).map(stateOf);
    const trouble = states.find((text) => /^[✗?]/u.test(text)) ?? states.find((text) => text.startsWith("▸"));
    return {
      arrow: !same, sign: link.src.column === null && link.dst.column === null ? trouble?.[0] ?? "" : "",
      classes: [same ? "same" : derived ? "derived" : ways.every((edge) => edge.inferred) ? "inferred" : "known", trouble?.startsWith("✗") ? "failed" : ""].join(" "),
      title: `${nameOf(link.src)} → ${nameOf(link.dst)}: ${ways.map((edge) => [clean(edge.job_name), edge.kind, stateOf(runs.get(edge.job))].filter(Boolean).join(" · ")).join(", ")}`,
      choose: () => choose({ link }),
    };
  }

  function litLinks() {
    if (!chosen) return new Set();
    if (chosen.link) return new Set([chosen.link]);
    if (chosen.column) return graph.ways(null, { box: chosen.box, column: chosen.column }, shown);
    if (chosen.box === graph.focus) return new Set();
    return graph.ways({ box: graph.focus, column: null }, { box: chosen.box, column: null }, shown);
  }

  function choose(what) {
    const same = chosen && chosen.box === what.box && chosen.column === what.column && chosen.link === what.link;
    chosen = same ? null : what;
    if (what.box) current = what.box;
    light();
    if (what.box) canvas.reveal(what.box);
  }

  /** The same picture with other states of runs. */
  function redraw() {
    const boxes = [...shown.boxes].map(boxOf);
    const rows = allRows(boxes);
    paint(boxes, rows, (box) => heightOf(rows.get(box.id).count));
  }

  const view = () => ({
    shown, runs, offline: Boolean(config.answer), focus: graph.focus, nameOf, kindOf, choose, handles: handlesOf,
    chosen: !chosen ? null : chosen.link ? chosen : { box: boxOf(chosen.box), column: chosen.column ? boxOf(chosen.box).columns.get(chosen.column) : null },
    order: () => [...shown.boxes].sort((a, b) => places.get(a).x - places.get(b).x || places.get(a).y - places.get(b).y).map(boxOf),
  });

  /** How much is shown, of when, by whom, and what the answers are short of. */
  function tell(count) {
    const reasons = new Map(answers.flatMap((answer) => answer.reasons).filter((one) => one.code !== "depth").map((one) => [one.code, one]));
    const missing = [...reasons.values()].some((one) => one.missing);
    const [first] = answers;
    const more = [...shown.boxes].some((id) => ["up", "down"].some((direction) => !boxOf(id).all[direction] || graph.further(id, direction, shown)));
    const mark = document.createElement("span");
    mark.className = `tag ${missing ? "bad" : "good"}`;
    mark.textContent = missing ? "incomplete" : more && !config.answer ? "more can be opened" : "complete";
    const about = [`${count} shown`, `as of ${first.as_of}`, `known at fact ${first.known_at}`, `answered by ${first.answered_by}`, ...[...reasons.values()].map((one) => clean(one.text))];
    standing.replaceChildren(mark, ` ${about.join(" · ")}`);
  }

  /** What the newest run of each shown job came to; asked many at a time, once. */
  async function lookAtRuns() {
    if (config.answer) return;
    const mine = ++turn;
    const known = runs;
    const named = shown.links.flatMap((link) => [...link.ways.values()].map((edge) => edge.job));
    const jobs = [...new Set(named)].filter((job) => job.startsWith("job:[") && !known.has(job));
    const parts = [];
    for (let start = 0; start < jobs.length; start += JOBS_AT_ONCE) parts.push(jobs.slice(start, start + JOBS_AT_ONCE));
    await each(parts, async (part) => {
      if (mine !== turn) return;
      const answer = await ask("newest", { jobs: JSON.stringify(part), as_of: asked.as_of }).catch(() => ({ items: [] }));
      for (const job of part) known.set(job, null);
      for (const run of answer.items) known.set(run.job, run);
    });
    if (mine === turn && known === runs && jobs.some((job) => known.get(job) && known.get(job).state !== "COMPLETE")) redraw();
  }

  keyboard(host, canvas, () => ({ places, shown, focus: graph.focus, chosen, choose, say, nameOf, handles: (id) => handlesOf(boxOf(id)) }));

  // The tools

  for (const button of document.querySelectorAll("[data-zoom]")) {
    button.addEventListener("click", () => (button.dataset.zoom === "fit" ? canvas.fit() : canvas.zoom(Number(button.dataset.zoom))));
  }
  for (const button of document.querySelectorAll("[data-all]")) {
    button.addEventListener("click", () => guarded(() => everything(button.dataset.all)));
  }
  list.addEventListener("toggle", () => {
    if (list.open && graph.focus) list.lastElementChild.replaceChildren(...tables(view()));
  });
  document.getElementById("way")?.addEventListener("submit", (event) => {
    event.preventDefault();
    const name = new FormData(event.target).get("to").trim();
    if (name) guarded(() => wayTo(name));
  });
  const form = document.getElementById("moment");
  form?.addEventListener("change", () => {
    const given = new FormData(form);
    const fit = asked.columns !== (given.get("columns") === "true");
    for (const name of ["view", "as_of", "known_at"]) asked[name] = given.get(name) ?? "";
    for (const name of ["columns", "rollup"]) asked[name] = given.get(name) === "true";
    const query = new URLSearchParams(Object.entries(asked).filter(([name, value]) => value && !(name === "view" && value === "structural")));
    history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
    guarded(() => begin(fit));
  });
  form?.addEventListener("submit", (event) => event.preventDefault());

  guarded(() => begin());
})();

// What stands beside the picture: the thing that is chosen, and the whole picture as tables.
"use strict";
(() => {
  const { clean, element } = globalThis.Lineage;
  const PAGES = { Dataset: "/datasets", Model: "/models", Column: "/columns" };
  // What stands on either side, and where.
  const WORDS = { up: ["what feeds", "before"], down: ["what is made from", "behind"] };

  /** The short form of an annotation. */
  function short(value) {
    if (value === null || value === undefined) return "";
    if (Array.isArray(value)) return value.map(short).join(", ");
    if (typeof value !== "object") return clean(value);
    return clean(value.short ?? value.class ?? Object.keys(value).join(", "));
  }

  /** Types of personal data that were found; null where nobody looked. */
  const found = (notes) => (notes.pii ? Object.keys(notes.pii).sort() : null);
  const pii = (notes) => (found(notes) ? found(notes).map(clean).join(", ") || "none found" : "");
  const retention = (notes) => [
    notes.retention ? short(notes.retention) + (notes.retention.due ? `, due ${notes.retention.due}` : "") : "",
    notes.purged ? "purged" : "",
    ...(notes.holds ?? []).map((hold) => `hold ${clean(hold)}`),
  ].filter(Boolean).join("; ");

  const FACTS = [
    ["License", (notes) => short(notes.license)], ["Purpose", (notes) => short(notes.purposes)],
    ["Personal data", pii], ["Retention", retention], ["Owner", (notes) => short(notes.owner)],
    ["Content", (notes) => short(notes.content)],
  ];

  const NAMED = new Set(["license", "purposes", "pii", "retention", "purged", "holds", "owner", "content"]);

  /** What else annotators say, by the name they give it. */
  const further = (notes) => Object.entries(notes).filter(([name]) => !NAMED.has(name))
    .map(([name, value]) => [clean(name).replaceAll("_", " "), short(value)]);

  const STATES = { FAIL: "✗ failed", ABORT: "✗ aborted", RUNNING: "▸ running", START: "▸ started", STALE: "? stale", COMPLETE: "✓ complete", OTHER: "other" };
  const stateOf = (run) => (run ? STATES[run.state] ?? clean(run.state) : "");

  /** A link to the page of a thing, or its bare name where it has none. */
  function pageLink(kind, key, name, offline) {
    return PAGES[kind] && key && !offline ? element("a", { href: `${PAGES[kind]}/${key}` }, name) : element("span", {}, name);
  }

  /** One way in which data moves, as a line: the job, how it is known, what its newest run came to. */
  function way(edge, view) {
    const job = clean(edge.job_name);
    const masking = edge.props?.masking === true ? "masked" : edge.props?.masking === "unknown" ? "masking unknown" : "";
    const about = [edge.kind, edge.inferred ? "inferred" : "", edge.role ? `role ${clean(edge.role)}` : "", masking, stateOf(view.runs.get(edge.job))];
    const named = job && !view.offline
      ? element("a", { href: `/open?ref=${encodeURIComponent(edge.job)}` }, job) : job;
    return element("span", {}, named, ` ${about.filter(Boolean).join(" · ")}`);
  }

  function neighbors(view, links, side) {
    return element("ul", {}, links.map((link) => element("li", {},
      element("button", { type: "button", class: "plain", click: () => view.choose({ box: link[side].box }) }, view.nameOf(link[side])),
      " ", [...link.ways.values()].map((edge, index) => [index ? ", " : "", way(edge, view)]))));
  }

  /** The thing that is chosen, with what can be done about it. */
  function details(view) {
    const { chosen } = view;
    if (!chosen) return [element("p", { class: "quiet" }, "Choose a box or a line to see what is known of it.")];
    if (chosen.link) {
      const { link } = chosen;
      return [
        element("h3", {}, `${view.nameOf(link.src)} → ${view.nameOf(link.dst)}`),
        element("ul", {}, [...link.ways.values()].map((edge) => element("li", {}, way(edge, view)))),
      ];
    }
    const { box, column } = chosen;
    const notes = column ? column.notes : box.notes;
    const facts = [...FACTS.map(([name, read]) => [name, read(notes)]), ...further(notes)].filter(([, said]) => said);
    const about = (link, side) => link[side].box === box.id && (!column || link[side].column === column.key);
    const into = view.shown.links.filter((link) => about(link, "dst"));
    const out = view.shown.links.filter((link) => about(link, "src"));
    const name = view.nameOf({ box: box.id, column: column ? column.key : null });
    return [
      element("h3", {}, column ? pageLink("Column", column.key, name, view.offline) : pageLink(box.kind, box.key, name, view.offline),
        " ", element("span", { class: "quiet" }, view.kindOf(box))),
      element("div", { class: "acts" }, view.handles(box).map((handle) =>
        element("button", { type: "button", class: "plain", click: handle.act }, handle.label)),
      box.id !== view.focus && box.key && !view.offline && PAGES[box.kind]
        ? element("a", { class: "button", href: `${PAGES[box.kind]}/${box.key}` }, "Open its page") : null),
      facts.length ? element("dl", { class: "facts" }, facts.map(([term, said]) => [element("dt", {}, term), element("dd", {}, said)])) : null,
      into.length ? [element("h4", {}, "Fed by"), neighbors(view, into, "src")] : null,
      out.length ? [element("h4", {}, "Feeds"), neighbors(view, out, "dst")] : null,
    ].flat().filter(Boolean);
  }

  function table(label, columns, rows) {
    return element("div", { class: "scroll" }, element("table", { "aria-label": label },
      element("caption", {}, `${label}: ${rows.length}`),
      element("thead", {}, element("tr", {}, columns.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, rows)));
  }

  /** The picture as two tables: what is shown, and along what data flows. */
  function tables(view) {
    const fed = new Map();
    const feeds = new Map();
    for (const { src, dst } of view.shown.links) {
      for (const [map, at, other] of [[fed, dst.box, src.box], [feeds, src.box, dst.box]]) {
        if (!map.has(at)) map.set(at, new Set());
        map.get(at).add(other);
      }
    }
    const count = (map, box) => (map.get(box.id)?.size ?? 0);
    const things = view.order().map((box) => element("tr", {},
      element("td", {}, element("button", { type: "button", class: "plain", "data-hop": box.ref, click: () => view.choose({ box: box.id }) },
        view.nameOf({ box: box.id, column: null })), " ", element("span", { class: "quiet" }, view.kindOf(box))),
      element("td", {}, String(count(fed, box))), element("td", {}, String(count(feeds, box))),
      FACTS.slice(0, 4).map(([, read]) => element("td", {}, read(box.notes))),
      element("td", {}, view.handles(box).map((handle) => element("button", { type: "button", class: "plain", "aria-label": handle.label, click: handle.act }, handle.brief)))));
    const lines = view.shown.links.map((link) => element("tr", {},
      element("td", {}, view.nameOf(link.src)), element("td", {}, view.nameOf(link.dst)),
      element("td", {}, [...link.ways.values()].map((edge, index) => [index ? element("br") : "", way(edge, view)]))));
    return [
      table("Things in the picture", ["Name", "Fed by", "Feeds", "License", "Purpose", "Personal data", "Retention", "Go on"], things),
      table("Links in the picture", ["From", "To", "By"], lines),
    ];
  }

  globalThis.Lineage = { ...globalThis.Lineage, WORDS, details, found, pii, stateOf, tables };
})();

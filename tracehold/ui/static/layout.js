// Where the boxes of a lineage graph stand: data flows to the right, layer by layer, and what stands
// already moves as little as possible when more is shown. Pure; the same graph gives the same picture
// whatever the order it is given in.
"use strict";
(() => {
  const WIDTH = 220;
  const LAYER = 350;
  const GAP = 24;
  const SWEEPS = 4;
  // How much more what stands already resists being moved than what comes in; the focus never moves.
  const STANDING = 50;
  const FIXED = 1e9;

  const push = (map, key, value) => {
    if (map.has(key)) map.get(key).push(value);
    else map.set(key, [value]);
  };
  const mean = (numbers) => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

  // Places in an order in which data flows forward; an edge that leads back closes a cycle.
  function flowOrder(ids, after) {
    const done = [];
    const state = new Map();
    for (const root of ids) {
      const stack = state.has(root) ? [] : [[root, 0]];
      if (stack.length) state.set(root, "open");
      while (stack.length) {
        const top = stack[stack.length - 1];
        const next = (after.get(top[0]) ?? [])[top[1]++];
        if (next === undefined) {
          done.push(top[0]);
          stack.pop();
        } else if (!state.has(next)) {
          state.set(next, "open");
          stack.push([next, 0]);
        }
      }
    }
    return new Map(done.reverse().map((id, place) => [id, place]));
  }

  // Longest distance from the focus along one direction; what lies in a cycle with it counts once.
  function distances(focus, along, layer, sign) {
    const order = flowOrder([focus], along);
    for (const [id] of order) {
      const from = layer.get(id);
      if (from === undefined) continue;
      for (const next of along.get(id) ?? []) {
        if (!(order.get(next) > order.get(id))) continue;
        const here = layer.get(next);
        // The other direction has placed it already: it lies in a cycle.
        if (here !== undefined && here * sign <= 0) continue;
        layer.set(next, sign * Math.max(Math.abs(here ?? 0), Math.abs(from) + 1));
      }
    }
  }

  function layersOf(ids, focus, after, prior) {
    const layer = new Map([[focus, 0]]);
    distances(focus, after, layer, 1);
    distances(focus, prior, layer, -1);
    // The others stand beside what they are joined to: first those with a neighbor that is placed.
    const others = ids.filter((id) => !layer.has(id));
    let pending = others;
    while (pending.length) {
      const found = [];
      for (const id of pending) {
        const left = (prior.get(id) ?? []).filter((one) => layer.has(one));
        const right = (after.get(id) ?? []).filter((one) => layer.has(one));
        if (left.length) found.push([id, Math.max(...left.map((one) => layer.get(one))) + 1]);
        else if (right.length) found.push([id, Math.min(...right.map((one) => layer.get(one))) - 1]);
      }
      if (!found.length) found.push(...pending.map((id) => [id, 0]));
      for (const [id, place] of found) layer.set(id, place);
      pending = pending.filter((id) => !layer.has(id));
    }
    const free = new Set(others);
    const order = flowOrder([focus, ...ids], after);
    for (const [id, place] of order) {
      for (const next of after.get(id) ?? []) {
        if (!free.has(next) || !(order.get(next) > place)) continue;
        layer.set(next, Math.max(layer.get(next), layer.get(id) + 1));
      }
    }
    return layer;
  }

  // Barycenter sweeps: each layer is sorted by the mean row of its neighbors.
  function untangle(columns, after, prior, names) {
    const row = new Map();
    const number = (column) => column.forEach((id, index) => row.set(id, index));
    for (const column of columns.values()) number(column);
    const layers = [...columns.keys()].sort((a, b) => a - b);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      for (const [order, beside] of [[layers, prior], [layers.slice().reverse(), after]]) {
        for (const layer of order) {
          const column = columns.get(layer);
          const pull = new Map(column.map((id) => {
            const near = beside.get(id) ?? [];
            return [id, near.length ? mean(near.map((one) => row.get(one))) : row.get(id)];
          }));
          column.sort((a, b) => pull.get(a) - pull.get(b) || names(a, b));
          number(column);
        }
      }
    }
    return row;
  }

  // Centers in the given order that do not overlap, as near as can be to where each wants to be:
  // isotonic regression by pooling adjacent violators.
  function spread(column, wanted, weight, height) {
    const offsets = [];
    let offset = 0;
    column.forEach((id, index) => {
      if (index) offset += (height(column[index - 1]) + height(id)) / 2 + GAP;
      offsets.push(offset);
    });
    const pools = [];
    column.forEach((id, index) => {
      let pool = { sum: weight(id) * (wanted.get(id) - offsets[index]), weight: weight(id), count: 1 };
      while (pools.length) {
        const above = pools[pools.length - 1];
        if (above.sum / above.weight <= pool.sum / pool.weight) break;
        pools.pop();
        pool = {
          sum: above.sum + pool.sum, weight: above.weight + pool.weight, count: above.count + pool.count,
        };
      }
      pools.push(pool);
    });
    const found = new Map();
    let index = 0;
    for (const pool of pools) {
      for (let one = 0; one < pool.count; one++, index++) {
        found.set(column[index], pool.sum / pool.weight + offsets[index]);
      }
    }
    return found;
  }

  /**
   * Places of the boxes: left edge, vertical center and layer of each, the focus at (0, 0).
   *
   * boxes: [{id, name, height}]; links: [[from, to]] along the flow of data, cycles allowed; before:
   * what this function gave for the picture that is shown now.
   */
  function arrange(boxes, links, focus, before = new Map()) {
    const byId = new Map(boxes.map((box) => [box.id, box]));
    const text = (id) => `${byId.get(id).name}\n${id}`;
    const names = (a, b) => (text(a) < text(b) ? -1 : text(a) > text(b) ? 1 : 0);
    const ids = [...byId.keys()].sort(names);
    const after = new Map();
    const prior = new Map();
    const flow = new Set(links.filter(([a, b]) => a !== b && byId.has(a) && byId.has(b))
      .map((pair) => JSON.stringify(pair)));
    for (const pair of flow) {
      const [from, to] = JSON.parse(pair);
      push(after, from, to);
      push(prior, to, from);
    }
    for (const side of [after, prior]) for (const near of side.values()) near.sort(names);
    const layer = layersOf(ids, focus, after, prior);
    const columns = new Map();
    for (const id of ids) push(columns, layer.get(id), id);

    const fresh = ids.every((id) => !before.has(id));
    const row = fresh ? untangle(columns, after, prior, names) : new Map();
    const standing = (id) => before.has(id) && before.get(id).layer === layer.get(id);
    const height = (id) => byId.get(id).height;
    const weight = (id) => (id === focus ? FIXED : standing(id) ? STANDING : 1);
    const center = new Map([[focus, 0]]);
    for (const [id, place] of before) if (byId.has(id)) center.set(id, place.y);
    // From the focus outward, so that there are neighbors to stand beside.
    for (const number of [...columns.keys()].sort((a, b) => Math.abs(a) - Math.abs(b) || a - b)) {
      const column = columns.get(number);
      const wanted = new Map();
      for (const id of column) {
        const near = [...(after.get(id) ?? []), ...(prior.get(id) ?? [])].filter((one) => center.has(one));
        const beside = near.length ? mean(near.map((one) => center.get(one))) : 0;
        wanted.set(id, center.get(id) ?? beside);
      }
      column.sort((a, b) => fresh
        ? row.get(a) - row.get(b)
        : wanted.get(a) - wanted.get(b) || standing(b) - standing(a) || names(a, b));
      const placed = spread(column, wanted, weight, height);
      const off = placed.get(focus) ?? 0;
      for (const [id, y] of placed) center.set(id, y - off);
    }
    return new Map(ids.map((id) => [id, { x: layer.get(id) * LAYER, y: center.get(id), layer: layer.get(id) }]));
  }

  globalThis.Lineage = { ...globalThis.Lineage, WIDTH, arrange };
})();

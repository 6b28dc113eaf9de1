// Questions to the JSON interface, and text of its answers made safe to show.
"use strict";
(() => {
  const AT_ONCE = 4;
  const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

  /** Text whose control, format and direction characters are written out. */
  const clean = (text) => String(text ?? "").replace(UNSAFE, (char) => `\\u{${char.codePointAt(0).toString(16)}}`);

  /** The answer to a question; parameters that are empty are left out. */
  async function ask(name, params) {
    const given = Object.entries(params).filter(([, value]) => value !== "" && value !== null && value !== undefined && value !== false);
    const answer = await fetch(`/api/v1/${name}?${new URLSearchParams(given)}`, { headers: { accept: "application/json" } });
    if (answer.ok) return answer.json();
    const problem = await answer.json().catch(() => ({}));
    const text = [problem.what ?? `the server answered ${answer.status}`, problem.where, problem.advice].filter(Boolean).join(": ");
    throw Object.assign(new Error(clean(text)), { code: problem.code });
  }

  /** Run tasks a few at a time. */
  async function each(items, task) {
    const waiting = [...items];
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (waiting.length) await task(waiting.shift());
    }));
  }

  globalThis.Lineage = { ...globalThis.Lineage, ask, clean, each };
})();

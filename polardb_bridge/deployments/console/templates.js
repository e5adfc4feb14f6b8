// The editor of templates. The text of tp_schema counts; the fields above it write into it, and leave all else in it.
"use strict";

(() => {
  const CHECK_AFTER_MS = 300;
  const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

  // Where the values of the outermost object's members stand in a text that is JSON: numbers that JavaScript would
  // round, members of no meaning here, and the way it is written all stay.
  function places(text) {
    const found = new Map();
    let [depth, key, start, end] = [0, null, -1, 0];
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      if (token === "}" || token === "]") depth -= 1;
      if ((depth === 1 && token === ",") || (depth === 0 && token === "}")) {
        if (key !== null) found.set(key, [start, end]);
        [key, start] = [null, -1];
      } else if (depth === 1 && key === null && token[0] === '"') key = JSON.parse(token);
      else if (depth === 1 && token === ":" && start === -1) start = null;
      else if (key !== null) {
        start ??= index;
        end = index + token.length;
      }
      if (token === "{" || token === "[") depth += 1;
    }
    return found;
  }

  function withMember(text, name, value) {
    const found = places(text);
    const place = found.get(name);
    if (place) return text.slice(0, place[0]) + value + text.slice(place[1]);
    const at = text.indexOf("{") + 1;
    return `${text.slice(0, at)}${JSON.stringify(name)}: ${value}${found.size ? ", " : ""}${text.slice(at)}`;
  }

  function objectIn(text) {
    try {
      const value = JSON.parse(text);
      return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
    } catch {
      return null;
    }
  }

  const isLine = (label) => typeof label === "string" && label.trim() !== "" && !/[\r\n]/.test(label);

  function start(form) {
    const schema = form.elements.schema;
    const simple = form.querySelector("[data-simple]");
    const fields = Object.fromEntries(
      [...simple.querySelectorAll("[data-member]")].map((field) => [field.dataset.member, field]),
    );
    const count = simple.querySelector("[data-count]");

    function countLabels(labels) {
      count.textContent = labels ? `${count.dataset.count} ${labels.length}` : "";
    }

    function fill() {
      const values = objectIn(schema.value);
      const labels = values && (values.labels ?? []);
      const areLines = Array.isArray(labels) && labels.every(isLine);
      fields.type.disabled = fields.layout.disabled = !values;
      fields.labels.disabled = !areLines;
      fields.type.value = values?.type ?? "";
      fields.layout.value = values ? (values.layout ?? "top") : "";
      fields.labels.value = areLines ? labels.join("\n") : "";
      countLabels(areLines ? labels : null);
      simple.querySelector("[data-unknown]").hidden = Boolean(areLines);
    }

    function write(event) {
      const { member } = event.target.dataset;
      let value = JSON.stringify(event.target.value);
      if (member === "labels") {
        const labels = event.target.value.split("\n").filter(isLine);
        value = `[${labels.map((label) => JSON.stringify(label)).join(", ")}]`;
        countLabels(labels);
      }
      schema.value = withMember(schema.value, member, value);
      checkSoon();
    }

    function showProblem(problem) {
      for (const place of form.querySelectorAll("[data-problem]")) {
        const isHere = problem && place.dataset.problem === problem.part;
        place.textContent = isHere ? problem.message : "";
        if (isHere && problem.wrong) {
          const line = place.appendChild(document.createElement("code"));
          const mark = document.createElement("mark");
          mark.textContent = problem.wrong;
          line.append(" ", problem.before, mark, problem.after);
        }
      }
    }

    let [timer, asked, took] = [0, new AbortController(), 0];
    async function check() {
      const began = performance.now();
      asked.abort();
      const mine = (asked = new AbortController());
      renewToken(form);
      const body = new FormData();
      for (const name of ["csrfmiddlewaretoken", "name", "schema"]) body.append(name, form.elements[name].value);
      try {
        const answer = await fetch(form.dataset.check, { method: "POST", body, signal: mine.signal });
        const found = await answer.json();
        if (mine.signal.aborted) return;
        took = performance.now() - began;
        showProblem(found.problem);
        form.dispatchEvent(new CustomEvent("checked", { detail: found }));
      } catch {
        // A newer one is under way, or the server is away: saving will tell.
      }
    }
    function checkSoon() {
      clearTimeout(timer);
      // Thousands of labels take the server a second: it is not asked at every pause of whoever types.
      timer = setTimeout(check, Math.max(CHECK_AFTER_MS, took));
    }

    schema.addEventListener("input", () => {
      fill();
      checkSoon();
    });
    for (const field of Object.values(fields)) field.addEventListener("input", write);
    simple.hidden = false;
    fill();
    check();
  }

  function startAll() {
    for (const form of document.querySelectorAll("form[data-template]:not([data-started])")) {
      form.dataset.started = "";
      start(form);
    }
  }
  document.addEventListener("part", startAll);
  startAll();
})();

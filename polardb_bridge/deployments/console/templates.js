// The editor of templates. The text of tp_schema counts; the fields above it write into it, and leave all else in it.
"use strict";

(() => {
  const CHECK_AFTER_MS = 300;
  const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

  // Where the outermost object's members stand in a text that is JSON, each with its value: numbers that JavaScript would
  // round, members of no meaning here, and the way it is written all stay.
  function places(text) {
    const found = new Map();
    let [depth, key, from, start, end] = [0, null, 0, -1, 0];
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
      if (token === "}" || token === "]") depth -= 1;
      if ((depth === 1 && token === ",") || (depth === 0 && token === "}")) {
        if (key !== null) found.set(key, { from, start, end });
        [key, start] = [null, -1];
      } else if (depth === 1 && key === null && token[0] === '"') [key, from] = [JSON.parse(token), index];
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
    if (place) return text.slice(0, place.start) + value + text.slice(place.end);
    const at = text.indexOf("{") + 1;
    return `${text.slice(0, at)}${JSON.stringify(name)}: ${value}${found.size ? ", " : ""}${text.slice(at)}`;
  }

  function withoutMember(text, name) {
    const members = [...places(text)];
    const at = members.findIndex(([each]) => each === name);
    if (at === -1) return text;
    const [{ from, end }, before, after] = [members[at], members[at - 1], members[at + 1]].map((each) => each?.[1]);
    if (after) return text.slice(0, from) + text.slice(after.from);
    return text.slice(0, before ? before.end : from) + text.slice(end);
  }

  function objectIn(text) {
    try {
      const value = JSON.parse(text);
      return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
    } catch {
      return null;
    }
  }

  const OWN = "label_config";
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

    // The fields that a type has; without one that is known, those that most have.
    function showFields() {
      const shown = (fields.type.selectedOptions[0]?.dataset.fields ?? "labels").split(" ");
      for (const field of simple.querySelectorAll("[data-of]")) field.hidden = !shown.includes(field.dataset.of);
    }

    function fill() {
      const values = objectIn(schema.value);
      const isOwn = Boolean(values && OWN in values);
      const labels = values && (values.labels ?? []);
      const areLines = Array.isArray(labels) && labels.every(isLine);
      const canBeShown = isOwn ? typeof values[OWN] === "string" : areLines;
      for (const field of Object.values(fields)) field.disabled = !values;
      fields.labels.disabled = !areLines;
      fields[OWN].disabled = !canBeShown;
      fields.type.value = isOwn ? OWN : (values?.type ?? "");
      fields.layout.value = values ? (values.layout ?? "top") : "";
      fields.choice.value = values ? (values.choice ?? "single") : "";
      fields.showInLine.checked = values?.showInLine ?? fields.layout.value === "top";
      fields.labels.value = areLines ? labels.join("\n") : "";
      fields[OWN].value = isOwn && canBeShown ? values[OWN] : "";
      countLabels(areLines ? labels : null);
      simple.querySelector("[data-unknown]").hidden = canBeShown;
      showFields();
    }

    // An interface of one's own begins with that of the type before it; whoever goes back to a type and returns finds it.
    let [whole, own] = [null, null];
    function withType(text, type) {
      if (type === OWN) {
        return withMember(withoutMember(text, "type"), OWN, JSON.stringify(own ?? whole ?? "<View>\n</View>"));
      }
      own = objectIn(text)[OWN] ?? own;
      return withMember(withoutMember(text, OWN), "type", JSON.stringify(type));
    }

    function write({ target }) {
      const { member } = target.dataset;
      let value = JSON.stringify(target.type === "checkbox" ? target.checked : target.value);
      if (member === "labels") {
        const labels = target.value.split("\n").filter(isLine);
        value = `[${labels.map((label) => JSON.stringify(label)).join(", ")}]`;
        countLabels(labels);
      }
      schema.value = member === "type" ? withType(schema.value, target.value) : withMember(schema.value, member, value);
      // What is typed is not written anew under the pointer.
      if (member === "type" || member === "layout") fill();
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
        if (found.config) whole = found.note ? null : found.config;
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

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

  // As JSON, in which a list of labels can be read.
  const inOneLine = (value) =>
    Array.isArray(value) ? `[${value.map((each) => JSON.stringify(each)).join(", ")}]` : JSON.stringify(value);

  const OWN = "label_config";
  const isLine = (label) => typeof label === "string" && label.trim() !== "" && !/[\r\n]/.test(label);
  // What a list shows of a label, which may have details.
  const shownOf = (label) => label?.value ?? label;

  function start(form) {
    const schema = form.elements.schema;
    const simple = form.querySelector("[data-simple]");
    const fields = Object.fromEntries(
      [...simple.querySelectorAll("[data-member]")].map((field) => [field.dataset.member, field]),
    );
    const isList = (name) => name !== OWN && fields[name].type === "textarea";
    const options = Object.keys(fields).filter((name) => name !== "type" && name !== OWN);
    const count = simple.querySelector("[data-count]");

    function countLabels(labels) {
      count.textContent = labels ? `${count.dataset.count} ${labels.length}` : "";
    }

    // The fields that a type has; without one that is known, those that most have.
    const fieldsOf = (option) => (option?.dataset.fields ?? "labels").split(" ");
    function showFields() {
      const shown = fieldsOf(fields.type.selectedOptions[0]);
      for (const field of simple.querySelectorAll("[data-of]")) field.hidden = !shown.includes(field.dataset.of);
    }

    // By list, the labels that have details: these stay while their line is there, and come back with it.
    const detailed = Object.fromEntries(options.filter(isList).map((name) => [name, new Map()]));
    function fillList(name, labels) {
      const areLines = Array.isArray(labels) && labels.every((label) => isLine(shownOf(label)));
      fields[name].disabled = !areLines;
      fields[name].value = areLines ? labels.map(shownOf).join("\n") : "";
      if (!areLines) return null;
      for (const label of labels) if (label !== shownOf(label)) detailed[name].set(label.value, label);
      return labels;
    }

    function fillField(field, value) {
      if (field.type === "checkbox") field.checked = value ?? "on" in field.dataset;
      else if (field.tagName === "SELECT") field.value = value ?? field.options[0].value;
      else field.value = value ?? "";
    }

    function fill() {
      const values = objectIn(schema.value);
      const isOwn = Boolean(values && OWN in values);
      const areSeveral = Boolean(values && "controls" in values);
      for (const field of Object.values(fields)) field.disabled = !values || areSeveral;
      for (const name of options.filter((each) => !isList(each))) fillField(fields[name], values?.[name]);
      if (values && !("showInLine" in values)) fields.showInLine.checked = fields.layout.value === "top";
      const listIn = (name) => (values && !areSeveral ? (values[name] ?? []) : null);
      const lists = options.filter(isList).map((name) => [name, fillList(name, listIn(name))]);
      const canBeShown = isOwn ? typeof values[OWN] === "string" : lists.every(([, labels]) => labels);
      fields[OWN].disabled = !canBeShown;
      fields.type.value = isOwn ? OWN : (values?.type ?? "");
      fields[OWN].value = isOwn && canBeShown ? values[OWN] : "";
      countLabels(Object.fromEntries(lists).labels);
      simple.querySelector("[data-unknown]").hidden = canBeShown;
      showFields();
    }

    // An interface of one's own begins with that of the type before it; whoever goes back to a type and returns finds it.
    let [whole, own] = [null, null];
    // So it is with the options of one type that another does not know.
    const parked = {};
    function withType(text, type) {
      if (type === OWN) {
        return withMember(withoutMember(text, "type"), OWN, JSON.stringify(own ?? whole ?? "<View>\n</View>"));
      }
      own = objectIn(text)[OWN] ?? own;
      const known = fieldsOf([...fields.type.options].find((option) => option.value === type));
      let changed = withMember(withoutMember(text, OWN), "type", JSON.stringify(type));
      for (const name of options) {
        const place = places(changed).get(name);
        if (place && !known.includes(name)) {
          parked[name] = changed.slice(place.start, place.end);
          changed = withoutMember(changed, name);
        } else if (!place && known.includes(name) && name in parked) changed = withMember(changed, name, parked[name]);
      }
      return changed;
    }

    function valueOf(field) {
      const name = field.dataset.member;
      if (field.type === "checkbox") return field.checked;
      if (field.type === "number") return field.valueAsNumber;
      if (!isList(name)) return field.value;
      return field.value
        .split("\n")
        .filter(isLine)
        .map((line) => detailed[name].get(line) ?? line);
    }

    function write({ target }) {
      const name = target.dataset.member;
      const value = name === "type" ? target.value : valueOf(target);
      // Empty, and not needed by any type.
      const isNothing = value === "" || Number.isNaN(value) || (value.length === 0 && name !== "labels");
      if (name === "labels") countLabels(value);
      if (name === "type") schema.value = withType(schema.value, value);
      else if (isNothing && name !== OWN) schema.value = withoutMember(schema.value, name);
      else schema.value = withMember(schema.value, name, inOneLine(value));
      // What is typed is not written anew under the pointer.
      if (name === "type" || name === "layout") fill();
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

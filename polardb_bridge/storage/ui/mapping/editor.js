// Which column of a table is used for what, and the tasks that come of it. One line says what was recognized; whoever
// wants it otherwise opens the rest. On the Cloud Storage page and in the form "Deploy a table".

const ASK_AGAIN_AFTER_MS = 400;
// Of the columns that are not used, as many are listed at once.
const MAX_LISTED = 50;

// Shows in `place` the columns of a table. `ask(mapping, signal, isFirst)` gets the server's answer: for null, with a
// proposal; for the first, with all columns. `known`: what was chosen before.
// `tell(answer, isOpen)` is called with each answer, and when somebody has opened or closed it; `keep(mapping)` at each
// choice, for whoever goes on before the server has answered. Returns what ends it, and what asks again for what is chosen.
function startMapping(place, { ask, tell, keep, known = null }) {
  let [rows, roles, answer, isOpen, timer, question] = [new Map(), [], null, false, 0, null];
  const line = make("p", { class: "polardb-recognized", role: "status" });
  const change = make("button", { type: "button", class: "polardb-change", "aria-expanded": "false", hidden: true, onclick: () => open(!isOpen) });
  const whole = make("div", { class: "polardb-problems", role: "alert" });
  const used = make("ul", { class: "polardb-columns" });
  const rest = make("ul", { class: "polardb-columns" });
  const count = make("summary");
  const find = make("input", { type: "search", "aria-label": t("Find a column"), placeholder: t("Find a column"), oninput: listRest });
  const more = make("small", { role: "status" });
  const others = make("details", { class: "polardb-others" }, count, find, rest, more);
  const filter = make("input", { maxlength: 4000, spellcheck: "false", autocomplete: "off", placeholder: "status = 'new'", "aria-describedby": "polardb-filter-reason", oninput: askSoon });
  const filterReason = make("small", { class: "polardb-reason", role: "alert", id: "polardb-filter-reason" });
  const filtering = make("div", { class: "polardb-filter" }, make("label", {}, t("Filter"), filter), make("small", {}, t("A condition of SQL: which rows become tasks. It runs with the account above.")), filterReason);
  const tasks = make("div", { class: "polardb-tasks" });
  const columns = make("div", { hidden: true }, used, others, filtering, make("h3", {}, t("The first tasks")), tasks);
  place.replaceChildren(make("div", { class: "polardb-line" }, line, change), whole, columns);

  function open(value) {
    isOpen = value;
    columns.hidden = !isOpen;
    change.setAttribute("aria-expanded", isOpen);
    change.textContent = isOpen ? t("Close") : t("Change columns");
    if (!answer) return;
    show(answer.problems);
    tell(answer, isOpen);
  }

  // Which uses the columns have, of an answer; each column has a row, which stays where it is while somebody chooses.
  function read({ columns: found, uses, roles: all }) {
    if (found) {
      roles = all;
      rows = new Map(found.map((column) => [column.name, { column, use: "", field: "", as: "", before: "" }]));
    }
    const row = (name) => rows.get((name ?? "").toLowerCase()) ?? {};
    for (const each of rows.values()) each.use = "";
    for (const name of uses.key) row(name).use = "key";
    for (const [field, [name, as]] of Object.entries(uses.data)) {
      const [, kind, before] = as.match(/^(url)\((.*)\)$/) ?? [null, as, ""];
      Object.assign(row(name), { use: "field", field, as: kind, before });
    }
    if (uses.name) row(uses.name).use = isField(row(uses.name)) ? "both" : "name";
    if (uses.version) row(uses.version).use = "version";
    for (const [role, name] of Object.entries(uses.result)) row(name).use = role;
    if (document.activeElement !== filter) filter.value = uses.filter;
  }

  // As the server tells it.
  function uses() {
    const all = [...rows.values()];
    const only = (use) => all.find((row) => row.use === use)?.column.name ?? "";
    const as = (row) => (row.as === "url" && row.before.trim() ? `url(${row.before.trim()})` : row.as);
    return {
      key: all.filter((row) => row.use === "key").map((row) => row.column.name),
      data: Object.fromEntries(all.filter(isField).map((row) => [row.field.trim(), [row.column.name, as(row)]])),
      name: only("both") || only("name"),
      version: only("version"),
      result: Object.fromEntries(roles.map((role) => [role, only(role)]).filter(([, name]) => name)),
    };
  }

  function mapping() {
    const typed = (name) => (/^[^`:,=\s]+$/.test(name) ? name : `\`${name.replaceAll("`", "``")}\``);
    const chosen = { ...uses(), ...(filter.value.trim() ? { filter: filter.value.trim() } : {}) };
    return { ...chosen, data: Object.fromEntries(Object.entries(chosen.data).map(([field, [name, as]]) => [field, `${typed(name)}:${as}`])) };
  }

  // Two fields of one name would be one: the server is told of none, and somebody chooses.
  function doubles() {
    const names = [...rows.values()].filter(isField).map((row) => row.field.trim());
    return names.filter((name, at) => names.indexOf(name) !== at);
  }

  function optionsFor({ column, use }) {
    const of = Object.fromEntries(roles.map((role) => [role, ROLES[role] ?? role]));
    // Columns that are called as a role take what is theirs by themselves.
    if (roles.includes(column.name) && use === column.name) return { [use]: of[use] };
    const all = { ...USES, ...of };
    if (!column.kinds.length) for (const name of ["field", "both"]) delete all[name];
    return all;
  }

  function freeField({ column }) {
    const plain = column.name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^[^A-Za-z]+/, "");
    const names = [...rows.values()].filter(isField).map((row) => row.field);
    const [isTaken, base] = [(name) => names.includes(name) || ["id", "original_name"].includes(name), plain || "field"];
    let name = base;
    for (let number = 2; isTaken(name); number += 1) name = `${base}_${number}`;
    return name;
  }

  function use(row, chosen) {
    const had = isField(row);
    // There is one of each.
    const taken = { name: ["name", "both"], both: ["name", "both"] }[chosen] ?? (chosen && chosen !== "key" && chosen !== "field" ? [chosen] : []);
    for (const other of rows.values()) {
      if (other === row || !taken.includes(other.use)) continue;
      other.use = other.use === "both" ? "field" : "";
      drawn(other);
    }
    row.use = chosen;
    if (isField(row) && !had) {
      row.field = freeField(row);
      row.as = row.column.kind && row.column.kinds.includes(row.column.kind) ? row.column.kind : (row.column.kinds.find((kind) => !isPicture(kind)) ?? row.column.kinds[0]);
    }
    drawn(row).querySelector("[data-use]").focus();
    askSoon();
  }

  // The element of a row, made anew.
  function drawn(row) {
    const { column } = row;
    const named = { "aria-label": t("{column} is used for", { column: escaped(column.name) }) };
    const kinds = Object.fromEntries([...new Set([...column.kinds, ...(isField(row) ? [row.as] : [])])].map((kind) => [kind, KINDS[kind] ?? kind]));
    const input = (label, name, maxlength) =>
      make("label", {}, label, make("input", { value: row[name], maxlength, spellcheck: "false", autocomplete: "off", "data-part": name, oninput: (event) => ((row[name] = event.target.value), askSoon()) }));
    const element = make(
      "li",
      {},
      make(
        "div",
        { class: "polardb-about" },
        make("bdi", {}, escaped(column.name)),
        make("small", {}, `${column.type} · ${heldBy(column)}${column.is_key ? ` · ${t("primary key")}` : ""}`),
        column.first ? make("small", { class: "polardb-first", dir: "auto" }, column.first) : null,
      ),
      choice(t("Used for"), optionsFor(row), row.use, { ...named, "data-use": true }, (event) => use(row, event.target.value)),
      isField(row) ? input(t("Field of the task"), "field", 64) : null,
      isField(row) ? choice(t("Read as"), kinds, row.as, { "data-kind": true }, (event) => { row.as = event.target.value; drawn(row).querySelector("[data-kind]").focus(); askSoon(); }) : null,
      isField(row) && row.as === "url" ? input(t("Stands before relative addresses"), "before", 500) : null,
      make("small", { class: "polardb-reason", role: "alert", id: `polardb-reason-${[...rows.keys()].indexOf(column.name)}` }),
    );
    row.element?.replaceWith(element);
    row.element = element;
    return element;
  }

  function listRest() {
    const asked = find.value.trim().toLowerCase();
    const all = [...rows.values()].filter((row) => row.isRest && row.column.name.includes(asked));
    rest.replaceChildren(...all.slice(0, MAX_LISTED).map((row) => row.element?.isConnected ? row.element : drawn(row)));
    more.textContent = all.length > MAX_LISTED ? t("{count} more: type a part of the name.", { count: (all.length - MAX_LISTED).toLocaleString(LANGUAGE) }) : all.length ? "" : t("No name in the list contains this.");
  }

  function list() {
    const all = [...rows.values()];
    for (const row of all) row.isRest = !row.use;
    used.replaceChildren(...all.filter((row) => !row.isRest).map(drawn));
    const number = all.filter((row) => row.isRest).length;
    count.textContent = counted(number, t("1 other column"), t("{count} other columns"));
    others.hidden = !number;
    listRest();
  }

  function recognized() {
    if (!answer.problems.length && !Object.keys(answer.mapping).length) return t("The columns are those of the documented layout.");
    const said = answer.problems.length ? uses() : answer.uses;
    const names = (list) => list.map(shownName).join(t(", "));
    const fields = Object.entries(said.data).map(([field, [name]]) => t("{field} from {column}", { field, column: shownName(name) }));
    const results = Object.values(said.result);
    return sentences([
      said.key.length ? t("Key: {columns}.", { columns: names(said.key) }) : "",
      fields.length ? t("Tasks show {fields}.", { fields: fields.join(t(", ")) }) : "",
      said.name ? t("Name: {column}.", { column: shownName(said.name) }) : "",
      said.version ? t("{column} tells of changes.", { column: shownName(said.version) }) : "",
      results.length ? t("Results go into {columns}.", { columns: names(results) }) : t("No column takes results: they stay in Label Studio."),
      filter.value.trim() ? t("Rows become tasks if {condition}.", { condition: isolated(escaped(filter.value.trim())) }) : "",
    ]);
  }

  function placeOf(part) {
    const [of, name] = part.split(/\.(.*)/s);
    const all = [...rows.values()];
    const among = { key: (row) => row.use === "key", name: (row) => row.use === "name" || row.use === "both", version: (row) => row.use === "version", result: (row) => name && row.use === name, data: (row) => name && isField(row) && row.field.trim() === name };
    return all.find((row) => among[of]?.(row) && row.element?.isConnected);
  }

  function show(problems) {
    for (const row of rows.values()) {
      row.element?.querySelector(".polardb-reason").replaceChildren();
      for (const control of row.element?.querySelectorAll("[aria-invalid]") ?? []) control.removeAttribute("aria-invalid");
    }
    whole.replaceChildren();
    filterReason.replaceChildren();
    filter.removeAttribute("aria-invalid");
    for (const { part, message } of problems) {
      if (part === "filter" && isOpen) {
        filterReason.append(make("p", {}, message));
        filter.setAttribute("aria-invalid", "true");
        continue;
      }
      const row = isOpen ? placeOf(part) : null;
      (row?.element.querySelector(".polardb-reason") ?? whole).append(make("p", {}, message));
      const control = row && (row.element.querySelector(part.startsWith("data.") ? "[data-part=field]" : "[data-use]") ?? row.element.querySelector("select"));
      control?.setAttribute("aria-invalid", "true");
      control?.setAttribute("aria-describedby", row.element.querySelector(".polardb-reason").id);
    }
  }

  function taskOf(task) {
    const picture = [...rows.values()].find((row) => isField(row) && isPicture(row.as));
    const shown = ({ text, is_whole: isWhole, problem }) =>
      problem ? make("dd", { class: "polardb-reason" }, problem) : make("dd", { dir: "auto", class: text ? "" : "polardb-empty-field" }, text ? text + (isWhole ? "" : "…") : t("empty"));
    return make(
      "article",
      {},
      make("h4", { dir: "auto" }, task.name, make("small", {}, ` ${task.key}`)),
      task.thumbnail ? make("img", { src: task.thumbnail, alt: t("Picture of {name}", { name: task.name }) }) : null,
      !task.thumbnail && picture ? make("p", { class: "polardb-reason" }, task.problem || t("empty")) : null,
      make("dl", {}, ...Object.entries(task.fields).flatMap(([name, excerpt]) => [make("dt", {}, name), shown(excerpt)])),
    );
  }

  function answered(found) {
    const isFirst = Boolean(found.columns);
    answer = found;
    if (found.uses && (isFirst || !found.problems.length)) readAndRedraw(found);
    change.hidden = found.is_fixed;
    if (isFirst) {
      list();
      open(found.problems.length > 0 && !found.is_fixed);
    }
    show(found.problems);
    line.textContent = recognized();
    const warnings = found.warnings.map((text) => make("li", {}, text));
    tasks.replaceChildren(
      ...(warnings.length ? [make("ul", { class: "polardb-noted" }, ...warnings)] : []),
      ...found.tasks.map(taskOf),
      ...(found.tasks.length ? [] : [make("p", {}, found.problems.length ? t("Nothing to show before that is right.") : t("The table has no rows yet."))]),
    );
    tell(found, isOpen, line.textContent);
  }

  // The table may add to what was chosen; rows in which nothing has changed keep the focus, and what is being typed.
  function readAndRedraw(found) {
    const state = ({ use, field, as, before }) => JSON.stringify([use, field, as, before]);
    const before = new Map([...rows.values()].map((row) => [row, state(row)]));
    read(found);
    for (const [row, was] of before) if (row.element && state(row) !== was) drawn(row);
  }

  function askSoon() {
    clearTimeout(timer);
    question?.abort();
    const asked = mapping();
    keep(asked);
    timer = setTimeout(() => askNow(asked), ASK_AGAIN_AFTER_MS);
  }

  async function askNow(asked) {
    const twice = doubles();
    if (twice.length) return show(twice.map((name) => ({ part: `data.${name}`, message: t("Two columns are shown as {field}: give one another name.", { field: name }) })));
    question?.abort();
    const { signal } = (question = new AbortController());
    place.setAttribute("aria-busy", "true");
    if (!answer) line.textContent = t("Reading the columns…");
    try {
      const found = await ask(asked, signal, !answer);
      if (!signal.aborted) answered(found);
    } catch (error) {
      if (signal.aborted) return;
      if (!answer) line.textContent = "";
      const again = make("button", { type: "button", class: "polardb-change", onclick: () => askNow(asked) }, t("Try again"));
      whole.replaceChildren(make("p", {}, error.message, " ", again));
    } finally {
      if (!signal.aborted) place.removeAttribute("aria-busy");
    }
  }

  open(false);
  askNow(known);
  const end = () => {
    clearTimeout(timer);
    question?.abort();
  };
  return { end, again: () => askNow(answer ? mapping() : known) };
}

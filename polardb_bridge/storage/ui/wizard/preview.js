// The wizard's step behind the connection: what the table's columns are used for, and its first rows.

// The table that the form's mapping was chosen for, and that mapping in words.
let chosen = { table: "", words: "" };

const tableOf = ({ host, port, database, table }) => JSON.stringify([host, Number(port), database, table]);

// `footer` has the wizard's "Load Preview" button (start.js); the rest is what Label Studio gives its own step.
function PreviewStep(props) {
  const { formData, filesPreview, footer } = props;
  const { isLoading } = footer.loadPreview ?? {};
  const place = React.useRef();
  const newest = React.useRef();
  newest.current = props;
  // fine: how often the columns were found to be fine, each time otherwise than before.
  const [{ fine, isOpen }, setState] = React.useState({ fine: 0, isOpen: false });
  React.useEffect(() => {
    const { formData } = props;
    const asking = startMapping(place.current, {
      known: chosen.table === tableOf(formData) ? formData.mapping : null,
      ask: (...asked) => askForMapping(newest.current.formData, ...asked),
      tell: (...told) => keepMapping(newest.current, setState, ...told),
      keep: (mapping) => newest.current.setFormState((state) => ({ ...state, formData: { ...state.formData, mapping } })),
    });
    return asking.end;
  }, []);
  // When the form has the mapping that it is to be loaded with.
  React.useEffect(() => {
    if (fine && !isOpen && filesPreview === null) footer.loadPreview?.mutate();
  }, [fine, isOpen]);
  return h(
    "div",
    { className: "polardb-step", "data-testid": "polardb-preview", lang: LANGUAGE },
    h("h2", null, t("First rows of {table}", { table: `${formData.database}.${formData.table}` })),
    h("div", { className: "polardb-mapping", ref: place }),
    h(
      "div",
      { hidden: isOpen },
      h("p", { className: "polardb-subtle" }, filesPreview ? summary(filesPreview) : t("Each row of the table becomes one task.")),
      filesPreview ? h("p", { className: "polardb-subtle" }, plannedSync(filesPreview)) : null,
      filesPreview ? wholeTable(filesPreview).elsewhere.map((other, at) => h("p", { key: at, className: "polardb-subtle polardb-elsewhere" }, alreadyElsewhere(other))) : null,
      filesPreview && shownRows(filesPreview).length
        ? h(RowTable, { files: shownRows(filesPreview) })
        : h(
            "p",
            { className: "polardb-empty" },
            isLoading ? t("Reading the first rows…") : filesPreview ? t("The table has no rows yet.") : t("No rows loaded."),
          ),
    ),
  );
}

async function askForMapping(formData, mapping, signal, isFirst) {
  const { password, ...form } = formData;
  const values = { ...form, ...(DOTS.test(password ?? "") ? {} : { password }), mapping, with_columns: isFirst };
  if (openForm.storage) values.id = openForm.storage.id;
  const answer = await post(apiPath("import", "mapping"), values, { signal });
  if (!answer.ok) throw new Error(await reasonOf(answer));
  return answer.json();
}

// The form keeps what was chosen, right or wrong: the server refuses what is wrong by its name.
function keepMapping({ formData, filesPreview, setFormState, onImportSettingsChange }, setState, answer, isOpen, words) {
  const { mapping, problems, is_fixed: isFixed } = answer;
  chosen = { table: tableOf(formData), words: words ?? chosen.words };
  const isNew = !isFixed && JSON.stringify(mapping) !== JSON.stringify(formData.mapping);
  if (isNew) setFormState((state) => ({ ...state, formData: { ...state.formData, mapping } }));
  if (isNew && filesPreview !== null) onImportSettingsChange();
  setState(({ fine }) => ({ fine: problems.length ? 0 : isNew || !fine ? fine + 1 : fine, isOpen }));
}

function shownRows(filesPreview) {
  return filesPreview.filter((file) => file.key !== null);
}

// The last entry has no key: it tells the table's size, and what a sync would do.
function wholeTable(filesPreview) {
  return filesPreview.find((file) => file.key === null);
}

// The table's size in words.
function tableSize(filesPreview) {
  const { table_rows, table_rows_are_estimated, table_bytes } = wholeTable(filesPreview);
  const rows = counted(table_rows, t("1 row"), t("{count} rows"));
  const about = (size) => t("about {size}", { size });
  return { rows: table_rows_are_estimated ? about(rows) : rows, bytes: about(readableSize(table_bytes)) };
}

function summary(filesPreview) {
  const { rows, bytes } = tableSize(filesPreview);
  const shown = shownRows(filesPreview).length;
  const isPart = shown < wholeTable(filesPreview).table_rows;
  return sentences([
    t("The table has {rows}, {bytes}.", { rows, bytes }),
    isPart && t("The first {count} are shown.", { count: shown }),
    t("Each row becomes one task."),
  ]);
}

const newTasks = (count) => counted(count, t("1 new task"), t("{count} new tasks"));

function plannedSync(filesPreview) {
  const plan = wholeTable(filesPreview).sync;
  if (plan.changed === null) {
    return t("A sync now would make about {tasks}; changed and deleted rows are not counted in so large a table.", { tasks: newTasks(plan.new) });
  }
  const parts = [newTasks(plan.new)];
  const number = (count) => ({ count: count.toLocaleString(LANGUAGE) });
  if (plan.changed) parts.push(t("{count} changed", number(plan.changed)));
  if (plan.deleted) parts.push(t("{count} of deleted rows", number(plan.deleted)));
  if (plan.existing) parts.push(t("{count} as they are", number(plan.existing)));
  return t("A sync now: {parts}.", { parts: parts.join(t(", ")) });
}

// What another project has of the table; its title only for those who may know it.
function alreadyElsewhere({ project, rows, writes }) {
  const whose = project === null ? t("another project") : t("the project “{title}”", { title: isolated(project) });
  const tasks = rows === 1 ? t("1 row is a task of {whose} already.", { whose }) : t("{count} rows are tasks of {whose} already.", { count: rows.toLocaleString(LANGUAGE), whose });
  const writer = rows ? t("Results are written by it: this project may read the table, and not write it.") : t("Results are written by {whose}: this project may read the table, and not write it.", { whose });
  return sentences([rows && tasks, writes && writer]);
}

function readableSize(bytes) {
  const units = [t("bytes"), "KB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)), units.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}

function RowTable({ files }) {
  const hasFields = files.some((file) => Object.keys(file.fields ?? {}).length > 0);
  const columns = [t("Image"), t("Id"), t("Name"), ...(hasFields ? [t("Shown in the task")] : []), t("Size"), t("Type"), t("Updated"), t("Annotated")];
  return h(
    "div",
    { className: "polardb-rows" },
    h(
      "table",
      null,
      h("thead", null, h("tr", null, ...columns.map((title) => h("th", { key: title, scope: "col" }, title)))),
      h("tbody", null, ...files.map((file) => h(Row, { key: file.key, file, hasFields }))),
    ),
  );
}

function Row({ file, hasFields }) {
  return h(
    "tr",
    null,
    h("td", null, file.thumbnail ? h("img", { src: file.thumbnail, alt: "" }) : h("span", { className: "polardb-no-image" })),
    h("td", null, file.key),
    h("td", { className: "polardb-name", title: file.name }, file.name, h(RowProblem, { text: file.problem })),
    hasFields ? h("td", { className: "polardb-fields" }, ...Object.entries(file.fields).map(([name, excerpt]) => h(FieldOfRow, { key: name, name, excerpt }))) : null,
    h("td", null, readableSize(file.size)),
    h("td", null, file.media_type),
    h("td", null, file.last_modified ? new Date(file.last_modified).toLocaleString(LANGUAGE) : ""),
    h("td", null, file.annotated ? t("Yes") : t("No")),
  );
}

function FieldOfRow({ name, excerpt: { text, is_whole: isWhole, problem } }) {
  if (problem) return h(RowProblem, { text: problem });
  return h("div", { dir: "auto" }, h("small", null, `${name}: `), text ? text + (isWhole ? "" : "…") : h("i", null, t("empty")));
}

function RowProblem({ text }) {
  return text ? h("span", { className: "polardb-row-problem" }, text) : null;
}

// The wizard's preview step: the first rows of the table.

// `footer` has the wizard's "Load Preview" button (start.js); the rest is what Label Studio gives its own step.
function PreviewStep({ formData, filesPreview, footer }) {
  const { isLoading } = footer.loadPreview ?? {};
  return h(
    "div",
    { className: "polardb-step", "data-testid": "polardb-preview", ref: (element) => loadOnce(element, filesPreview, footer) },
    h("h2", null, t("First rows of {table}", { table: `${formData.database}.${formData.table}` })),
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
  );
}

// Read the rows when the step opens; `element` stays the same while it is open.
function loadOnce(element, filesPreview, footer) {
  if (!element || element.dataset.opened) return;
  element.dataset.opened = "true";
  if (filesPreview === null) queueMicrotask(() => footer.loadPreview?.mutate());
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
  const columns = [t("Image"), t("Id"), t("Name"), t("Size"), t("Type"), t("Updated"), t("Annotated")];
  return h(
    "div",
    { className: "polardb-rows" },
    h(
      "table",
      null,
      h("thead", null, h("tr", null, ...columns.map((title) => h("th", { key: title, scope: "col" }, title)))),
      h("tbody", null, ...files.map((file) => h(Row, { key: file.key, file }))),
    ),
  );
}

function Row({ file }) {
  return h(
    "tr",
    null,
    h("td", null, file.thumbnail ? h("img", { src: file.thumbnail, alt: "" }) : h("span", { className: "polardb-no-image" })),
    h("td", null, file.key),
    h("td", { className: "polardb-name", title: file.name }, file.name, h(RowProblem, { text: file.problem })),
    h("td", null, readableSize(file.size)),
    h("td", null, file.media_type),
    h("td", null, file.last_modified ? new Date(file.last_modified).toLocaleString(LANGUAGE) : ""),
    h("td", null, file.annotated ? t("Yes") : t("No")),
  );
}

function RowProblem({ text }) {
  return text ? h("span", { className: "polardb-row-problem" }, text) : null;
}

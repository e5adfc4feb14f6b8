// The wizard's preview step: the first rows of the table.

// `footer` has the wizard's "Load Preview" button (start.js); the rest is what Label Studio gives its own step.
function PreviewStep({ formData, filesPreview, footer }) {
  const { isLoading } = footer.loadPreview ?? {};
  return h(
    "div",
    { className: "polardb-step", "data-testid": "polardb-preview", ref: (element) => loadOnce(element, filesPreview, footer) },
    h("h2", null, `First rows of ${formData.database}.${formData.table}`),
    h("p", { className: "polardb-subtle" }, filesPreview ? summary(filesPreview) : "Each row of the table becomes one task."),
    filesPreview ? h("p", { className: "polardb-subtle" }, plannedSync(filesPreview)) : null,
    filesPreview ? wholeTable(filesPreview).elsewhere.map((other, at) => h("p", { key: at, className: "polardb-subtle polardb-elsewhere" }, alreadyElsewhere(other))) : null,
    filesPreview && shownRows(filesPreview).length
      ? h(RowTable, { files: shownRows(filesPreview) })
      : h(
          "p",
          { className: "polardb-empty" },
          isLoading ? "Reading the first rows…" : filesPreview ? "The table has no rows yet." : "No rows loaded.",
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
  const rows = counted(table_rows, "row");
  return { rows: table_rows_are_estimated ? `about ${rows}` : rows, bytes: `about ${readableSize(table_bytes)}` };
}

function counted(count, noun) {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

function summary(filesPreview) {
  const { rows, bytes } = tableSize(filesPreview);
  const shown = shownRows(filesPreview).length;
  const first = shown < wholeTable(filesPreview).table_rows ? ` The first ${shown} are shown.` : "";
  return `The table has ${rows}, ${bytes}.${first} Each row becomes one task.`;
}

function plannedSync(filesPreview) {
  const plan = wholeTable(filesPreview).sync;
  if (plan.changed === null) {
    return `A sync now would make about ${counted(plan.new, "new task")}; changed and deleted rows are not counted in so large a table.`;
  }
  const parts = [counted(plan.new, "new task")];
  if (plan.changed) parts.push(`${plan.changed.toLocaleString("en")} changed`);
  if (plan.deleted) parts.push(`${plan.deleted.toLocaleString("en")} of deleted rows`);
  if (plan.existing) parts.push(`${plan.existing.toLocaleString("en")} as they are`);
  return `A sync now: ${parts.join(", ")}.`;
}

// What another project has of the table; its title only for those who may know it.
function alreadyElsewhere({ project, rows, writes }) {
  const whose = project === null ? "another project" : `the project “${project}”`;
  const parts = [];
  if (rows) parts.push(`${counted(rows, "row")} ${rows === 1 ? "is a task" : "are tasks"} of ${whose} already.`);
  if (writes) parts.push(`Results are written by ${rows ? "it" : whose}: this project may read the table, and not write it.`);
  return parts.join(" ");
}

function readableSize(bytes) {
  const units = ["bytes", "KB", "MB", "GB", "TB"];
  const power = Math.min(Math.floor(Math.log(Math.max(bytes, 1)) / Math.log(1024)), units.length - 1);
  return `${(bytes / 1024 ** power).toFixed(power > 1 ? 1 : 0)} ${units[power]}`;
}

function RowTable({ files }) {
  const columns = ["Image", "Id", "Name", "Size", "Type", "Updated", "Annotated"];
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
    h("td", null, file.last_modified ? new Date(file.last_modified).toLocaleString() : ""),
    h("td", null, file.annotated ? "Yes" : "No"),
  );
}

function RowProblem({ text }) {
  return text ? h("span", { className: "polardb-row-problem" }, text) : null;
}

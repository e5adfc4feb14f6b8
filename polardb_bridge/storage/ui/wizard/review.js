// The wizard's last step: what will happen, in the words of a table.

function ReviewStep({ formData, filesPreview }) {
  const entries = [
    ["Table", `${formData.database}.${formData.table}`],
    ["Server", `${formData.host}:${formData.port}`],
    ["User", formData.user],
    ["TLS", choiceName("tls", formData.tls)],
    ["Image delivery", choiceName("image_delivery", formData.image_delivery)],
    ["Existing annotations", choiceName("existing_annotations", formData.existing_annotations)],
    ["Sync", formData.sync_every > 0 ? `every ${formData.sync_every} minutes` : "on request"],
    ["Rows", filesPreview ? Object.values(tableSize(filesPreview)).join(", ") : "not counted"],
  ];
  return h(
    "div",
    { className: "polardb-step", "data-testid": "polardb-review" },
    h("h2", null, "Ready to read the table"),
    h("p", { className: "polardb-subtle" }, "Check the connection, then save it."),
    h("dl", { className: "polardb-review" }, ...entries.map(([term, text]) => h("div", { key: term }, h("dt", null, term), h("dd", null, text)))),
    h(
      "div",
      { className: "polardb-note" },
      h("h3", null, "What happens next"),
      h(
        "p",
        null,
        "“Save & Sync” makes one task of each row that has none yet. You can go on working meanwhile. ",
        "Nothing in the table is changed: to write annotations into its rows, add it as a target storage too.",
      ),
    ),
  );
}

// The short name of a choice, as the server offers it.
function choiceName(fieldName, value) {
  const { options } = formFields().find((field) => field.name === fieldName);
  return options.find((option) => option.value === value)?.name ?? value;
}

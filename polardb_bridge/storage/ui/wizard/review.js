// The wizard's last step: what will happen, in the words of a table.

function ReviewStep({ formData, filesPreview }) {
  const minutes = formData.sync_every;
  const entries = [
    [t("Table"), `${formData.database}.${formData.table}`],
    [t("Server"), `${formData.host}:${formData.port}`],
    [t("User"), formData.user],
    ["TLS", choiceName("tls", formData.tls)],
    ...(chosen.words ? [[t("Columns"), chosen.words]] : []),
    [t("Image delivery"), choiceName("image_delivery", formData.image_delivery)],
    [t("Existing annotations"), choiceName("existing_annotations", formData.existing_annotations)],
    [t("Sync"), minutes > 0 ? t("every {minutes} minutes", { minutes }) : t("on request")],
    [t("Rows"), filesPreview ? Object.values(tableSize(filesPreview)).join(t(", ")) : t("not counted")],
  ];
  return h(
    "div",
    { className: "polardb-step", "data-testid": "polardb-review" },
    h("h2", null, t("Ready to read the table")),
    h("p", { className: "polardb-subtle" }, t("Check the connection, then save it.")),
    h("dl", { className: "polardb-review" }, ...entries.map(([term, text]) => h("div", { key: term }, h("dt", null, term), h("dd", null, text)))),
    h(
      "div",
      { className: "polardb-note" },
      h("h3", null, t("What happens next")),
      h(
        "p",
        null,
        sentences([
          t("“Save & Sync” makes one task of each row that has none yet. You can go on working meanwhile."),
          t("Nothing in the table is changed: the storage's card then offers to write annotations back into its rows."),
        ]),
      ),
    ),
  );
}

// The short name of a choice, as the server offers it.
function choiceName(fieldName, value) {
  const { options } = formFields().find((field) => field.name === fieldName);
  return options.find((option) => option.value === value)?.name ?? value;
}

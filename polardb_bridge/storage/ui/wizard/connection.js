// The wizard's connection step. Label Studio draws it from the provider's fields, with one toggle of its own for all
// target storages: "can delete objects". Here it says what that means for a table. Below it stands what the test of the
// connection found that works, and will surprise people.

const connectionStep = around((LabelStudioStep) => (props) => {
  const { formData, handleProviderFieldChange } = props;
  const table = tableOf(formData);
  // Of another table, the columns are others: the next step asks again.
  React.useEffect(() => {
    if (formData.mapping && !openForm.storage && chosen.table !== table) handleProviderFieldChange("mapping", null);
  }, [table]);
  return h(
    "div",
    { className: "polardb-connection", lang: LANGUAGE },
    withChangedProps(LabelStudioStep(props), describeToggle),
    h("ul", { id: "polardb-warnings", "aria-live": "polite" }),
  );
});

function describeToggle(props) {
  if (!("checked" in props)) return undefined;
  const { label, description } = fieldsOf("ExportStorage").find((field) => field.name === "can_delete_objects");
  return { ...props, label, description, "aria-label": label };
}

// The wizard keeps of the server's answer only whether the test went well: the warnings are taken from it on its way.
async function showWarnings(answer) {
  const { warnings = [] } = await answer.clone().json().catch(() => ({}));
  document.getElementById("polardb-warnings")?.replaceChildren(...warnings.map(listItem));
}

function listItem(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

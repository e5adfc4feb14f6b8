// The wizard's connection step. Label Studio draws it from the provider's fields, with one toggle of its own for all
// target storages: "can delete objects". Here it says what that means for a table.

const connectionSteps = new Map();

// The same component at every call: React would take another one for a new step, and the inputs would lose the focus.
function connectionStep(LabelStudioStep) {
  if (!connectionSteps.has(LabelStudioStep)) {
    connectionSteps.set(LabelStudioStep, (props) => withChangedProps(LabelStudioStep(props), describeToggle));
  }
  return connectionSteps.get(LabelStudioStep);
}

function describeToggle(props) {
  if (!("checked" in props)) return undefined;
  const { label, description } = fieldsOf("ExportStorage").find((field) => field.name === "can_delete_objects");
  return { ...props, label, description, "aria-label": label };
}

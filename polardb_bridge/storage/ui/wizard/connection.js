// The wizard's connection step. Label Studio draws it from the provider's fields, with one toggle of its own for all
// target storages: "can delete objects". Here it says what that means for a table. Below it stands what the test of the
// connection found that works, and will surprise people.

const connectionSteps = new Map();

// The same component at every call: React would take another one for a new step, and the inputs would lose the focus.
function connectionStep(LabelStudioStep) {
  if (!connectionSteps.has(LabelStudioStep)) {
    connectionSteps.set(LabelStudioStep, (props) =>
      h("div", null, withChangedProps(LabelStudioStep(props), describeToggle), h("ul", { id: "polardb-warnings", "aria-live": "polite" })),
    );
  }
  return connectionSteps.get(LabelStudioStep);
}

function describeToggle(props) {
  if (!("checked" in props)) return undefined;
  const { label, description } = fieldsOf("ExportStorage").find((field) => field.name === "can_delete_objects");
  return { ...props, label, description, "aria-label": label };
}

// The wizard keeps of the server's answer only whether the test went well: the warnings are taken from it on its way.
function showWarningsOf(fetchFromServer) {
  return async (...request) => {
    const answer = await fetchFromServer(...request);
    if (/\/api\/storages\/(export\/)?polardb\/validate\b/.test(answer.url)) {
      const { warnings = [] } = await answer.clone().json().catch(() => ({}));
      document.getElementById("polardb-warnings")?.replaceChildren(...warnings.map(listItem));
    }
    return answer;
  };
}

function listItem(text) {
  const item = document.createElement("li");
  item.textContent = text;
  return item;
}

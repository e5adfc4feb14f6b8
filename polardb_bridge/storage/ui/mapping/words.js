// What the editor of mappings says, and the elements that it is made of.

const USES = {
  "": t("Not used"),
  key: t("Key"),
  field: t("Shown in the task"),
  both: t("Shown in the task, and its name"),
  name: t("Name of the task"),
  version: t("Tells of changes"),
};
// What results are made of; other roles are called as the server calls them.
const ROLES = {
  annotation_data: t("Result"),
  annotation_count: t("Number of annotations"),
  annotation_uid: t("Id of the annotation"),
  annotation_create_at: t("Time of the annotation"),
  annotation_update_at: t("Time of its last change"),
  label: t("Label, as plain text"),
};
const KINDS = {
  base64: t("Picture as base64"),
  bytes: t("Picture as bytes"),
  text: t("Text"),
  url: t("Address"),
  number: t("Number"),
  json: t("JSON"),
  datetime: t("Time"),
  urls: t("List of addresses"),
  base64s: t("List of pictures as base64"),
};
// What the first rows hold, as the server says it (table/inspection.py).
const HOLDS = {
  nothing: t("nothing"),
  numbers: t("numbers"),
  times: t("times"),
  text: t("text"),
  "empty text": t("empty text"),
  addresses: t("addresses"),
  bytes: t("bytes"),
};

function heldBy({ holds }) {
  const formats = holds.match(/^pictures \((.*)\)$/)?.[1];
  return formats ? t("pictures ({formats})", { formats }) : (HOLDS[holds] ?? holds);
}

const shownName = (name) => isolated(escaped(name));
const isField = (row) => row.use === "field" || row.use === "both";
const isPicture = (as) => /^(base64|bytes)\b/.test(as);

// make("p", { class: "…" }, "text", element, …)
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

function choice(label, options, value, properties, onchange) {
  const select = make("select", { ...properties, onchange }, ...Object.entries(options).map(([key, words]) => make("option", { value: key }, words)));
  select.value = value;
  return make("label", {}, label, select);
}

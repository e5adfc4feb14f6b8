// The storage provider that the wizard gets beside Amazon S3 and the others, drawn from form_layout.yml.

// Fields that the wizard draws by itself for every provider.
const WIZARD_FIELDS = ["title", "can_delete_objects"];

function fieldsOf(direction) {
  return FORM_LAYOUT[direction].flatMap((row) => row.fields);
}

// All fields of both directions, each once; `target` is set if only one direction has it.
function formFields() {
  const importFields = fieldsOf("ImportStorage");
  const exportFields = fieldsOf("ExportStorage");
  const has = (fields, name) => fields.some((field) => field.name === name);
  return [
    ...importFields.map((field) => (has(exportFields, field.name) ? field : { ...field, target: "import" })),
    ...exportFields
      .filter((field) => !has(importFields, field.name))
      .map((field) => ({ ...field, target: "export" })),
  ];
}

function makeProvider(providers) {
  const schemas = schemaFactory(providers);
  const fields = formFields().filter((field) => !WIZARD_FIELDS.includes(field.name));
  const rows = [...FORM_LAYOUT.ImportStorage, ...FORM_LAYOUT.ExportStorage].map((row) =>
    row.fields.map((field) => field.name).filter((name) => fields.some((field) => field.name === name)),
  );
  return {
    name: TYPE,
    title: t("PolarDB table"),
    description: t("A table of PolarDB, MySQL or MariaDB: each row is a task"),
    icon: Icon,
    fields: [...fields.map((field) => wizardField(field, schemas)), MAPPING_FIELD(schemas)],
    layout: distinctRows(rows).map((fields) => ({ fields })),
  };
}

// A part of the form that the wizard neither draws nor checks: null until the step behind the connection has asked.
const MAPPING_FIELD = (schemas) => ({ name: "mapping", type: "hidden", target: "none", defaultValue: null, resetConnection: false, schema: schemas.password() });

function distinctRows(rows) {
  const seen = new Set();
  return rows.map((row) => row.filter((name) => !seen.has(name) && seen.add(name))).filter((row) => row.length > 0);
}

function wizardField(field, schemas) {
  return {
    ...field,
    step: field.type === "number" ? 1 : undefined,
    // The wizard shows dots in place of a stored password, and sends it only if it was typed again.
    accessKey: field.type === "password",
    schema: schemas[field.type](field),
  };
}

// The wizard checks its fields with Zod, which is inside the bundle too: the schemas of the other providers' fields
// lead to its classes. Returns a function for each type of field.
function schemaFactory(providers) {
  const samples = {};
  for (const field of Object.values(providers).flatMap((provider) => provider.fields ?? [])) {
    let schema = field.schema;
    while (schema?._def?.innerType) schema = schema._def.innerType;
    if (schema?._def?.typeName) samples[schema._def.typeName] ??= schema;
  }
  const blank = (typeName) => {
    const sample = samples[typeName];
    if (!sample) throw new Error(`no field of the wizard has a ${typeName}`);
    return new sample.constructor({ ...sample._def, checks: [] });
  };
  const text = () => blank("ZodString");
  return {
    text: (field) => (field.required ? text() : text().default(field.value ?? "")),
    password: () => text().default(""),
    select: (field) => text().default(field.value ?? field.options[0].value),
    toggle: (field) => blank("ZodBoolean").default(field.value ?? false),
    number: (field) => {
      const message = t("{label} is a whole number from {min} to {max}", field);
      return blank("ZodNumber").int(message).min(field.min, message).max(field.max, message).default(field.default);
    },
  };
}

// A table with one row marked.
function Icon({ className }) {
  return h(
    "svg",
    { className, viewBox: "0 0 32 32", width: 32, height: 32, fill: "none", "aria-hidden": true },
    h("rect", { x: 3, y: 5, width: 26, height: 22, rx: 3, fill: "#ff6a00" }),
    h("rect", { x: 5.5, y: 11.5, width: 21, height: 13, rx: 1, fill: "#fff" }),
    h("rect", { x: 5.5, y: 15.5, width: 21, height: 4.5, fill: "#ffc499" }),
    h("path", { d: "M12.5 11.5v13", stroke: "#ff6a00", strokeWidth: 1.5 }),
  );
}

// The fields of the connection step that the server can fill: database and table are chosen from a list, or typed.

const MAX_SHOWN = 100;
// Who only passes through a field on the way to the next one asks the server nothing.
const ASK_AFTER_MS = 300;

// By the field's name: what to ask for, the choices, and what to say if there are none.
const LISTS = {
  database: {
    wanted: "databases",
    choices: ({ databases = [] }) => databases.map((name) => ({ name, note: "", isPossible: true })),
    none: t("The account sees no databases."),
  },
  table: {
    wanted: "tables",
    choices: ({ tables = [] }) =>
      tables.map(({ name, has_columns: fits, problem }) => ({
        name,
        note: problem || (fits === false ? otherColumns() : ""),
        isPossible: !problem,
      })),
    none: t("The account sees no tables in it."),
  },
};

// A source may have any, and says in the next step what they are for.
function otherColumns() {
  return openForm.target === "export" ? t("columns of a source table are missing") : t("other columns: the next step asks what they are for");
}

// What draws a field in the step in place of Label Studio's part, if the server has something to offer for it.
function fieldWithOffers({ field, formData, onChange }) {
  if (formData?.provider !== TYPE || !onChange) return undefined;
  if (Object.hasOwn(LISTS, field?.name)) return nameField;
  return field?.name === "tls" ? tlsField : undefined;
}

const nameField = around((LabelStudiosField) => (props) => {
  const { field, formData, onChange } = props;
  const value = props.value ?? "";
  const list = LISTS[field.name];
  const offers = useOffers(formData, list.wanted);
  const [isOpen, open] = React.useState(false);
  const [at, goTo] = React.useState(-1);
  const newest = React.useRef();
  newest.current = formData;
  React.useEffect(() => {
    if (!isOpen) return undefined;
    const timer = setTimeout(() => askServer(newest.current, list.wanted), ASK_AFTER_MS);
    return () => clearTimeout(timer);
  }, [isOpen]);

  const choices = list.choices(offers);
  const matching = matches(choices, value);
  const shown = matching.slice(0, MAX_SHOWN);
  const isVisible = isOpen && (choices.length > 0 || offers.state !== "");
  const id = `polardb-choices-${field.name}`;
  const close = () => {
    open(false);
    goTo(-1);
  };
  // The form is closed by this key, too: it sees every key before the field does.
  React.useEffect(() => {
    if (!isVisible) return undefined;
    const onKey = (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      close();
    };
    window.addEventListener("keydown", onKey, { capture: true });
    return () => window.removeEventListener("keydown", onKey, { capture: true });
  }, [isVisible]);
  const choose = ({ name, isPossible }) => {
    if (!isPossible) return;
    onChange(field.name, name);
    close();
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      open(true);
      if (shown.length) goTo((Math.max(at, step < 0 ? 0 : -1) + step + shown.length) % shown.length);
    } else if (event.key === "Enter" && isVisible && shown[at]) {
      choose(shown[at]);
    } else {
      return;
    }
    event.preventDefault();
  };
  const onTyped = (...typed) => {
    open(true);
    goTo(-1);
    onChange(...typed);
  };
  const input = LabelStudiosField({ ...props, onChange: onTyped });
  const asCombobox = {
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": isVisible && shown.length > 0,
    "aria-controls": shown.length ? id : undefined,
    "aria-activedescendant": isVisible && shown[at] ? `${id}-${at}` : undefined,
    onFocus: () => open(true),
    onClick: () => open(true),
    onKeyDown,
  };
  return h(
    "div",
    { className: "polardb-chooser", onBlur: close },
    { ...input, props: { ...input.props, ...asCombobox } },
    h(
      "div",
      { className: "polardb-choices", hidden: !isVisible, onMouseDown: keepFocus },
      h(Options, { id, label: field.label, shown, value, at, choose }),
      h("p", { role: "status" }, isVisible ? inWords(offers, list.none, choices, matching) : ""),
    ),
  );
});

const keepFocus = (event) => event.preventDefault();

// What contains the typed text; all, if that is one of the names: somebody has chosen, and may choose another.
function matches(choices, typed) {
  if (choices.some(({ name }) => name === typed)) return choices;
  return choices.filter(({ name }) => name.toLowerCase().includes(typed.toLowerCase()));
}

function inWords({ state, reason, isComplete }, none, choices, matching) {
  if (!choices.length) return state === "asking" ? t("Asking the server…") : state === "failed" ? reason : none;
  if (!matching.length) return t("No name in the list contains this.");
  const more = matching.length - MAX_SHOWN;
  if (more > 0) return t("{count} more: type a part of the name.", { count: more.toLocaleString(LANGUAGE) });
  return isComplete === false ? t("There are more than are listed: other names can be typed.") : "";
}

function Options({ id, label, shown, value, at, choose }) {
  if (!shown.length) return null;
  return h(
    "ul",
    { id, role: "listbox", "aria-label": label },
    ...shown.map((choice, index) =>
      h(
        "li",
        {
          key: choice.name,
          id: `${id}-${index}`,
          role: "option",
          "aria-selected": choice.name === value,
          "aria-disabled": !choice.isPossible,
          className: index === at ? "polardb-at" : "",
          ref: index === at ? (element) => element?.scrollIntoView({ block: "nearest" }) : undefined,
          onClick: () => choose(choice),
        },
        h("bdi", null, escaped(choice.name)),
        choice.note ? h("small", null, choice.note) : null,
      ),
    ),
  );
}

// Below the choice of encryption: what the server offers. It is proposed, and never taken by itself.
const tlsField = around((LabelStudiosField) => (props) => {
  const { field, formData, onChange } = props;
  const { tls } = useOffers(formData);
  const better = formData.tls === WEAKEST && tls !== WEAKEST && field.options.find(({ value }) => value === tls);
  const use = () => onChange(field.name, tls);
  return h(
    "div",
    null,
    h(LabelStudiosField, props),
    h(
      "p",
      { role: "status", className: "polardb-offer" },
      better ? t("This server offers more: “{mode}”.", { mode: better.name }) : null,
      " ",
      // The field before keeps the focus: the form would complain of it, and move this from below the mouse.
      better ? h("button", { type: "button", className: "polardb-link", onMouseDown: keepFocus, onClick: use }, t("Use it")) : null,
    ),
  );
});

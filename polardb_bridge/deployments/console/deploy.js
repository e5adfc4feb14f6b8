// The form "Deploy a table": the columns of the table that is chosen, and the statement that the form stands for.

const SAY_AFTER_MS = 400;

async function askOfForm(form, asked, signal) {
  renewToken(form);
  const body = new FormData(form);
  body.set("asked", asked === null ? "" : JSON.stringify(asked));
  const answer = await fetch(form.dataset.mapping, { method: "POST", body, signal });
  const found = await answer.json();
  if (found.problem) throw new Error(found.problem);
  return found;
}

function startForm(form) {
  const { template, source, mapping, result_table: resultTable } = form.elements;
  const statement = form.querySelector("[data-statement]");
  let [editor, known, isEdited, saying, timer] = [null, null, false, new AbortController(), 0];

  function show({ asked, statement: text, unfit }) {
    mapping.value = asked;
    statement.hidden = !text;
    statement.querySelector("code").textContent = text;
    for (const option of template.options) {
      option.title = unfit[option.value] ?? "";
      option.textContent = option.textContent.replace(/ ⚠$/, "") + (unfit[option.value] ? " ⚠" : "");
    }
  }

  function begin() {
    editor?.end();
    [mapping.value, known, isEdited] = ["", null, false];
    statement.hidden = true;
    editor = startMapping(form.querySelector("[data-place]"), {
      ask: (asked, signal) => askOfForm(form, asked, signal),
      keep: (asked) => (mapping.value = JSON.stringify(asked)),
      tell(found) {
        isEdited = known !== null && known !== found;
        show((known = found));
      },
    });
  }

  // What is typed beside the columns changes the statement alone.
  function saySoon() {
    clearTimeout(timer);
    saying.abort();
    const mine = (saying = new AbortController());
    if (!known) return;
    timer = setTimeout(async () => {
      const found = await askOfForm(form, known.mapping, mine.signal).catch(() => null);
      if (found && !mine.signal.aborted) show(found);
    }, SAY_AFTER_MS);
  }

  source.addEventListener("change", begin);
  // Whoever has chosen columns keeps them, and is told what they lack for this template.
  template.addEventListener("change", () => (isEdited ? editor.again() : begin()));
  // With one, the table need not have columns for results.
  resultTable.addEventListener("change", () => editor.again());
  form.addEventListener("input", ({ target }) => target.name && ![source, template, resultTable].includes(target) && saySoon());
  begin();
}

function startForms() {
  for (const form of document.querySelectorAll("form[data-mapping]:not([data-started])")) {
    form.dataset.started = "";
    startForm(form);
  }
}
document.addEventListener("part", startForms);
startForms();

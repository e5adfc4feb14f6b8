// What the server in the form offers to choose from. It is asked when somebody comes to a field with a list, and may be
// slow: nothing waits for it, and an answer counts only as long as the form still holds what it was asked with.

const ACCOUNT_FIELDS = ["project", "host", "port", "user", "password", "tls", "tls_cert", "tls_key"];
// The weakest mode, with which forms begin. Who has chosen another one is never asked for by a weaker.
const WEAKEST = "disabled";
// Label Studio shows these dots in place of a stored password.
const DOTS = /^•+$/;

// The form that is open: of which direction, and of which storage if it is there already.
let openForm = {};

// The last question: which account, tables of which database, and how it stands. `databases` stay as long as the account.
let asked = { account: "", database: "", state: "" };
let question = null;
const watchers = new Set();

function tell(changes) {
  asked = { ...asked, ...changes };
  for (const watcher of watchers) watcher();
}

function watchOffers(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function accountOf(form) {
  const values = Object.fromEntries(ACCOUNT_FIELDS.map((name) => [name, form[name]]));
  if (openForm.storage) values.id = openForm.storage.id;
  if (DOTS.test(values.password ?? "")) delete values.password;
  // Nobody has chosen how to encrypt: the server answers with the safest way that works.
  if (values.tls === WEAKEST) values.tls = "";
  return values;
}

// What is known for the form as it is now; of the tables, only those of its database.
function useOffers(form, wanted) {
  const offers = React.useSyncExternalStore(watchOffers, () => asked);
  const isOfForm = offers.account === JSON.stringify(accountOf(form));
  const isOfDatabase = wanted !== "tables" || (form.database && form.database === offers.database);
  return isOfForm && isOfDatabase ? offers : { state: "" };
}

// Ask for the databases, or for the tables of the form's database, unless that is known or on its way.
async function askServer(form, wanted) {
  const values = accountOf(form);
  const account = JSON.stringify(values);
  const database = wanted === "tables" ? form.database : "";
  if (!form.host || !form.port || !form.user || (wanted === "tables" && !database)) return;
  const isSame = account === asked.account;
  if (isSame && database === asked.database && asked.state !== "failed") return;
  if (isSame && wanted === "databases" && asked.databases) return;
  question?.abort();
  question = new AbortController();
  const { signal } = question;
  const kept = isSame ? {} : { databases: undefined, tls: undefined };
  tell({ account, database, state: "asking", tables: undefined, ...kept });
  const found = await answerTo({ ...values, database }, signal);
  if (!signal.aborted) tell(found);
}

async function answerTo(body, signal) {
  try {
    const answer = await post(apiPath(openForm.target, "tables"), body, { signal });
    if (!answer.ok) return { state: "failed", reason: await reasonOf(answer) };
    const { is_complete: isComplete, ...lists } = await answer.json();
    return { state: "listed", isComplete, ...lists };
  } catch (error) {
    return { state: "failed", reason: error.message };
  }
}

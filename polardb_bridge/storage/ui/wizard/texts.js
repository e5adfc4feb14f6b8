// What we say, in the reader's language: views.py puts the translations of it before this, and the language's name.

// {name} stands for values[name].
function t(text, values = {}) {
  return (TEXTS[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

function counted(count, one, many) {
  return count === 1 ? one : many.replace("{count}", count.toLocaleString(LANGUAGE));
}

// Chinese puts no space after its full stop.
function sentences(parts) {
  return parts.filter(Boolean).join(LANGUAGE.startsWith("zh") ? "" : " ");
}

// A name as the server has it may hold characters that nobody sees, and that order others (polardb_bridge/characters.py).
const UNSEEN = /(?! )[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;

function escaped(name) {
  return name.replace(UNSEEN, (each) => {
    const code = each.codePointAt(0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

// A text of people's own in a sentence: what is written from right to left, and marks of direction, stay within it.
const ORDERING = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]/;

function isolated(text) {
  return ORDERING.test(text) ? `\u2068${text}\u2069` : text;
}

// Where Label Studio's parts have what a person reads.
const READ = ["children", "label", "description", "placeholder", "title", "term", "text", "buttonLabel", "body", "help", "aria-label"];
const isHere = () => /\/settings\/storage\/?$/.test(location.pathname);

// The properties of a part of Label Studio's own, with its words in the reader's language: on the Cloud Storage page,
// where they stand between ours. It has them in English only.
function inReadersLanguage(props) {
  // The title of a card is its owner's.
  if (!HAS_WORDS || !isHere() || props.className === "line-clamp-1") return props;
  let translated = props;
  for (const name of READ) {
    const said = props[name];
    const ours = Array.isArray(said) ? (said.some(isWord) ? said.map(wordFor) : said) : wordFor(said);
    if (ours !== said) translated = { ...translated, [name]: ours };
  }
  return translated;
}

const HAS_WORDS = Object.keys(WORDS).length > 0;
const isWord = (said) => typeof said === "string" && Object.hasOwn(WORDS, said);

function wordFor(said) {
  if (isWord(said)) return WORDS[said];
  const [, field] = (typeof said === "string" && said.match(/^(.+) is required$/)) || [];
  return field ? t("{field} is required", { field }) : said;
}

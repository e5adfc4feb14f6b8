// Cards tell the truth without a reload of the page: they follow a sync while it runs, and what has changed beside them.

const RUNNING = ["queued", "in_progress"];
const EVERY_MS = 2000;
// At most this share of the time is spent on asking.
const SHARE = 0.2;

// By direction, what makes Label Studio read the list of the storages again.
const readAgain = {};

function refreshCards() {
  for (const read of Object.values(readAgain)) read();
}

const runs = (storage) => RUNNING.includes(storage.status);

// Label Studio keeps the button disabled after a sync. A card with another key is another card, and has a fresh one.
function keyOfCard(storage) {
  return `${storage.id}:${storage.meta?.attempts ?? 0}:${runs(storage)}`;
}

const followingCard = around((LabelStudiosCard) => (props) => {
  useRefresh(props.storage, props.target);
  return withChangedProps(LabelStudiosCard(props), sayThatItFollows);
});

function sayThatItFollows(props) {
  const isAdvice = typeof props.children === "string" && props.children.startsWith("Syncing may take some time");
  return isAdvice ? { ...props, role: "status", children: t("Syncing: this card follows by itself.") } : undefined;
}

function useRefresh(storage, target) {
  const isRunning = runs(storage);
  React.useEffect(() => (isRunning ? follow(apiPath(target, storage.id)) : undefined), [isRunning, storage.id, target]);
}

// Ask how the storage is until the returned function is called; not while nobody sees the page.
function follow(address) {
  let hasEnded = false;
  let isAsking = false;
  let timer;
  let seen;
  const look = async () => {
    clearTimeout(timer);
    if (hasEnded || isAsking || document.hidden) return;
    isAsking = true;
    const began = performance.now();
    // The server may be away for a while: it is asked again.
    const said = await fetch(address).then((answer) => answer.text()).catch(() => seen);
    isAsking = false;
    if (hasEnded) return;
    if (said !== seen) refreshCards();
    seen = said;
    timer = setTimeout(look, Math.max(EVERY_MS, (performance.now() - began) / SHARE));
  };
  timer = setTimeout(look, EVERY_MS);
  document.addEventListener("visibilitychange", look);
  return () => {
    hasEnded = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}

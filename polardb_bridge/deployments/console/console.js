// Keeps the lines of the page up to date while something is being deployed or written; forms are left alone.
"use strict";

const EVERY_MS = 2000;
const isMoving = () =>
  document.querySelector('[data-state="deploying"], [data-state="dropping"], .line .pending') !== null;

async function refresh() {
  const answer = await fetch(location.pathname, { credentials: "same-origin" });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const line of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(line.id);
    if (!next) continue;
    line.closest("article").dataset.state = next.closest("article").dataset.state;
    line.replaceWith(document.importNode(next, true));
  }
}

async function watch() {
  // The page cannot reach the server for a while: it keeps trying.
  if (isMoving() && !document.hidden) await refresh().catch(() => {});
  setTimeout(watch, EVERY_MS);
}

if (document.querySelector("[data-live]")) setTimeout(watch, EVERY_MS);

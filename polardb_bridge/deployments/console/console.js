// What the page does by itself: it fetches forms and lists, follows what moves, copies, and shows what was searched for.
"use strict";

const EVERY_MS = 2000;
// At most this share of the time is spent on asking the server.
const SHARE = 0.2;
const AGAIN_AFTER_MS = 5000;
const isMoving = () =>
  document.querySelector('[data-state="deploying"], [data-state="dropping"], .line .pending') !== null;

async function page(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (answer.redirected) return null;
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

// Forms are left alone: somebody may be typing.
async function refresh() {
  const fresh = await page(location.pathname + location.search);
  for (const line of fresh ? document.querySelectorAll("[data-live]") : []) {
    const next = fresh.getElementById(line.id);
    if (!next) continue;
    line.closest("article").dataset.state = next.closest("article").dataset.state;
    line.replaceWith(document.importNode(next, true));
  }
}

async function watch() {
  const began = performance.now();
  // The page cannot reach the server for a while: it keeps trying.
  if (isMoving() && !document.hidden) await refresh().catch(() => {});
  setTimeout(watch, Math.max(EVERY_MS, (performance.now() - began) / SHARE));
}

// What waits for the database is fetched when it is to be seen, and the page does not wait.
// Once at a time: a panel that is open from the start is told so twice, and a second form would empty the first.
async function fetchPart(place) {
  if (place.ariaBusy === "true" || place.querySelector("form")) return;
  place.setAttribute("aria-busy", "true");
  const part = (await page(place.dataset.from).catch(() => null))?.querySelector("[data-part]");
  place.removeAttribute("aria-busy");
  if (!part) return;
  place.replaceChildren(...document.importNode(part, true).childNodes);
  document.dispatchEvent(new Event("part"));
}

// Whoever has signed in again in another tab has another token.
function renewToken(form) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  if (token) form.elements.csrfmiddlewaretoken.value = token;
}

// What a double click sends twice is done once; whoever has stopped the page may send it again.
const sent = new WeakMap();
function send(event) {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (event.timeStamp - sent.get(form) < AGAIN_AFTER_MS) return event.preventDefault();
  sent.set(form, event.timeStamp);
  renewToken(form);
}

document.addEventListener("submit", send);
// Back from the next page, the browser shows this one as it was left.
addEventListener("pageshow", () => document.querySelectorAll("form").forEach((form) => sent.delete(form)));

// Without HTTPS, browsers offer no clipboard.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.body.appendChild(document.createElement("textarea"));
  area.value = text;
  area.select();
  document.execCommand("copy");
  area.remove();
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await copy(button.dataset.copy);
    button.textContent = button.dataset.copied;
    setTimeout(() => (button.textContent = words), EVERY_MS);
  });
}

const panel = document.getElementById("deploy");
if (panel) {
  const load = () => panel.open && fetchPart(panel.querySelector("[data-from]"));
  panel.addEventListener("toggle", load);
  load();
}

document.querySelectorAll("main > [data-from]").forEach(fetchPart);

const find = document.querySelector(".find");
find?.addEventListener("change", (event) => event.target.matches("select") && find.requestSubmit());
// Whoever was sent to one deployment finds it open.
const target = document.getElementById(location.hash.slice(1));
if (target?.matches("article")) target.querySelector("details").open = true;
if (document.querySelector("[data-live]")) setTimeout(watch, EVERY_MS);

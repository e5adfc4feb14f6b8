// The preview beside the editor of templates: a frame with Label Studio's editor, which is sent what it is to show.
"use strict";

(() => {
  // What a screen of an annotator shows, scaled down to the space that there is; half of it on a telephone.
  const [WIDTH, HEIGHT, NARROW] = [1280, 800, 480];

  async function ask(address, parameters = {}) {
    const answer = await fetch(`${address}?${new URLSearchParams(parameters)}`);
    return answer.json();
  }

  // A sandbox is of another origin than this server, and is given no file of it by an address: the file itself is sent.
  const files = new Map();
  async function load(address) {
    const file = await (await fetch(address)).blob();
    // The editor loads sound in a way of its own, which takes no `data:`; it says so in its place.
    if (file.type.startsWith("audio/")) return address;
    const reader = new FileReader();
    const loaded = new Promise((done) => (reader.onload = () => done(reader.result)));
    reader.readAsDataURL(file);
    return loaded;
  }
  function fileAt(address) {
    if (!files.has(address)) files.set(address, load(address));
    return files.get(address).catch(() => address);
  }
  const isAddress = (value) => typeof value === "string" && /^\/(?!\/)/.test(value);

  function start(panel) {
    const form = panel.closest(".editor").querySelector("form[data-template]");
    const [frame, screen] = [panel.querySelector("iframe"), panel.querySelector(".screen")];
    const [said, name] = [panel.querySelector("[data-said]"), panel.querySelector("[data-name]")];
    const [table, next] = [panel.querySelector("[data-table]"), panel.querySelector("[data-next]")];
    let [shown, picture, hasTables, isReady, isMistaken, number] = [null, null, false, false, false, 0];

    function say(failure = "") {
      const isStale = Boolean(failure || isMistaken);
      const state = panel.dataset.shown ? (isMistaken ? panel.dataset.stale : shown?.note) : panel.dataset.loading;
      said.textContent = failure || (isMistaken && !panel.dataset.shown ? "" : state);
      panel.classList.toggle("stale", isStale);
    }

    async function send() {
      if (!isReady) return;
      const message = { theme: document.documentElement.dataset.colorScheme };
      const pictures = Object.entries(shown?.pictures ?? {});
      if (shown && (picture || !pictures.length)) {
        const data = { ...shown.data };
        for (const [field, isList] of pictures) {
          data.original_name = picture.original_name;
          data[field] = isList ? [picture.image] : picture.image;
        }
        const [mine, { config }] = [++number, shown];
        for (const [field, value] of Object.entries(data)) if (isAddress(value)) data[field] = await fileAt(value);
        if (mine !== number) return;
        Object.assign(message, { number: mine, config, data });
      }
      // A sandbox has no origin that could be named.
      frame.contentWindow.postMessage(message, "*");
    }

    function offerPictures() {
      panel.querySelector(".pictures").hidden = !hasTables || !Object.keys(shown?.pictures ?? {}).length;
    }

    addEventListener("message", ({ source, data }) => {
      if (source !== frame.contentWindow) return;
      if (data.ready) {
        isReady = true;
        send();
      } else if (data.shown === number) {
        panel.dataset.shown = number;
        say();
      } else if (data.failed === number || data.failed === 0) say(`${panel.dataset.failed} ${data.message}`);
    });
    // Not before: it tells once that it is ready.
    frame.src = frame.dataset.src;
    new MutationObserver(send).observe(document.documentElement, { attributeFilter: ["data-color-scheme"] });

    form.addEventListener("checked", ({ detail }) => {
      isMistaken = Boolean(detail.problem);
      if (detail.config && detail.config !== shown?.config) {
        shown = detail;
        offerPictures();
        send();
      }
      say();
    });

    // The newest choice wins, whichever answer comes last.
    let asked = 0;
    async function choose(after) {
      const mine = ++asked;
      const chosen = table.value;
      const found = await (
        chosen ? ask(panel.dataset.picture, { table: chosen, ...(after && { after }) }) : ask(panel.dataset.sample)
      ).catch((error) => ({ problem: String(error) }));
      if (mine !== asked) return;
      next.hidden = !chosen;
      next.dataset.after = found.row_id ?? "";
      name.textContent = [found.row_id && `${found.original_name} (${found.row_id})`, found.problem]
        .filter(Boolean)
        .join(": ");
      name.classList.toggle("reason", Boolean(found.problem));
      if (!found.image) return;
      picture = found;
      send();
    }
    say();
    table.addEventListener("change", () => choose());
    next.addEventListener("click", () => choose(next.dataset.after));

    ask(panel.dataset.tables).then(
      ({ tables }) => {
        for (const each of tables ?? []) table.add(new Option(each, each));
        hasTables = Boolean(tables?.length);
        offerPictures();
      },
      () => {},
    );
    choose();

    new ResizeObserver(() => {
      const width = screen.clientWidth < NARROW ? WIDTH / 2 : WIDTH;
      const scale = screen.clientWidth / width;
      frame.style.width = `${width}px`;
      frame.style.height = `${HEIGHT}px`;
      frame.style.transform = `scale(${scale})`;
      screen.style.height = `${HEIGHT * scale}px`;
    }).observe(screen);
  }

  function startAll() {
    for (const panel of document.querySelectorAll("[data-preview]:not([data-started])")) {
      panel.dataset.started = "";
      start(panel);
    }
  }
  document.addEventListener("part", startAll);
  startAll();
})();

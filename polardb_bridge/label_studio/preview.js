// Label Studio's editor in a sandboxed frame: it shows the task and the labeling config that the page around it sends.
//
// It comes before Label Studio's own scripts. Those are the frontend's: their parts are taken, and it is not started.
"use strict";

(() => {
  const own = document.currentScript;
  const numbers = own.dataset.chunks.split(",").map(Number);

  // A module of webpack's css-loader: what it exports is a list whose text is the styles.
  const STYLES = /\.push\(\[\w+\.id,/;

  // Of each file, its numbers and modules; what starts the frontend stands behind them.
  const files = (self.webpackChunklabelstudio = []);
  files.push = (file) => Array.prototype.push.call(files, file.slice(0, 2));

  // A sandbox keeps nothing, and the editor keeps its settings in here.
  for (const name of ["localStorage", "sessionStorage"]) {
    const kept = new Map();
    const storage = {
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, value) => void kept.set(String(key), String(value)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
    };
    Object.defineProperty(window, name, { value: storage });
  }

  const flags = document.getElementById("feature-flags");
  window.APP_SETTINGS = { feature_flags: JSON.parse(flags.textContent), user: { id: 1 } };

  function load() {
    return new Promise((done, fail) => {
      self.webpackChunklabelstudio.push([
        ["polardb-preview"],
        {},
        (require) => {
          Object.defineProperty(require, "nc", { get: () => own.nonce, set() {} });
          // Styles that the frontend writes into the page when it starts.
          for (const [id, module] of Object.entries(require.m)) if (STYLES.test(module)) addStyles(require(id));
          Promise.all(numbers.map(require.e)).then(() => require(Number(own.dataset.module))).then(done, fail);
        },
      ]);
    });
  }

  function addStyles(exported) {
    for (const list of new Set(Object.values(exported))) {
      if (Array.isArray(list)) document.head.appendChild(document.createElement("style")).textContent = String(list);
    }
  }

  const tell = (message) => parent.postMessage(message, "*");
  const root = document.getElementById("editor");
  let [shown, giveUp] = [null, () => {}];
  // The editor starts in its own time, and tells nobody if it cannot.
  addEventListener("unhandledrejection", ({ reason }) => giveUp(reason));
  addEventListener("error", ({ error }) => giveUp(error));

  // The newest wins: what has come in meanwhile is shown next, and all between is passed over.
  let [wanted, good, isBusy] = [null, null, false];
  async function showNewest() {
    if (isBusy) return;
    isBusy = true;
    while (wanted) {
      const next = wanted;
      wanted = null;
      try {
        await show(next);
        good = next;
        tell({ shown: next.number });
      } catch (error) {
        tell({ failed: next.number, message: String(error?.message ?? error) });
        if (good && !wanted) await show(good).catch(() => {});
      }
    }
    isBusy = false;
  }

  function show({ config, data }) {
    return new Promise((done, fail) => {
      giveUp = fail;
      shown?.destroy?.();
      root.replaceChildren();
      const place = root.appendChild(document.createElement("div"));
      shown = new window.LabelStudio(place, {
        config,
        task: { id: 1, data, annotations: [], predictions: [] },
        interfaces: ["side-column"],
        user: { id: 1 },
        // Of two ways in which the editor puts itself on a page, the one that takes all of it away again.
        instanceOptions: { reactVersion: "v18" },
        onLabelStudioLoad(store) {
          try {
            const annotation = store.annotationStore.addAnnotation({ userGenerate: true });
            store.annotationStore.selectAnnotation(annotation.id);
            done();
          } catch (error) {
            fail(error);
          }
        },
      });
    });
  }

  addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    document.documentElement.dataset.colorScheme = data.theme;
    if (data.config) {
      wanted = data;
      ready.then(showNewest, () => {});
    }
  });

  let start;
  const ready = new Promise((done) => (start = done)).then(load);
  document.addEventListener("DOMContentLoaded", () => start());
  ready.then(() => tell({ ready: true })).catch((error) => tell({ failed: 0, message: String(error) }));
})();

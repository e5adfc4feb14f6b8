// The theme that was chosen in Label Studio, before anything is drawn (label_studio/templates/base.html).
"use strict";

(() => {
  const key = "preferred-color-scheme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const chosen = localStorage.getItem(key) || "Light";
    const theme = chosen === "Auto" ? (system.matches ? "dark" : "light") : chosen.toLowerCase();
    document.documentElement.dataset.colorScheme = theme;
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", (event) => event.key === key && apply());
})();

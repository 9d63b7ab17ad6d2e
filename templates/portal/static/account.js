// How good a new password is, in words, while it is typed. What is taken is decided by the server.
"use strict";

for (const shown of document.querySelectorAll("[data-strength]")) {
  const box = document.getElementById(shown.dataset.strength);
  const least = Number(shown.dataset.least);
  const tell = () => {
    const length = [...box.value].length;
    const signs = new Set(box.value.toLowerCase()).size;
    const is = length < least ? "short" : length >= least + 5 && signs > 7 ? "good" : "fair";
    shown.hidden = length === 0;
    shown.dataset.is = is;
    shown.textContent = shown.dataset[is].replace("#", String(least - length));
  };
  box.addEventListener("input", tell);
  tell();
}

// Articles that fit are suggested below a field while somebody types in it; without a script there is the search.
"use strict";

const WAIT_MS = 250;
const LEAST_LETTERS = 3;

const watchSuggestions = () => document.querySelectorAll("[data-suggest]:not([data-watched])").forEach((field) => {
  const box = document.getElementById(field.dataset.suggestInto);
  if (!box) return;
  field.dataset.watched = "yes";
  const list = box.querySelector("ul");
  const status = box.querySelector("[role=status]");
  let timer = 0;
  let asking = null;
  let asked = "";

  const show = (articles) => {
    list.replaceChildren(...articles.map((one) => {
      const item = document.createElement("li");
      const link = document.createElement("a");
      const title = document.createElement("strong");
      const note = document.createElement("span");
      link.href = one.url;
      title.textContent = one.title;
      title.lang = one.language;
      note.textContent = one.note;
      link.append(title, note);
      item.append(link);
      return item;
    }));
    box.hidden = articles.length === 0;
    status.textContent = articles.length ? `${status.dataset.some} ${articles.length}` : "";
  };

  const ask = async () => {
    const text = field.value.trim();
    if (text === asked) return;
    asked = text;
    asking?.abort();
    if (text.length < LEAST_LETTERS) {
      show([]);
      return;
    }
    asking = new AbortController();
    try {
      const answer = await fetch(`${field.dataset.suggest}?q=${encodeURIComponent(text.slice(0, 300))}`, {
        signal: asking.signal,
        headers: { Accept: "application/json" },
      });
      if (answer.ok) show((await answer.json()).articles);
    } catch {
      // Not reached, or somebody typed on: what is shown stays.
    }
  };

  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT_MS);
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !box.hidden) {
      event.preventDefault();
      box.hidden = true;
    } else if (event.key === "ArrowDown" && !box.hidden) {
      event.preventDefault();
      list.querySelector("a")?.focus();
    }
  });
  list.addEventListener("keydown", (event) => {
    const items = [...list.querySelectorAll("a")];
    const at = items.indexOf(document.activeElement);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = event.key === "ArrowDown" ? at + 1 : at - 1;
      (items[next] ?? field).focus();
    } else if (event.key === "Escape") {
      field.focus();
      box.hidden = true;
    }
  });
  if (field.type === "search") {
    document.addEventListener("click", (event) => {
      if (!box.contains(event.target) && event.target !== field) box.hidden = true;
    });
  }
});

watchSuggestions();
document.addEventListener("page:again", watchSuggestions); // a form that came back with a question

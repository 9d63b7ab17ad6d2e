// The form of a new ticket: fields that depend on others come and go as one answers, one more line for one more person,
// articles while the subject is typed. The server decides again about all of it.
"use strict";

const NEW = (() => {
  const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").trim().replace(/\s+/g, " ").toLowerCase();

  const answer = (form, name) => {
    const found = form.elements[name];
    return found ? String(found.value ?? "") : "";
  };

  const follow = (form) => {
    const fields = [...form.querySelectorAll("[data-field]")];
    const shown = new Set();
    for (const field of fields) {
      const { if: other, is } = field.dataset;
      const on = !other || (shown.has(other) && JSON.parse(is).some((value) => folded(value) === folded(answer(form, other))));
      field.hidden = !on;
      for (const input of field.querySelectorAll("[data-required]")) input.required = on;
      if (on) shown.add(`field_${field.dataset.field}`);
    }
    form.elements.shown.value = fields.filter((field) => !field.hidden).map((field) => field.dataset.field).join(" ");
  };

  const branches = (form) => {
    const box = form.querySelector(".branches");
    if (box) box.hidden = answer(form, "visibility") !== "branches";
  };

  const people = (form) => {
    let spare = false; // one empty line at a time
    for (const line of form.querySelectorAll(".follower")) {
      const empty = !line.querySelector("input").value;
      line.hidden = empty && spare;
      spare = spare || empty;
    }
  };

  // An article is read beside the form, not in its place.
  const beside = (form) => {
    form.addEventListener("click", (event) => {
      const link = event.target.closest(".kb-found a");
      if (link) {
        link.target = "_blank";
        link.rel = "noopener";
      }
    });
  };

  const start = () => {
    const form = document.getElementById("new");
    if (!form || form.dataset.started) return;
    form.dataset.started = "yes";
    const all = () => {
      follow(form);
      branches(form);
      people(form);
    };
    form.addEventListener("input", all);
    form.addEventListener("change", all);
    all();
    beside(form);
    document.querySelector("main [role=alert]:not([hidden]), main [data-look]")?.focus();
  };

  return { start };
})();

NEW.start();
document.addEventListener("page:again", () => NEW.start());

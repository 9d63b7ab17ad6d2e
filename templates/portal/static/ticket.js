// The ticket's page a little better with a script: a draft that survives a reload, Ctrl+Enter, and the decision that the
// address names is open. Without one nothing is missing.
"use strict";

// Drafts live in this tab only, under the form's own token: nobody else who signs in here ever sees them.
const drafting = () => {
  const reply = document.querySelector("form[data-draft]");
  if (!reply || reply.dataset.drafted) return;
  reply.dataset.drafted = "yes";
  const text = reply.querySelector("textarea");
  const mine = `draft:${reply.querySelector("input[name=token]").value}:`;
  const name = mine + reply.dataset.draft;
  try {
    for (const key of Object.keys(sessionStorage)) {
      if (key.startsWith("draft:") && !key.startsWith(mine)) sessionStorage.removeItem(key);
    }
    if (location.hash === "#last" && sessionStorage.getItem(`${name}:sent`)) {
      sessionStorage.removeItem(name);
      sessionStorage.removeItem(`${name}:sent`);
    }
    if (!text.value) text.value = sessionStorage.getItem(name) || "";
    text.addEventListener("input", () => {
      if (text.value) sessionStorage.setItem(name, text.value);
      else sessionStorage.removeItem(name);
    });
    reply.addEventListener("submit", () => sessionStorage.setItem(`${name}:sent`, "yes"));
  } catch {
    // A browser that keeps nothing keeps no drafts.
  }
  for (const hint of reply.querySelectorAll(".keys")) hint.hidden = false;
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    reply.requestSubmit(reply.querySelector("button[value=send]") || reply.querySelector(".actions button"));
  });
};
drafting();
document.addEventListener("page:again", drafting);

// A link to one decision opens it.
const named = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
if (named instanceof HTMLDetailsElement) named.open = true;

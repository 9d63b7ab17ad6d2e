// A list follows its filters while they are chosen; without a script there is a button.
"use strict";

const form = document.querySelector("form.filters");
const said = document.getElementById("list-said");
let asking = null;
let waiting = 0;

// The address of what the form says, without what is empty.
function wanted() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) {
    if (value.trim()) query.append(name, value.trim());
  }
  const text = query.toString();
  return form.action + (text ? `?${text}` : "");
}

async function show(url) {
  asking?.abort();
  asking = new AbortController();
  const list = document.getElementById("list");
  list.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { signal: asking.signal, headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("list");
    if (!answer.ok || answer.redirected || !fresh) return location.assign(url); // signed out, too many, gone: the page says so
    list.replaceWith(document.adoptNode(fresh));
    const back = document.querySelector(".columns input[name=back]");
    if (back) back.value = page.querySelector(".columns input[name=back]").value;
    for (const name of ["tab", "scope", "sort"]) keep(page, name);
    history.replaceState(null, "", url);
    said.textContent = fresh.querySelector("[data-said]").textContent;
  } catch (error) {
    if (error.name === "AbortError") return;
    list.removeAttribute("aria-busy");
  }
}

// What the form keeps hidden may have been put right: a state belongs to a tab.
function keep(page, name) {
  const fresh = page.querySelector(`form.filters input[name=${name}]`);
  form.querySelector(`input[type=hidden][name=${name}]`)?.remove();
  if (fresh) form.prepend(document.adoptNode(fresh));
}

function soon(milliseconds) {
  clearTimeout(waiting);
  waiting = setTimeout(() => show(wanted()), milliseconds);
}

if (form) {
  form.addEventListener("input", (event) => {
    if (event.target.name === "q") soon(300);
  });
  form.addEventListener("change", (event) => {
    if (event.target.name !== "q") soon(0);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    soon(0);
  });
}

// Columns are found by their names.
const looks = document.querySelector(".columns [data-looks]");
if (looks) {
  const fold = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  looks.hidden = false;
  looks.querySelector("input").addEventListener("input", (event) => {
    for (const one of looks.parentElement.querySelectorAll("label.check")) {
      one.hidden = !fold(one.textContent).includes(fold(event.target.value.trim()));
    }
  });
  looks.querySelector("input").addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
}

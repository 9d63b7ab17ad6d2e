// Files of a form: dropped, pasted or chosen, shown before they are sent, and kept when the form comes back with a
// question. Without this script the plain inputs do.
"use strict";

const FILES = (() => {
  const held = new WeakMap(); // field -> the files that are chosen
  const underway = new WeakSet(); // forms that are being sent
  const PICTURES = /^image\/(png|jpeg|gif|webp)$/;

  const say = (field, text) => {
    const live = field.querySelector("[data-live]");
    if (live) live.textContent = text;
  };

  const size = (bytes) => {
    const [number, unit] = bytes < 1e6 ? [Math.max(1, Math.round(bytes / 1e3)), "KB"] : [bytes / 1e6, "MB"];
    return `${number.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })} ${unit}`;
  };

  const wrong = (field, file) => {
    const { each, zip, sayEach, sayZip } = field.dataset;
    const ending = file.name.includes(".") ? `.${file.name.split(".").pop().toLowerCase()}` : "";
    if (ending && zip.split(" ").includes(ending)) return sayZip;
    return Number(each) && file.size > Number(each) ? sayEach : "";
  };

  const total = (field) => (held.get(field) || []).reduce((sum, file) => sum + file.size, 0);

  // The input holds what is chosen, so that the form sends it with a script and without.
  const put = (field, files) => {
    held.set(field, files);
    const box = new DataTransfer();
    for (const file of files) box.items.add(file);
    field.querySelector("input[type=file]").files = box.files;
    draw(field);
  };

  const draw = (field) => {
    const list = field.querySelector(".chosen");
    for (const picture of list.querySelectorAll("img")) URL.revokeObjectURL(picture.src);
    list.replaceChildren(
      ...held.get(field).map((file, place) => {
        const line = document.createElement("li");
        const picture = PICTURES.test(file.type) ? new Image() : document.createElement("span");
        if (picture instanceof Image) {
          picture.alt = "";
          picture.src = URL.createObjectURL(file);
        } else {
          picture.className = "kind";
          picture.setAttribute("aria-hidden", "true");
          picture.textContent = file.name.includes(".") ? file.name.split(".").pop().slice(0, 4) : "";
        }
        const words = document.createElement("span");
        const name = document.createElement("span");
        name.className = "name";
        name.textContent = file.name;
        const how = document.createElement("span");
        how.className = "faint";
        how.textContent = size(file.size);
        words.append(name, how);
        const problem = wrong(field, file);
        if (problem) {
          const bad = document.createElement("span");
          bad.className = "bad";
          bad.textContent = ` ${problem}`;
          words.append(bad);
        }
        const remove = document.createElement("button");
        remove.type = "button";
        remove.textContent = field.dataset.sayRemove;
        remove.setAttribute("aria-label", `${field.dataset.sayRemove}: ${file.name}`);
        remove.addEventListener("click", () => {
          put(field, held.get(field).filter((_, other) => other !== place));
          say(field, field.dataset.sayRemoved.replace("{name}", file.name));
          const rest = field.querySelectorAll(".chosen button");
          (rest[Math.min(place, rest.length - 1)] || field.querySelector("input[type=file]")).focus();
        });
        line.append(picture, words, remove);
        return line;
      }),
    );
    const over = total(field) > Number(field.dataset.most);
    field.classList.toggle("too-large", over);
    if (over) say(field, field.dataset.sayLarge);
  };

  const add = (field, files, text) => {
    const same = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
    const have = held.get(field);
    const fresh = [...files].filter((file) => !have.some((one) => same(one, file)));
    if (!fresh.length) return;
    field.querySelector("[data-again]")?.remove();
    say(field, (text || field.dataset.sayAdded).replace("{names}", fresh.map((file) => file.name).join(", ")));
    put(field, [...have, ...fresh]);
  };

  const pasted = (file, number) => {
    if (!/^image\.\w+$/.test(file.name)) return file; // a screenshot has no name of its own
    const now = new Date();
    const at = [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, "0")).join("");
    return new File([file], `print-${at}${number ? `-${number}` : ""}.${file.type.split("/")[1] || "png"}`, { type: file.type });
  };

  const ready = (field, files = []) => {
    if (field.classList.contains("ready")) return;
    field.classList.add("ready");
    for (const hidden of field.querySelectorAll(".how, .way > .button")) hidden.hidden = false;
    const list = document.createElement("ul");
    list.className = "chosen";
    list.setAttribute("aria-label", field.dataset.sayList);
    const live = document.createElement("span");
    live.className = "sr";
    live.dataset.live = "";
    live.setAttribute("role", "status");
    field.querySelector(".drop").append(list);
    field.append(live);
    const [main, camera] = field.querySelectorAll("input[type=file]");
    main.addEventListener("change", () => add(field, main.files));
    camera?.addEventListener("change", () => {
      add(field, camera.files);
      camera.value = "";
    });
    held.set(field, []);
    put(field, files.length ? files : [...main.files]);
    const form = field.closest("form");
    let depth = 0;
    const carries = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
    form.addEventListener("dragenter", (event) => {
      if (carries(event)) field.classList.toggle("over", ++depth > 0);
    });
    form.addEventListener("dragleave", (event) => {
      if (carries(event)) field.classList.toggle("over", --depth > 0);
    });
    form.addEventListener("dragover", (event) => {
      if (carries(event)) event.preventDefault();
    });
    form.addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      depth = 0;
      field.classList.remove("over");
      add(field, event.dataTransfer.files);
    });
    form.addEventListener("paste", (event) => {
      const found = [...(event.clipboardData?.files || [])].map(pasted);
      if (!found.length) return;
      event.preventDefault();
      add(field, found, field.dataset.sayPasted);
    });
  };

  // --- sending, with a bar ------------------------------------------------------------------------------------------

  const complain = (form, text) => {
    const place = form.querySelector("[data-wrong]");
    place.textContent = text;
    place.hidden = !text;
    if (text) place.scrollIntoView({ block: "center" });
  };

  const busy = (form, is) => {
    const box = form.querySelector("[data-sending-box]");
    box.hidden = !is;
    box.querySelector("progress").value = 0;
    for (const button of form.querySelectorAll("button:not([type=button])")) button.setAttribute("aria-disabled", is);
    if (is) {
      underway.add(form);
    } else {
      underway.delete(form);
      delete form.dataset.sending;
    }
  };

  // The page that came back takes the place of this one; what was chosen goes with it.
  const swap = (form, page) => {
    const main = page.querySelector("main");
    const fresh = form.id && page.getElementById(form.id);
    if (!main || !fresh) return false;
    const files = [...form.querySelectorAll("[data-files]")].map((field) => held.get(field) || []);
    document.querySelector("main").replaceWith(document.adoptNode(main));
    document.title = page.title;
    start(document, files);
    document.dispatchEvent(new CustomEvent("page:again"));
    const place = main.querySelector("[role=alert]:not([hidden]), [aria-invalid=true], [data-look]");
    if (place) {
      place.scrollIntoView({ block: "center" });
      if (!place.matches("input, textarea, select")) place.setAttribute("tabindex", "-1");
      place.focus({ preventScroll: true });
    }
    return true;
  };

  const arrived = (form, request) => {
    const page = new DOMParser().parseFromString(request.responseText, "text/html");
    const here = new URL(form.getAttribute("action") || location.href, location.href);
    if (request.status < 400 && request.responseURL && new URL(request.responseURL).pathname !== here.pathname) {
      const to = request.responseURL + (form.dataset.then || "");
      const same = request.responseURL === location.href.split("#")[0];
      location.assign(to);
      if (same) location.reload();
      return;
    }
    if (swap(form, page)) return;
    busy(form, false);
    const words = [...page.querySelectorAll("main h1, main p")].slice(0, 2).map((one) => one.textContent.trim());
    complain(form, words.join(" ") || form.querySelector("[data-sending-box]").dataset.sayFailed);
  };

  const send = (form, button) => {
    const body = new FormData(form);
    if (button?.name) body.append(button.name, button.value);
    body.append("keeps", "1"); // what is chosen here outlives a page that comes back
    const request = new XMLHttpRequest();
    const bar = form.querySelector("progress");
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) bar.value = Math.round((100 * event.loaded) / event.total);
    });
    request.addEventListener("load", () => arrived(form, request));
    request.addEventListener("error", () => {
      busy(form, false);
      complain(form, form.querySelector("[data-sending-box]").dataset.sayFailed);
    });
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    busy(form, true);
    complain(form, "");
    request.send(body);
  };

  const watch = (form) => {
    if (form.dataset.watched || !form.querySelector("[data-sending-box]")) return;
    form.dataset.watched = "yes";
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (underway.has(form)) return;
      const large = [...form.querySelectorAll("[data-files]")].find((field) => total(field) > Number(field.dataset.most));
      if (large) {
        delete form.dataset.sending;
        complain(form, large.dataset.sayLarge);
        return;
      }
      send(form, event.submitter);
    });
  };

  const start = (root, files = []) => {
    root.querySelectorAll("[data-files]").forEach((field, place) => ready(field, files[place]));
    root.querySelectorAll("form[method=post]").forEach(watch);
  };

  return { start };
})();

if (window.DataTransfer && window.XMLHttpRequest && window.DOMParser) FILES.start(document);

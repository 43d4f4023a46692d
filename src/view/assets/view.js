// Keys, and curves that follow a run. Every page works without it.
"use strict";

const rows = () => Array.from(document.querySelectorAll("table.rows tbody tr"));
let here = -1;

const go = (link) => { if (link) location.assign(link.href); };

function move(by) {
  const all = rows();
  if (all.length === 0) {
    go(document.querySelector(by > 0 ? "a[rel=next]" : "a[rel=prev]"));
    return;
  }
  if (here >= 0) all[here].classList.remove("here");
  here = Math.max(0, Math.min(all.length - 1, here + by));
  const row = all[here];
  row.classList.add("here");
  row.scrollIntoView({ block: "nearest" });
  const link = row.querySelector("a.open");
  if (link) link.focus({ preventScroll: true });
}

function isTyping(target) {
  return target.closest("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]") !== null;
}

const help = document.getElementById("help");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (help && help.open) return;
  if (event.key === "/") {
    const field = document.querySelector("[data-filter]");
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  } else if (event.key === "?") {
    event.preventDefault();
    if (help) help.showModal();
  } else if (document.body.dataset.keys === undefined) {
    if (event.key === "j") move(1);
    if (event.key === "k") move(-1);
  }
});

const button = document.getElementById("help-button");
if (button && help) button.addEventListener("click", () => help.showModal());

// A choice of filters is an address: what is empty is left out of it.
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("formdata", (event) => {
    const empty = [];
    for (const [name, value] of event.formData) if (value === "") empty.push(name);
    for (const name of new Set(empty)) {
      const kept = event.formData.getAll(name).filter((value) => value !== "");
      event.formData.delete(name);
      for (const value of kept) event.formData.append(name, value);
    }
  });
}

const curves = document.getElementById("curves");
if (curves) {
  const word = document.getElementById("live");
  const draw = async () => {
    const answer = await fetch(curves.dataset.curves);
    if (!answer.ok) return;
    curves.innerHTML = await answer.text();
    word.textContent = "drawn again at " + new Date().toLocaleTimeString();
  };
  const source = new EventSource(curves.dataset.live);
  source.addEventListener("changed", () => { draw().catch(() => {}); });
  source.addEventListener("open", () => { word.textContent = "follows the run"; });
  source.addEventListener("error", () => { word.textContent = "the server does not answer; it is asked again"; });
}

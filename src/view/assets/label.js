// Labelling by keys. What is chosen is sent once, and the next page is shown when the server has kept it.
"use strict";

const page = document.body.dataset;
const word = document.getElementById("word");
const began = performance.now();
let said = null;
let sawExecution = false;
let isSending = false;

const answers = Array.from(document.querySelectorAll("#answers .answer"));
const places = answers.map(() => null);
const steps = Array.from(document.querySelectorAll("#steps li"));
const marks = steps.map(() => null);
let at = 0;

function tell(text) { if (word) word.textContent = text; }

async function post(path, body) {
  if (isSending) return;
  isSending = true;
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const text = (await answer.text()).trim();
    // What is stale is shown anew: nothing that was kept is asked twice.
    if (answer.ok || (answer.status === 409 && path === "/label")) {
      location.assign("/label?as=" + encodeURIComponent(page.labeler));
      return;
    }
    tell(text);
  } catch {
    tell("The server does not answer: the label is not kept yet. Start it again and press Enter.");
  }
  isSending = false;
}

function keep(what) {
  const confidence = document.getElementById("confidence");
  post("/label", {
    labeler: page.labeler,
    item: page.item,
    count: Number(page.count),
    said: what,
    confidence: confidence && confidence.value ? Number(confidence.value) : null,
    reason: document.getElementById("reason").value,
    seconds: Math.round(performance.now() - began) / 1000,
    saw_execution: sawExecution,
  });
}

function finish() {
  if (page.keys === "pairs") {
    if (said === null) return tell("Choose first: a, b, t or x.");
    return keep(said);
  }
  if (page.keys === "rankings") {
    if (places.includes(null)) return tell("Every answer needs a place.");
    return keep({ places: places });
  }
  const firstOpen = marks.indexOf(null);
  const labelled = firstOpen < 0 ? marks : marks.slice(0, firstOpen);
  if (labelled.length === 0 || (firstOpen >= 0 && labelled[labelled.length - 1] !== "bad")) {
    return tell("Label every line, or every line to the first bad one.");
  }
  if (marks.slice(labelled.length).some((mark) => mark !== null)) return tell("A line between labelled ones has no label.");
  keep({ marks: labelled });
}

function choose(value, pressed) {
  said = value;
  for (const one of document.querySelectorAll(".choices button")) one.setAttribute("aria-pressed", String(one === pressed));
  answers.forEach((answer, place) => answer.classList.toggle("chosen", value && value.better === place));
  tell("");
}

function show() {
  const all = steps.length > 0 ? steps : answers;
  all.forEach((one, place) => one.classList.toggle(steps.length > 0 ? "here" : "chosen", place === at));
  if (all[at]) {
    all[at].scrollIntoView({ block: "nearest" });
    const button = all[at].querySelector("button");
    if (button) button.focus({ preventScroll: true });
  }
}

function move(by) {
  const count = steps.length > 0 ? steps.length : answers.length;
  at = Math.max(0, Math.min(count - 1, at + by));
  show();
}

function mark(value) {
  marks[at] = value;
  steps[at].className = value;
  steps[at].querySelector(".mark").textContent = value;
  if (value === "bad") { show(); return tell("The rest may be left. Enter keeps it."); }
  move(1);
}

function place(value) {
  if (value > answers.length) return tell("There are " + answers.length + " answers.");
  places[at] = value - 1;
  answers[at].querySelector(".place").textContent = "place " + value;
  const next = places.indexOf(null);
  if (next >= 0) { at = next; show(); }
}

function act(what, value, button) {
  if (what === "better") return choose({ better: value }, button);
  if (what === "tie" || what === "both_bad") return choose(what, button);
  if (what === "good" || what === "neutral" || what === "bad") return mark(what);
  if (what === "keep") return finish();
  if (what === "skip") return keep("skip");
  if (what === "undo") return post("/undo", { labeler: page.labeler });
  if (what === "execution") {
    const parts = document.querySelectorAll(".execution");
    const isHidden = parts.length > 0 && parts[0].hidden;
    for (const part of parts) part.hidden = !isHidden;
    sawExecution = sawExecution || isHidden;
    if (button) button.setAttribute("aria-pressed", String(isHidden));
  }
}

const byDoing = (what, value) => document.querySelector("[data-do=" + what + "]" + (value === undefined ? "" : "[data-value='" + value + "']"));

for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => act(button.dataset.do, Number(button.dataset.value), button));
}
steps.forEach((step, number) => step.addEventListener("click", () => {
  at = number;
  const next = { good: "neutral", neutral: "bad", bad: "good" };
  const value = marks[at] === null ? "good" : next[marks[at]];
  marks[at] = value;
  step.className = value;
  step.querySelector(".mark").textContent = value;
  show();
}));
answers.forEach((answer, number) => answer.addEventListener("click", () => {
  if (page.keys === "rankings") { at = number; show(); }
}));

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || page.keys === undefined) return;
  const dialog = document.getElementById("help");
  if (dialog && dialog.open) return;
  const isTyping = event.target.closest("input, textarea") !== null;
  if (event.key === "Enter") {
    // A button that was chosen by Tab is pressed, unless it is a line, which has keys of its own.
    if (event.target.closest("button[data-do], summary, a, dialog") !== null) return;
    event.preventDefault();
    if (page.keys !== "finished") finish();
    return;
  }
  if (isTyping) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "u") return act("undo");
  if (page.keys === "finished") return;
  const keys = {
    pairs: { a: ["better", 0], b: ["better", 1], t: ["tie"], x: ["both_bad"] },
    rankings: {},
    steps: { g: ["good"], n: ["neutral"], b: ["bad"] },
  }[page.keys];
  const chosen = keys[event.key];
  if (chosen) return act(chosen[0], chosen[1], byDoing(chosen[0], chosen[1]));
  if (event.key === "s") return act("skip");
  if (event.key === "e") return act("execution", undefined, byDoing("execution"));
  if (event.key === "j") return move(1);
  if (event.key === "k") return move(-1);
  if (event.key === "r") {
    event.preventDefault();
    document.getElementById("reason").focus();
  }
  if (/^[1-9]$/.test(event.key)) {
    if (page.keys === "rankings") return place(Number(event.key));
    const field = document.getElementById("confidence");
    if (field) field.value = event.key;
  }
});

if (steps.length > 0 || page.keys === "rankings") show();

const progress = document.getElementById("progress");
if (progress) {
  setInterval(async () => {
    try {
      const answer = await fetch(progress.dataset.again);
      if (answer.ok) progress.innerHTML = await answer.text();
    } catch { /* it is asked again */ }
  }, 3000);
}

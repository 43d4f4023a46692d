// Keys of a report: j and k go from section to section.
"use strict";
const parts = Array.from(document.querySelectorAll("main h2"));
let at = -1;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || parts.length === 0) return;
  if (event.key !== "j" && event.key !== "k") return;
  at = Math.max(0, Math.min(parts.length - 1, at + (event.key === "j" ? 1 : -1)));
  parts[at].scrollIntoView({ block: "start" });
});

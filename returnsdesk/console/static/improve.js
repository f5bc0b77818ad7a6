// Correcting a turn: a value of the message is marked by selecting it. The page may put turns in anew at any time.
"use strict";

document.addEventListener("toggle", (event) => {
  const turn = event.target;
  if (!(turn instanceof Element) || !turn.matches(".correction") || !turn.open) return;
  turn.querySelector("[data-mark-text]").hidden = false;
  turn.querySelector("[data-with-script]").hidden = false;
}, true);

// A correction that is being made stays as it is when the page brings itself up to date.
document.addEventListener("live:fresh", (event) => {
  for (const turn of document.querySelectorAll(".correction[open]")) {
    const message = turn.closest("li[id]");
    const fresh = message && event.detail.getElementById(message.id);
    if (fresh) fresh.replaceWith(message.cloneNode(true));
  }
});

function takeSelection(event) {
  const text = event.target instanceof Element && event.target.closest("[data-mark-text]");
  const selection = document.getSelection();
  if (!text || selection.isCollapsed || !text.contains(selection.anchorNode) || !text.contains(selection.focusNode)) return;
  const value = selection.toString().trim();
  if (!value) return;
  const rows = [...text.parentElement.querySelectorAll("[data-new-mark]")];
  let row = rows.find((each) => !each.querySelector("input").value);
  if (!row) {
    row = rows[0].cloneNode(true);
    rows.at(-1).after(row);
  }
  row.querySelector("input").value = value;
  row.querySelector("select").focus();
}

document.addEventListener("mouseup", takeSelection);
document.addEventListener("touchend", takeSelection);

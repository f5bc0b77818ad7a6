// What every page of the console does: instants in the reader's own zone.
"use strict";

const localise = (root) => {
  for (const shown of root.querySelectorAll("time[datetime]")) {
    const at = new Date(shown.dateTime);
    if (!Number.isNaN(at.getTime())) {
      shown.title = shown.textContent + " UTC";
      shown.textContent = at.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
    }
  }
};

localise(document);
// A page that is brought up to date while it is open: live.js.
document.addEventListener("live:fresh", (event) => localise(event.detail));

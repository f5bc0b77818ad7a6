// What every page of the console does: instants in the reader's own zone.
"use strict";

for (const shown of document.querySelectorAll("time[datetime]")) {
  const at = new Date(shown.dateTime);
  if (!Number.isNaN(at.getTime())) {
    shown.title = shown.textContent + " UTC";
    shown.textContent = at.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  }
}

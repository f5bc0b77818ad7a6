// Masked fields: "Show" puts the value in its place without leaving the page.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button.reveal") : null;
  if (!button || button.getAttribute("form") !== "reveal") return;
  event.preventDefault();
  button.disabled = true;
  const answer = await fetch("/console/reveal", {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRF-Token": document.body.dataset.csrf },
    body: new URLSearchParams({ what: button.value }),
  }).catch(() => null);
  if (!answer || !answer.ok) {
    // The form says what is wrong, or leads to the log-in.
    button.disabled = false;
    const form = document.getElementById("reveal");
    if (form) form.requestSubmit(button);
    return;
  }
  const shown = button.parentElement;
  shown.textContent = (await answer.json()).value;
  shown.classList.add("is-revealed");
  shown.tabIndex = -1;
  shown.focus();
});

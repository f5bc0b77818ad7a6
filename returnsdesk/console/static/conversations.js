// Transcripts by keyboard: moving through the list or the messages, opening, reviewing, tagging, searching.
"use strict";

(() => {
  const find = (selector) => document.querySelector(selector);
  const dialog = find("[data-shortcut-list]");
  const stops = () => [...document.querySelectorAll("[data-line], .talk > .message")];
  let at = -1;

  const lineOf = (stop) => stop.closest(".line") || stop;

  const goTo = (place) => {
    const every = stops();
    if (!every.length) return;
    if (every[at]) lineOf(every[at]).classList.remove("is-at");
    at = Math.max(0, Math.min(every.length - 1, place));
    const stop = every[at];
    lineOf(stop).classList.add("is-at");
    if (stop.matches("a")) {
      stop.focus();
    } else {
      stop.tabIndex = -1;
      stop.focus({ preventScroll: true });
    }
    lineOf(stop).scrollIntoView({ block: "nearest" });
  };

  const open = () => {
    const stop = stops()[at];
    if (!stop) return false;
    if (stop.matches("a")) stop.click();
    const behind = stop.querySelector("details.turn");
    if (behind) behind.open = !behind.open;
    return true;
  };

  const press = (selector) => {
    const button = find(selector);
    if (button) button.click();
    return Boolean(button);
  };

  const focus = (selector) => {
    const field = find(selector);
    if (field) field.focus();
    return Boolean(field);
  };

  const leave = (address) => {
    location.assign(address);
    return true;
  };

  const keys = {
    j: () => goTo(at + 1),
    k: () => goTo(at - 1),
    o: open,
    r: () => press("[data-review]"),
    t: () => focus("[data-tag]"),
    u: () => find("[data-back]") && leave(find("[data-back]").href),
    "/": () => focus("[data-search]") || leave("/console/conversations"),
    "?": () => dialog && dialog.showModal(),
  };

  const isTyping = (target) =>
    target instanceof HTMLElement && (target.isContentEditable || target.closest("input, textarea, select"));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && event.key !== "j" && event.key !== "k") return;
    if (isTyping(event.target) || (dialog && dialog.open)) return;
    if (event.key === "Enter") {
      // On a link or button the browser does it by itself.
      if (event.target instanceof HTMLElement && event.target.matches(".message") && open()) event.preventDefault();
      return;
    }
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  document.addEventListener("focusin", (event) => {
    const place = stops().indexOf(event.target);
    if (place >= 0) at = place;
  });

  for (const button of document.querySelectorAll("[data-shortcuts]")) {
    button.hidden = false;
    button.addEventListener("click", () => dialog.showModal());
  }
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }
})();

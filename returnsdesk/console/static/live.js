// Live pages: how many wait, what has changed, who is writing; a bar while the connection is gone.
//
// The server is asked for the page again when a mark that concerns it has changed, and every element with an id and
// `data-live` is brought up to date from it. Nothing is drawn here that the server has not rendered.
"use strict";

(() => {
  const body = document.body;
  if (!body.dataset.csrf) return;

  const OFFLINE_AFTER_MS = 2500;
  const SLEEP_AFTER_MS = 30000;
  const BETWEEN_REFRESHES_MS = 1500;
  const BETWEEN_SIGNS_OF_TYPING_MS = 3000;
  const RETRY_MS = 3000;
  // The server says that it is there every ten seconds.
  const SILENT_MS = 30000;

  const title = document.title;
  const panel = document.querySelector("[data-conversation]");
  const conversation = panel ? panel.dataset.conversation : "";
  const marked = document.querySelector("[data-mark]");
  let mark = marked ? marked.dataset.mark : null;
  let source = null;
  let isLeader = false;
  let waiting = null;

  // ---- the bar ----

  const bar = document.createElement("p");
  bar.className = "offline-bar";
  bar.setAttribute("role", "status");
  bar.hidden = true;
  body.prepend(bar);
  let barTimer = 0;

  const setLost = (isLost, afterMs = OFFLINE_AFTER_MS) => {
    // Every failed try to connect comes by here; the first one counts.
    if (isLost && barTimer && afterMs > 0) return;
    clearTimeout(barTimer);
    barTimer = 0;
    if (!isLost) {
      bar.hidden = true;
      return;
    }
    barTimer = setTimeout(() => {
      bar.textContent = "Offline. What you see may be out of date; trying to connect again.";
      bar.hidden = false;
    }, afterMs);
  };

  const showEnded = () => {
    const link = document.createElement("a");
    link.href = `/console/login?next=${encodeURIComponent(location.pathname + location.search)}`;
    link.textContent = "Log in again";
    bar.replaceChildren("Your session has ended. ", link);
    clearTimeout(barTimer);
    bar.hidden = false;
  };

  // ---- bringing the page up to date ----

  const FOCUSABLE = "a[href], button, input, select, textarea, summary";
  const placeOf = (root, selector, element) => [...root.querySelectorAll(selector)].indexOf(element);

  // What is folded out and where the keyboard is stay as they are.
  const replace = (old, fresh) => {
    const open = [...old.querySelectorAll("details")].map((each) => each.open);
    const focus = old.contains(document.activeElement) ? placeOf(old, FOCUSABLE, document.activeElement) : -1;
    old.replaceChildren(...fresh.childNodes);
    old.querySelectorAll("details").forEach((each, index) => (each.open = open[index] || each.open));
    if (focus >= 0) (old.querySelectorAll(FOCUSABLE)[focus] || old.querySelector(FOCUSABLE) || document.getElementById("main")).focus();
  };

  // Children with ids are told apart by them, and left alone where nothing has changed.
  const merge = (old, fresh) => {
    if (old.isEqualNode(fresh)) return;
    for (const { name, value } of fresh.attributes) old.setAttribute(name, value);
    const haveIds = (element) => [...element.children].every((child) => child.id);
    if (!fresh.children.length || !haveIds(old) || !haveIds(fresh)) {
      replace(old, fresh);
      return;
    }
    const known = new Map([...old.children].map((child) => [child.id, child]));
    let last = null;
    for (const child of [...fresh.children]) {
      const present = known.get(child.id);
      known.delete(child.id);
      const next = last ? last.nextElementSibling : old.firstElementChild;
      if (present && present !== next) old.insertBefore(present, next);
      if (present) merge(present, child);
      else old.insertBefore(child, next);
      last = present || child;
    }
    for (const gone of known.values()) gone.remove();
  };

  const update = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    // Scripts that change what the server has rendered do so with this as well, so that the two can be compared.
    document.dispatchEvent(new CustomEvent("live:fresh", { detail: fresh }));
    tick(fresh);
    tick(document);
    const wasAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 120;
    for (const element of document.querySelectorAll("[data-live][id]")) {
      const next = fresh.getElementById(element.id);
      if (!next) continue;
      if (element.dataset.version === undefined) merge(element, next);
      else if (element.dataset.version !== next.dataset.version) keepingText(() => merge(element, next));
    }
    const nextMark = fresh.querySelector("[data-mark]");
    if (nextMark) mark = nextMark.dataset.mark;
    document.dispatchEvent(new CustomEvent("live:updated"));
    if (panel && wasAtEnd) scrollTo({ top: document.documentElement.scrollHeight });
  };

  // What an agent has written stays, also when a colleague has taken the conversation over meanwhile.
  const keepingText = (change) => {
    const field = document.getElementById("live-text");
    const text = field ? field.value : "";
    const hadFocus = field && document.activeElement === field;
    change();
    const next = document.getElementById("live-text");
    if (next) {
      next.value = text || next.value;
      if (hadFocus) next.focus();
    } else if (text.trim()) showProblem(`Not sent: “${text}”`);
  };

  let isRefreshing = false;
  let isStale = false;

  const refresh = async () => {
    if (document.hidden) {
      isStale = true;
      return;
    }
    if (isRefreshing) {
      isStale = true;
      return;
    }
    isRefreshing = true;
    isStale = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Live": "1" }, cache: "no-store" });
      if (answer.redirected && new URL(answer.url).pathname === "/console/login") showEnded();
      else if (answer.ok) update(await answer.text());
    } catch {
      isStale = true;
    }
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_REFRESHES_MS));
    isRefreshing = false;
    if (isStale && source) refresh();
  };

  // ---- news ----

  const showWaiting = (count) => {
    for (const link of document.querySelectorAll('a[href="/console/waiting"]')) {
      if (!link.closest("nav")) continue;
      let badge = link.querySelector(".count");
      if (!badge) {
        badge = document.createElement("span");
        badge.className = "count";
        link.append(" ", badge);
      }
      badge.hidden = !count;
      badge.textContent = count;
    }
    document.title = count ? `(${count}) ${title}` : title;
    if (waiting !== null && count > waiting) announce(count);
    waiting = count;
  };

  const showTypist = (name) => {
    const place = document.getElementById("live-typing");
    const text = name ? `${name} is writing …` : "";
    if (place && place.textContent !== text) place.textContent = text;
  };

  const take = (state) => {
    showWaiting(state.waiting);
    const next = conversation ? state.conversation : state.lists;
    if (conversation) showTypist(state.typist);
    if (next !== mark && document.querySelector("[data-live]")) {
      mark = next;
      refresh();
    }
  };

  const hangUp = () => {
    if (source) source.close();
    source = null;
  };

  const listen = () => {
    hangUp();
    const query = conversation ? `?conversation=${encodeURIComponent(conversation)}` : "";
    const stream = new EventSource(`/console/events${query}`);
    source = stream;
    heardAt = Date.now();
    stream.addEventListener("open", () => setLost(false));
    stream.addEventListener("alive", () => (heardAt = Date.now()));
    stream.addEventListener("state", (event) => take(JSON.parse(event.data)));
    stream.addEventListener("ended", () => {
      hangUp();
      showEnded();
    });
    stream.addEventListener("error", () => {
      setLost(true, navigator.onLine ? OFFLINE_AFTER_MS : 0);
      // The browser gives up on an answer that is no stream: logged out, or a proxy's error.
      if (stream.readyState === EventSource.CLOSED) setTimeout(() => source === stream && reconnect(), RETRY_MS);
    });
  };

  // A connection may be dead without the browser knowing, above all after the machine has slept.
  let heardAt = Date.now();
  setInterval(() => {
    if (!source || document.hidden || Date.now() - heardAt < SILENT_MS) return;
    setLost(true);
    wake();
  }, 5000);

  const reconnect = async () => {
    try {
      const answer = await fetch("/console/account", { method: "HEAD", redirect: "manual", headers: { Accept: "text/plain" } });
      if (answer.status === 401) {
        hangUp();
        showEnded();
        return;
      }
    } catch {
      // Still away.
    }
    listen();
  };

  // A browser opens few connections to one address: of the pages that are not in view one alone goes on listening.
  let sleepTimer = 0;
  if (navigator.locks) {
    navigator.locks.request("returnsdesk-console", () => {
      isLeader = true;
      if (!source) listen();
      return new Promise(() => {});
    });
  }
  const wake = () => {
    clearTimeout(sleepTimer);
    listen();
    refresh();
  };
  document.addEventListener("visibilitychange", () => {
    clearTimeout(sleepTimer);
    if (document.hidden) sleepTimer = setTimeout(() => !isLeader && hangUp(), SLEEP_AFTER_MS);
    else if (!source) wake();
    else if (isStale) refresh();
  });
  addEventListener("online", wake);
  addEventListener("offline", () => setLost(true, 0));
  addEventListener("pageshow", (event) => event.persisted && wake());
  addEventListener("pagehide", hangUp);

  // ---- who wants to be told ----

  const KEY = "returnsdesk-console";
  const options = () => {
    try {
      return JSON.parse(localStorage.getItem(KEY)) || {};
    } catch {
      return {};
    }
  };

  const beep = () => {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.15, audio.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.5);
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.5);
    tone.onended = () => audio.close();
  };

  const announce = (count) => {
    const { sound, notify } = options();
    // One page speaks for all that are open.
    if (navigator.locks && !isLeader) return;
    if (sound) beep();
    if (notify && document.hidden && "Notification" in window && Notification.permission === "granted") {
      const notice = new Notification("Somebody is waiting for a person", { body: `${count} waiting`, tag: KEY });
      notice.onclick = () => {
        window.focus();
        location.href = "/console/waiting";
      };
    }
  };

  for (const group of document.querySelectorAll("[data-live-options]")) {
    group.hidden = false;
    for (const box of group.querySelectorAll("[data-option]")) {
      box.checked = Boolean(options()[box.dataset.option]);
      box.addEventListener("change", async () => {
        let chosen = box.checked;
        if (chosen && box.dataset.option === "notify") {
          chosen = "Notification" in window && (await Notification.requestPermission()) === "granted";
          box.checked = chosen;
        }
        if (chosen && box.dataset.option === "sound") beep();
        try {
          localStorage.setItem(KEY, JSON.stringify({ ...options(), [box.dataset.option]: chosen }));
        } catch {
          // Nothing is kept then.
        }
      });
    }
  }

  // ---- how long somebody waits ----

  const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const waited = (seconds) => {
    const found = UNITS.findIndex(([size]) => seconds >= size);
    const first = found < 0 ? UNITS.length - 1 : found;
    const words = UNITS.slice(first, first + 2).map(([size, unit], index) => {
      const over = first + index > 0 ? seconds % UNITS[first + index - 1][0] : seconds;
      return `${Math.floor(over / size)} ${unit}`;
    });
    return words.join(" ");
  };
  const tick = (root) => {
    for (const place of root.querySelectorAll("[data-since]")) {
      const seconds = Math.max(0, Math.floor((Date.now() - new Date(place.dataset.since)) / 1000));
      place.textContent = `(${waited(seconds)})`;
    }
  };
  tick(document);
  setInterval(() => tick(document), 1000);

  // ---- joining, writing, handing back ----

  const send = (address, form) =>
    fetch(address, {
      method: "POST",
      body: form,
      headers: { Accept: "application/json", "X-CSRF-Token": body.dataset.csrf },
    });

  const showProblem = (text) => {
    const place = document.getElementById("live-problem");
    place.textContent = text;
    place.hidden = !text;
  };

  const submit = async (form, data) => {
    if (form.dataset.busy) return false;
    form.dataset.busy = "yes";
    try {
      const answer = await send(form.action, data);
      if (answer.status === 401) showEnded();
      const { sentence } = await answer.json().catch(() => ({}));
      showProblem(answer.ok ? "" : sentence || "That did not work. Nothing was changed.");
      refresh();
      return answer.ok;
    } catch {
      showProblem("Not sent: there is no connection. Your text is kept; try again.");
      setLost(true, 0);
      return false;
    } finally {
      delete form.dataset.busy;
    }
  };

  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.matches("[data-live-say]")) {
      event.preventDefault();
      if (!form.text.value.trim() || form.dataset.busy) return;
      const sent = form.text.value;
      // The same key until it is known to be stored: a try that was cut off does not become two messages.
      if (await submit(form, new FormData(form))) {
        if (form.text.value === sent) form.text.value = "";
        form.key.value = newKey();
        form.text.focus();
      }
    } else if (form.matches("[data-live-form]")) {
      event.preventDefault();
      if (await submit(form, new FormData(form, event.submitter))) {
        document.addEventListener("live:updated", () => focusOnPanel(), { once: true });
      }
    } else if (form.matches("[data-live-canned]")) {
      event.preventDefault();
      const field = document.getElementById("live-text");
      const text = form.canned.selectedOptions[0].dataset.text;
      field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
      field.focus();
      sign();
    }
  });

  // The button that was pressed is gone.
  const focusOnPanel = () => {
    const field = document.getElementById("live-text");
    const target = field || document.getElementById("live-title");
    if (!target) return;
    if (!field) target.tabIndex = -1;
    target.focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "live-text" || event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });

  let signedAt = 0;
  const sign = () => {
    const form = document.querySelector("[data-live-say]");
    if (!form || !form.text.value.trim() || Date.now() - signedAt < BETWEEN_SIGNS_OF_TYPING_MS) return;
    signedAt = Date.now();
    send(form.dataset.typing, new FormData()).catch(() => {});
  };
  document.addEventListener("input", (event) => event.target.id === "live-text" && sign());

  listen();
})();

/*
 * The chat of Returns Desk for a shop's pages: one script line, one custom element in a shadow DOM; docs/widget.md.
 * What is shown comes from the desk's rows, except a message that is still on its way.
 */
"use strict";

(() => {
  const TAG = "returns-desk-chat";
  if (customElements.get(TAG)) return;

  const script = document.currentScript;
  const LANGUAGES = ["en", "nl", "de", "nb", "pl"];
  const TEXT_LIMIT = 4000;
  const PHOTO_LIMIT = 10 * 1024 * 1024;
  const FIRST_PAUSE_MS = 500;
  const LONGEST_PAUSE_MS = 8000;
  const REQUEST_MS = 20000;
  // A short gap is not worth a word.
  const LOST_AFTER_MS = 1200;
  const SLEEP_AFTER_MS = 30000;

  // ---- words needed without the desk, in the order of LANGUAGES; all others come with the session ----

  const TEXTS = {
    title: ["Help with returns", "Hulp bij retouren", "Hilfe bei Retouren", "Hjelp med retur", "Pomoc przy zwrotach"],
    open: ["Open chat", "Chat openen", "Chat öffnen", "Åpne chatten", "Otwórz czat"],
    news: ["new messages", "nieuwe berichten", "neue Nachrichten", "nye meldinger", "nowe wiadomości"],
    close: ["Close chat", "Chat sluiten", "Chat schließen", "Lukk chatten", "Zamknij czat"],
    greeting: [
      "Hello! I help with returns, exchanges and refunds. What can I do for you?",
      "Hallo! Ik help bij retouren, omruilen en terugbetalingen. Wat kan ik voor je doen?",
      "Hallo! Ich helfe bei Retouren, Umtausch und Erstattungen. Was kann ich für Sie tun?",
      "Hei! Jeg hjelper med retur, bytte og refusjon. Hva kan jeg gjøre for deg?",
      "Dzień dobry! Pomagam przy zwrotach, wymianach i zwrotach pieniędzy. W czym mogę pomóc?",
    ],
    write: ["Write a message", "Schrijf een bericht", "Nachricht schreiben", "Skriv en melding", "Napisz wiadomość"],
    send: ["Send", "Versturen", "Senden", "Send", "Wyślij"],
    you: ["You", "Jij", "Sie", "Du", "Ty"],
    assistant: ["Assistant", "Assistent", "Assistent", "Assistent", "Asystent"],
    connecting: ["Connecting …", "Verbinden …", "Verbindung wird aufgebaut …", "Kobler til …", "Łączenie …"],
    lost: [
      "The connection is gone. I keep trying; what you write is sent as soon as it is back.",
      "De verbinding is weg. Ik blijf het proberen; wat je schrijft, wordt daarna verstuurd.",
      "Die Verbindung ist unterbrochen. Ich versuche es weiter; was Sie schreiben, wird danach gesendet.",
      "Forbindelsen er borte. Jeg prøver videre; det du skriver, sendes når den er tilbake.",
      "Brak połączenia. Próbuję dalej; wiadomości zostaną wysłane, gdy wróci.",
    ],
    offline: [
      "You are offline. What you write is sent when you are back online.",
      "Je bent offline. Wat je schrijft, wordt verstuurd zodra je weer online bent.",
      "Sie sind offline. Was Sie schreiben, wird gesendet, sobald Sie wieder online sind.",
      "Du er frakoblet. Det du skriver, sendes når du er på nett igjen.",
      "Jesteś offline. Wiadomości zostaną wysłane po powrocie do sieci.",
    ],
    contact: ["You can also write to", "Je kunt ook schrijven naar", "Sie können auch schreiben an", "Du kan også skrive til", "Można też napisać na"],
    unsent: ["Not sent yet, trying again.", "Nog niet verstuurd, ik probeer het opnieuw.", "Noch nicht gesendet, neuer Versuch läuft.", "Ikke sendt ennå, prøver igjen.", "Jeszcze nie wysłano, próbuję ponownie."],
    retry: ["Try again", "Opnieuw proberen", "Erneut versuchen", "Prøv igjen", "Spróbuj ponownie"],
    attach: ["Send a photo", "Foto versturen", "Foto senden", "Send et bilde", "Wyślij zdjęcie"],
  };

  // ---- look ----

  const CSS = `
:host { all: initial; direction: inherit; color-scheme: light;
  --accent: #1d5b4f; --on-accent: #fff; --paper: #fff; --wash: #f3f1ed; --ink: #22201d; --soft: #5c5750; --line: #8a847b;
  --alert: #9c2f1f; --alert-wash: #fbeae6; --round: 16px; --sides: auto 20px; }
:host([data-dark]) { color-scheme: dark;
  --paper: #1e2120; --wash: #2b2f2d; --ink: #f0ede7; --soft: #b9b3a9; --line: #7d827f; --alert: #ffb4a5; --alert-wash: #40231d; }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
button, textarea { font: inherit; color: inherit; letter-spacing: inherit; }
button { cursor: pointer; min-width: 24px; min-height: 24px; }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; box-shadow: 0 0 0 2px var(--paper); }
svg { width: 22px; height: 22px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
[dir=rtl] .send { transform: scaleX(-1); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.launcher, dialog { font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; text-align: start; }
.launcher { position: fixed; z-index: 2147483000; inset-block-end: max(20px, env(safe-area-inset-bottom)); inset-inline: var(--sides);
  width: 60px; height: 60px; padding: 0; border: 2px solid var(--paper); border-radius: 50%; background: var(--accent); color: var(--on-accent);
  display: grid; place-items: center; box-shadow: 0 4px 18px rgb(0 0 0 / 25%); }
.launcher svg { width: 28px; height: 28px; }
.badge { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-width: 24px; padding: 0 6px; border-radius: 12px;
  background: #b3261e; color: #fff; font-size: 14px; font-weight: 600; }
:host([data-position=start]) { --sides: 20px auto; }
dialog { position: fixed; z-index: 2147483001; inset-block: auto max(20px, env(safe-area-inset-bottom)); inset-inline: var(--sides); margin: 0; padding: 0;
  width: 400px; max-width: calc(100vw - 40px); height: min(680px, calc(100dvh - 40px)); max-height: none; border: 1px solid var(--line);
  border-radius: var(--round); background: var(--paper); color: var(--ink); overflow: hidden; box-shadow: 0 12px 48px rgb(0 0 0 / 28%); }
dialog[open] { display: flex; flex-direction: column; }
dialog::backdrop { background: var(--paper); }
dialog:focus { outline: none; }
.head { display: flex; align-items: center; gap: 2px; padding: 8px; padding-inline-start: 16px; background: var(--accent); color: var(--on-accent); }
.head :focus-visible { outline-color: var(--on-accent); box-shadow: none; }
h2 { flex: 1; margin: 0; font-size: 17px; font-weight: 650; overflow-wrap: anywhere; }
.icon { width: 44px; height: 44px; padding: 0; border: 0; border-radius: 10px; background: none; display: grid; place-items: center; flex: none; }
.icon:hover { background: rgb(128 128 128 / 25%); }
.log { flex: 1; overflow-y: auto; overscroll-behavior: contain; padding: 16px; display: flex; flex-direction: column; gap: 8px; }
.log > :first-child { margin-block-start: auto; }
.message { max-width: 86%; align-self: flex-start; display: flex; flex-direction: column; gap: 6px; }
.message.shopper { align-self: flex-end; align-items: flex-end; }
.bubble { padding: 9px 13px; border: 1px solid transparent; border-radius: var(--round); border-end-start-radius: 4px; background: var(--wash);
  white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
.shopper .bubble { background: var(--accent); color: var(--on-accent); border-radius: var(--round); border-end-end-radius: 4px; }
.agent .bubble { background: var(--paper); border-color: var(--line); }
.system { align-self: center; align-items: center; max-width: 94%; }
.system .bubble { background: none; color: var(--soft); font-size: 15px; text-align: center; padding-block: 2px; }
a { color: inherit; }
a.solid { text-align: center; }
.name, time, .state, .count { font-size: 13px; color: var(--soft); unicode-bidi: plaintext; }
.state { color: var(--alert); display: flex; gap: 8px; flex-wrap: wrap; align-items: center; justify-content: flex-end; }
.picture { max-width: 100%; max-height: 220px; border-radius: 12px; border: 1px solid var(--line); background: var(--wash); }
.choices { display: flex; flex-wrap: wrap; gap: 8px; max-width: 94%; }
.choice { min-height: 44px; padding: 8px 14px; border: 1.5px solid var(--line); border-radius: 22px; background: var(--paper); color: var(--ink);
  text-align: start; overflow-wrap: anywhere; }
.choice:hover, .pick:hover { background: var(--wash); }
.choice:disabled { color: var(--soft); border-style: dashed; cursor: default; }
.solid { background: var(--accent); color: var(--on-accent); border-color: transparent; }
.solid:hover { background: var(--accent); text-decoration: underline; }
.text-button { padding: 2px 6px; border: 0; background: none; text-decoration: underline; min-height: 28px; }
.card { width: 320px; max-width: 100%; border: 1px solid var(--line); border-radius: 14px; padding: 12px; background: var(--paper); display: grid; gap: 10px; }
h3, p { margin: 0; font-size: inherit; }
.item { display: flex; gap: 12px; align-items: center; width: 100%; text-align: start; }
.pick { border: 1px solid var(--line); border-radius: 12px; padding: 8px; background: var(--paper); }
.item img { width: 64px; height: 64px; border-radius: 10px; object-fit: cover; background: var(--wash); flex: none; }
.item span { display: block; overflow-wrap: anywhere; }
.soft { color: var(--soft); font-size: 14px; }
.stages { list-style: none; margin: 0; padding: 0; font-size: 15px; color: var(--soft); }
.stages li { position: relative; display: flex; gap: 8px; justify-content: space-between; padding: 3px 0; padding-inline-start: 26px; }
.stages li::before { content: ""; position: absolute; inset-block-start: 8px; inset-inline-start: 1px; width: 14px; height: 14px; border: 2px solid var(--line); border-radius: 50%; }
.stages li:not(:last-child)::after { content: ""; position: absolute; inset-block: 22px -6px; inset-inline-start: 7px; border-inline-start: 2px solid var(--line); }
.stages span { unicode-bidi: plaintext; }
.stages [data-state=done]::before { background: var(--accent); border-color: var(--accent); box-shadow: 0 0 0 1px var(--line); }
.stages [data-state=now] { color: var(--ink); font-weight: 650; }
.stages [data-state=now]::before { border: 4px solid var(--ink); }
.sizes .choice { min-width: 48px; text-align: center; border-radius: 10px; padding-inline: 10px; }
.sold { text-decoration: line-through; }
.status { min-height: 24px; padding: 0 16px 4px; font-size: 14px; color: var(--soft); }
.status.lost { background: var(--alert-wash); color: var(--alert); padding-block: 8px; }
.ask { border-block-start: 1px solid var(--line); padding: 12px 16px; display: grid; gap: 10px; }
.row, .sizes { display: flex; gap: 8px; flex-wrap: wrap; }
.star { width: 48px; min-height: 44px; border: 1.5px solid var(--line); border-radius: 10px; background: var(--paper); }
.star[aria-pressed=true] { background: var(--accent); color: var(--on-accent); }
form { display: flex; align-items: flex-end; gap: 4px; padding: 8px; padding-block-end: max(8px, env(safe-area-inset-bottom)); border-block-start: 1px solid var(--line); }
textarea { flex: 1; min-width: 0; min-height: 44px; max-height: 140px; padding: 10px 12px; resize: none; font-size: 16px; border: 1px solid var(--line);
  border-radius: 12px; background: var(--paper); color: var(--ink); unicode-bidi: plaintext; }
textarea::placeholder { color: var(--soft); opacity: 1; }
.count { padding: 0 16px; text-align: end; color: var(--alert); }
progress { width: 180px; accent-color: var(--accent); }
@media (max-width: 560px), (max-height: 480px) {
  dialog { inset: var(--top, 0) 0 auto 0; width: 100vw; max-width: none; height: var(--height, 100dvh); border: 0; border-radius: 0; }
}
@media (prefers-reduced-motion: no-preference) {
  dialog[open] { animation: appear .16s ease-out; }
  .typing::after { content: ""; display: inline-block; width: 6px; height: 6px; margin-inline-start: 6px; border-radius: 50%; background: currentColor; animation: blink 1s infinite alternate; }
  @keyframes appear { from { transform: translateY(12px); opacity: 0; } }
  @keyframes blink { to { opacity: .2; } }
}
@media (forced-colors: active) { .bubble, .solid, .launcher { border-color: CanvasText; } .stages li::before { background: CanvasText; } }
`;

  const ICONS = {
    chat: "M21 12a8 8 0 0 1-8 8H4l2-3a8 8 0 1 1 15-5z",
    close: "M6 6l12 12M18 6 6 18",
    fresh: "M4 12a8 8 0 1 0 3-6M4 4v4h4",
    save: "M12 4v11m-5-5 5 5 5-5M5 20h14",
    send: "M4 12h15m-6-6 6 6-6 6",
    telegram: "M3 11 21 4l-3 16-6-5-3 4-1-6z",
    photo: "M4 8h4l2-3h4l2 3h4v11H4zM12 16a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  };

  // ---- small tools ----

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => (byte + 256).toString(16).slice(1)).join("");

  // Children that are strings become text, never markup.
  const make = (tag, attributes = {}, ...children) => {
    const space = tag === "svg" || tag === "path" ? "http://www.w3.org/2000/svg" : "http://www.w3.org/1999/xhtml";
    const made = document.createElementNS(space, tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== undefined) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  const button = (className, act, ...children) => make("button", { type: "button", class: className, onclick: act }, ...children);

  const iconButton = (name, label, act, className = "icon") => {
    const icon = make("svg", { viewBox: "0 0 24 24", "aria-hidden": true, class: name }, make("path", { d: ICONS[name] }));
    const made = button(className, act, icon);
    made.title = label;
    made.setAttribute("aria-label", label);
    return made;
  };

  // Storage may be switched off; the chat then ends with the page.
  const store = (area, key) => {
    const read = () => {
      try {
        return JSON.parse(window[area].getItem(key)) || {};
      } catch {
        return {};
      }
    };
    const write = (value) => {
      try {
        window[area].setItem(key, JSON.stringify(value));
      } catch {
        // Nothing is kept then.
      }
    };
    return { read, write, keep: (changes) => write({ ...read(), ...changes }) };
  };

  const knownLanguage = (tag) => {
    const language = String(tag || "").toLowerCase().split(/[-_]/)[0];
    return LANGUAGES.find((each) => each === ({ no: "nb", nn: "nb" }[language] || language));
  };

  // Black or white, whichever stands out more from a colour "#rrggbb".
  const textColourOn = (colour) => {
    const [red, green, blue] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
  };

  const matches = (query) => window.matchMedia(query).matches;

  const isNews = (message) => message.author !== "shopper" && message.kind !== "rating";

  // ---- the element ----

  class ReturnsDeskChat extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      const set = this.dataset;
      this.desk = (set.desk || new URL(".", script ? script.src : location.href).href).replace(/\/+$/, "");
      this.language =
        [set.language, document.documentElement.lang, ...navigator.languages].map(knownLanguage).find(Boolean) || "en";
      this.locale = this.language === "en" ? "en-GB" : this.language;
      this.key = `returnsdesk:${this.desk}`;
      this.kept = store("localStorage", this.key);
      this.tab = store("sessionStorage", this.key);
      this.token = this.kept.read().token;
      this.unsent = this.tab.read().unsent || [];
      this.context = this.readContext();
      this.pending = new Map(); // message id -> element of a message that the desk has not shown yet
      this.seen = this.unread = 0;
      this.build();
      this.watch();
      // On a small screen the chat would cover the page that was just asked for.
      if (this.tab.read().open && !this.isSmall()) this.open(false);
      else this.countNews();
    }

    disconnectedCallback() {
      this.hangUp();
    }

    text(name, facts = {}) {
      const words = TEXTS[name] ? TEXTS[name][LANGUAGES.indexOf(this.language)] : this.words[name];
      return words.replace(/\{(\w+)\}/g, (_, fact) => facts[fact]);
    }

    readContext() {
      const { order, product, name, context = "{}" } = this.dataset;
      try {
        return { order, product, name, ...JSON.parse(context) };
      } catch {
        return { order, product, name };
      }
    }

    isSmall() {
      return matches("(max-width: 560px), (max-height: 480px)");
    }

    // ---- building ----

    build() {
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      root.adoptedStyleSheets = [sheet];
      const { theme, colour } = this.dataset;
      const dark = window.matchMedia("(prefers-color-scheme: dark)");
      const paint = () => this.toggleAttribute("data-dark", theme ? theme === "dark" : dark.matches);
      dark.addEventListener("change", paint);
      paint();
      if (/^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(colour)) {
        const full = colour.length === 4 ? colour.replace(/\w/g, "$&$&") : colour;
        this.style.setProperty("--accent", full);
        this.style.setProperty("--on-accent", textColourOn(full));
      }
      this.launcher = iconButton("chat", this.text("open"), () => this.open(), "launcher");
      this.launcher.setAttribute("aria-haspopup", "dialog");
      this.launcher.lang = this.language;
      this.badge = make("span", { class: "badge", hidden: "" });
      this.launcher.append(this.badge);
      root.append(this.launcher);
    }

    // The panel is built when it is first opened: until then the page carries one button.
    buildPanel() {
      const header = make(
        "div",
        { class: "head" },
        make("h2", { id: "title" }, this.dataset.title || this.text("title")),
        iconButton("close", this.text("close"), () => this.close()),
      );
      this.log = make("div", { class: "log", role: "log", "aria-labelledby": "title", tabindex: 0 });
      this.status = make("p", { class: "status", role: "status" });
      this.ask = make("div", { class: "ask", role: "group", "aria-labelledby": "ask", hidden: "" });
      const onkeydown = (event) => {
        if (event.key !== "Escape" || event.isComposing) return;
        event.preventDefault();
        this.close();
      };
      this.panel = make(
        "dialog",
        { lang: this.language, tabindex: -1, "aria-labelledby": "title", onkeydown, oncancel: (event) => event.preventDefault() },
        header,
        this.log,
        this.status,
        this.ask,
        ...this.buildComposer(),
      );
      this.shadowRoot.append(this.panel);
      this.fitScreen();
    }

    buildComposer() {
      const onkeydown = (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        form.requestSubmit();
      };
      const onsubmit = (event) => {
        event.preventDefault();
        const text = this.field.value.trim();
        if (!text || this.charactersLeft() < 0) return;
        this.field.value = "";
        this.fitField();
        this.send({ text });
        this.field.focus();
      };
      const write = this.text("write");
      this.count = make("div", { class: "count", id: "count" });
      this.field = make("textarea", {
        rows: 1, placeholder: write, "aria-label": write, enterkeyhint: "send", "aria-describedby": "count", onkeydown, oninput: () => this.fitField(),
      });
      this.field.value = this.tab.read().draft || "";
      const onchange = () => {
        if (file.files[0]) this.upload(file.files[0]);
        file.value = "";
      };
      const file = make("input", { type: "file", accept: "image/*", hidden: "", onchange });
      const send = iconButton("send", this.text("send"), () => {}, "icon solid");
      send.type = "submit";
      const form = make("form", { onsubmit }, file, iconButton("photo", this.text("attach"), () => file.click()), this.field, send);
      return [this.count, form];
    }

    charactersLeft() {
      return TEXT_LIMIT - [...this.field.value.trim()].length;
    }

    fitField() {
      this.field.style.height = "auto";
      this.field.style.height = `${this.field.scrollHeight + 2}px`;
      const left = this.charactersLeft();
      this.count.textContent = left < 0 && this.words ? this.text("too_long", { count: -left }) : "";
      this.tab.keep({ draft: this.field.value });
    }

    // Keeps the field above a phone's keyboard.
    fitScreen() {
      const view = window.visualViewport;
      const fit = () => {
        this.panel.style.setProperty("--height", `${view.height}px`);
        this.panel.style.setProperty("--top", `${view.offsetTop}px`);
      };
      view.addEventListener("resize", fit);
      view.addEventListener("scroll", fit);
      fit();
    }

    // ---- opening and closing ----

    open(takesFocus = true) {
      if (!this.panel) this.buildPanel();
      if (this.isOpen()) return;
      this.panel.dir = getComputedStyle(this).direction;
      // A chat that fills the screen keeps keys and screen readers inside; beside the page it does not.
      if (this.isSmall()) this.panel.showModal();
      else if (takesFocus) this.panel.show();
      else this.panel.open = true;
      this.launcher.hidden = true;
      this.setUnread(0);
      this.tab.keep({ open: true });
      if (takesFocus) this.focusOn(this.panel);
      this.fitField();
      if (!this.isBegun) this.begin();
      else this.kept.keep({ read: this.seen });
      this.scrollDown();
    }

    close() {
      if (!this.isOpen()) return;
      this.panel.close();
      this.launcher.hidden = false;
      this.launcher.focus();
      this.tab.keep({ open: false });
    }

    isOpen() {
      return this.panel && this.panel.open;
    }

    // Where there is no mouse, the keyboard would cover what there is to read.
    focusOn(place) {
      (matches("(hover: hover)") ? this.field : place).focus();
    }

    setUnread(count) {
      this.unread = count;
      this.badge.hidden = !count;
      this.badge.textContent = count;
      this.launcher.setAttribute("aria-label", this.text("open") + (count ? `, ${count} ${this.text("news")}` : ""));
    }

    // Whoever has a conversation is told of what was said while the chat was closed.
    async countNews() {
      if (!this.token || this.isBegun || document.hidden) return;
      const { answer = {} } = await this.call("GET", `/api/history?after=${this.kept.read().read || 0}`).catch(() => ({}));
      if (answer.messages && !this.isBegun) this.setUnread(answer.messages.filter(isNews).length);
    }

    // ---- talking to the desk ----

    request(method, path, body, token = this.token) {
      const headers = {};
      if (body) headers["Content-Type"] = "application/json";
      if (token) headers.Authorization = `Bearer ${token}`;
      // What was begun goes on when the page is left.
      const options = { method, headers, credentials: "omit", keepalive: true, signal: AbortSignal.timeout(REQUEST_MS) };
      return fetch(this.desk + path, { ...options, body: body && JSON.stringify(body) });
    }

    async call(...request) {
      const response = await this.request(...request);
      const answer = await response.json().catch(() => ({}));
      return { ok: response.ok, status: response.status, answer, retryMs: 1000 * response.headers.get("Retry-After") };
    }

    // Who is logged in at the shop: a signed token, null for nobody, undefined when it does not say.
    async loginToken() {
      const { loginUrl, loginToken } = this.dataset;
      const hook = window.ReturnsDesk && window.ReturnsDesk.loginToken;
      try {
        if (hook) return (await hook()) || null;
        if (loginUrl) {
          const response = await fetch(loginUrl, { credentials: "same-origin", cache: "no-store" });
          return (response.ok && (await response.json()).login_token) || null;
        }
      } catch {
        return undefined;
      }
      return loginToken === undefined ? undefined : loginToken || null;
    }

    begin() {
      this.isBegun = true;
      this.clear();
      this.unsent.forEach((entry) => this.showPending(entry));
      this.connect();
    }

    async connect() {
      if (this.isConnecting) return;
      this.isConnecting = true;
      this.hangUp();
      const slow = setTimeout(() => this.setLost(true), LOST_AFTER_MS * 3);
      for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
        this.isWaiting = !this.isLost;
        this.showStatus();
        try {
          await this.locked(() => this.openSession());
          break;
        } catch (error) {
          if (!error.retryMs) this.setLost(true);
          await this.pauseUntilOnline(error.retryMs || wait);
        }
      }
      clearTimeout(slow);
      this.isConnecting = this.isWaiting = false;
      this.listen();
      this.flush();
    }

    // Tabs that open or end a conversation at once share what comes of it.
    locked(act) {
      return navigator.locks ? navigator.locks.request(this.key, act) : act();
    }

    async openSession() {
      const login = await this.loginToken();
      const kept = this.kept.read();
      let token = kept.token;
      if (token && kept.signedIn && login === null) {
        // The shopper has logged out of the shop: what this browser may see ends here.
        await this.call("DELETE", "/api/session", undefined, token);
        token = "";
      }
      const wish = { language: this.language, login_token: login || undefined };
      const { ok, answer, retryMs } = await this.call("POST", "/api/session", wish, token || "");
      if (!ok) throw Object.assign(new Error(answer.message), { retryMs });
      if (this.conversation && this.conversation !== answer.conversation_id) {
        this.clear();
        if (!answer.resumed) this.note(this.text("ended"));
      }
      this.conversation = answer.conversation_id;
      this.token = answer.token;
      this.words = answer.words;
      if (!this.tools) this.showTools();
      if (!this.seen && !this.unsent.length) this.offerStarters();
      this.log.lang = answer.language;
      const read = answer.resumed ? kept.read : 0;
      this.kept.keep({ token: answer.token, signedIn: Boolean(login) && answer.signed_in, read });
    }

    // What needs the desk; it has words about Telegram where there is a bot.
    showTools() {
      const tools = { telegram: this.goToTelegram, save: this.download, fresh: this.askFresh };
      const shown = Object.entries(tools).filter(([name]) => this.words[name]);
      this.tools = shown.map(([name, act]) => iconButton(name, this.text(name), act.bind(this)));
      this.shadowRoot.querySelector("h2").after(...this.tools);
      this.fitField();
    }

    hangUp() {
      if (this.source) this.source.close();
    }

    listen() {
      this.hangUp();
      // What was said before is not read out again.
      this.log.setAttribute("aria-live", "off");
      const source = new EventSource(`${this.desk}/api/events?after=${this.seen}&session=${this.token}`);
      this.source = source;
      const on = (name, act) => source.addEventListener(name, act);
      on("open", () => {
        this.setLost(false);
        setTimeout(() => this.log.setAttribute("aria-live", "polite"), LOST_AFTER_MS);
      });
      on("message", (event) => this.show(JSON.parse(event.data)));
      on("typing", (event) => {
        const { typing, name } = JSON.parse(event.data);
        this.isTyping = typing && (name || this.text("assistant"));
        this.showStatus();
      });
      // Ended elsewhere: on with the conversation that another tab began, or with a new one.
      on("ended", () => this.connect());
      on("error", async () => {
        this.setLost(true);
        // The browser gives up on an answer that is no stream.
        if (source.readyState !== EventSource.CLOSED) return;
        await pause(2 * FIRST_PAUSE_MS);
        if (this.source === source) this.connect();
      });
    }

    pauseUntilOnline(ms) {
      return Promise.race([pause(ms), new Promise((resolve) => window.addEventListener("online", resolve, { once: true }))]);
    }

    // Connections die unnoticed while a machine sleeps.
    watch() {
      const on = (name, act) => window.addEventListener(name, act);
      const resume = () => {
        clearTimeout(this.sleepTimer);
        if (!this.isBegun) this.countNews();
        else if (!this.isConnecting && this.token) this.listen();
      };
      on("online", resume);
      on("offline", () => this.panel && this.setLost(true));
      on("pageshow", (event) => event.persisted && resume());
      document.addEventListener("visibilitychange", () => {
        if (!document.hidden) return resume();
        clearTimeout(this.sleepTimer);
        this.sleepTimer = setTimeout(() => this.hangUp(), SLEEP_AFTER_MS);
      });
      on("storage", (event) => {
        const { token } = this.kept.read();
        if (event.key !== this.key || !this.isBegun || this.isConnecting || !token || !this.token) return;
        if (subject(token) !== subject(this.token)) this.connect();
      });
    }

    // ---- sending ----

    send(message) {
      const entry = { id: newId(), ...message };
      this.setUnsent([...this.unsent, entry]);
      this.showPending(entry);
      this.flush();
    }

    setUnsent(unsent) {
      this.unsent = unsent;
      this.tab.keep({ unsent });
    }

    // One after the other, in the order in which they were written.
    async flush() {
      if (this.isFlushing) return;
      this.isFlushing = true;
      for (let wait = 2 * FIRST_PAUSE_MS; this.token && this.unsent.length; ) {
        const entry = this.unsent[0];
        const content = entry.button ? { button: entry.button } : { text: entry.text };
        const message = { ...content, context: this.context, message_id: entry.id };
        // Without a connection the status is 0.
        const { ok, status, answer, retryMs } = await this.call("POST", "/api/messages", message).catch(() => ({ status: 0 }));
        if (status === 401) {
          this.connect();
          break;
        }
        if (!status || status === 429 || status >= 500) {
          const hurried = new Promise((hurry) => this.setState(entry.id, this.text("unsent"), { [this.text("retry")]: hurry }));
          await Promise.race([this.pauseUntilOnline(retryMs || wait), hurried]);
          wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
          continue;
        }
        wait = 2 * FIRST_PAUSE_MS;
        this.setUnsent(this.unsent.filter((each) => each !== entry));
        if (ok) this.setState(entry.id, "");
        else this.refuse(entry.id, `${this.text("refused")} ${answer.message || status}`);
      }
      this.isFlushing = false;
    }

    refuse(id, reason, again) {
      const choices = again ? { [this.text("retry")]: again } : {};
      this.setState(id, reason, { ...choices, [this.text("discard")]: () => this.removePending(id) });
    }

    // ---- photos ----

    upload(file) {
      if (!this.words) return setTimeout(() => this.upload(file), FIRST_PAUSE_MS);
      const id = newId();
      const name = file.name || this.text("photo");
      const made = this.showPending({ id, text: name });
      const progress = make("progress", { max: 100, value: 0, "aria-label": this.text("attach") });
      const fail = (reason, again) => {
        progress.remove();
        this.refuse(id, reason, again);
      };
      if (!file.type.startsWith("image/") || file.size > PHOTO_LIMIT) return fail(this.text("photo_wrong"));
      const start = () => {
        this.setState(id, "");
        made.append(progress);
        // The only way to see how far a file has got.
        const request = new XMLHttpRequest();
        request.open("POST", `${this.desk}/api/photos?message_id=${id}&name=${encodeURIComponent(name.slice(-100))}`);
        request.setRequestHeader("Authorization", `Bearer ${this.token}`);
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.responseType = "json";
        request.upload.onprogress = (event) => (progress.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0);
        request.onload = () => {
          if (request.status < 300) return progress.remove();
          const words = (request.response && request.response.message) || this.text("photo_failed");
          fail(words, request.status === 429 || request.status >= 500 ? start : undefined);
        };
        request.onerror = request.ontimeout = () => fail(this.text("photo_failed"), start);
        request.send(file);
      };
      start();
    }

    // ---- showing ----

    clear() {
      this.pending.clear();
      this.seen = 0;
      this.isTyping = false;
      this.log.replaceChildren(this.bubble({ author: "assistant", text: this.dataset.greeting || this.text("greeting") }));
    }

    offerStarters() {
      this.hideChoices();
      const { order, product, name } = this.context;
      const starters = ["where", "how", "size"].map((each) => this.text(each));
      if (order) starters.unshift(this.text("from_order", { order }));
      if (product) starters.unshift(this.text("of_product", { product: name || product }));
      this.add(this.choices(starters.slice(0, 3).map((title) => ({ title }))));
    }

    note(text) {
      this.add(this.bubble({ author: "system", text }));
    }

    bubble({ author, text, image, label, at, custom = {}, buttons = [] }) {
      const made = make("div", { class: `message ${author}` });
      const isOwn = author === "shopper";
      if (author === "agent") made.append(make("span", { class: "name" }, custom.name || this.text("agent")));
      else if (author !== "system") made.append(this.unseen(`${this.text(isOwn ? "you" : "assistant")}: `));
      if (image) made.append(this.picture(image, isOwn ? this.text("photo") : ""));
      if (text) made.append(make("div", { class: "bubble" }, ...(isOwn ? [text] : this.linked(text))));
      if (label) made.append(this.labelCard(label));
      if (custom.card) made.append(...this.card(custom, buttons));
      if (at) made.append(this.time(at));
      return made;
    }

    // For those who hear the chat.
    unseen(text) {
      return make("span", { class: "unseen" }, text);
    }

    // Only whole addresses of the web become links; everything else stays text.
    linked(text) {
      return text
        .split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/)
        .map((part, index) => (index % 2 && this.link(part, part)) || part);
    }

    link(label, address, className) {
      const href = this.address(address);
      return href && make("a", { class: className, href, target: "_blank", rel: "noopener noreferrer" }, label);
    }

    address(text) {
      try {
        const url = new URL(text, `${this.desk}/`);
        return /^https?:$/.test(url.protocol) ? url.href : undefined;
      } catch {
        return undefined;
      }
    }

    picture(address, alt, className = "picture") {
      return make("img", { class: className, alt, src: this.address(address), onload: () => this.scrollDown() });
    }

    time(at) {
      const moment = new Date(at);
      const dateStyle = moment.toDateString() === new Date().toDateString() ? undefined : "medium";
      return make("time", { datetime: at }, new Intl.DateTimeFormat(this.locale, { timeStyle: "short", dateStyle }).format(moment));
    }

    day(text) {
      const [year, month, day] = String(text).split("-").map(Number);
      if (!day) return String(text);
      return new Intl.DateTimeFormat(this.locale, { day: "numeric", month: "short" }).format(new Date(year, month - 1, day));
    }

    amount(minor, currency) {
      const format = new Intl.NumberFormat(this.locale, { style: "currency", currency });
      return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
    }

    choices(buttons) {
      return make("div", { class: "choices" }, ...buttons.map((each) => this.choice(each, "choice", each.title)));
    }

    choice({ title, token }, className, ...children) {
      const act = () => {
        this.send(token ? { button: token, title } : { text: title });
        this.focusOn(this.log);
      };
      return button(className, act, ...children);
    }

    show(message) {
      if (message.seq <= this.seen) return;
      this.seen = message.seq;
      const { message_id: id, custom = {}, buttons = [] } = message;
      if (id) {
        this.removePending(id);
        this.setUnsent(this.unsent.filter((entry) => entry.id !== id));
      }
      if (message.kind === "rating") return;
      if (message.author === "shopper") this.hideChoices();
      this.add(this.bubble(message));
      const inCard = this.buttonsInCard(custom);
      const rest = buttons.filter((_, index) => !inCard.includes(index));
      if (rest.length) this.add(this.choices(rest));
      if (this.isOpen()) this.kept.keep({ read: this.seen });
      else if (isNews(message) && this.seen > (this.kept.read().read || 0)) this.setUnread(this.unread + 1);
    }

    showPending({ id, text, title }) {
      this.hideChoices();
      const made = this.bubble({ author: "shopper", text: text || title });
      made.append(make("span", { class: "state", role: "status" }));
      this.pending.set(id, made);
      this.log.append(made);
      this.scrollDown();
      return made;
    }

    setState(id, text, actions = {}) {
      const made = this.pending.get(id);
      if (!made) return;
      const buttons = Object.entries(actions).map(([label, act]) => button("text-button", act, label));
      made.querySelector(".state").replaceChildren(text, ...buttons);
      if (text) this.scrollDown();
    }

    removePending(id) {
      const made = this.pending.get(id);
      if (made) made.remove();
      this.pending.delete(id);
    }

    // Only the open question can be answered by a button.
    hideChoices() {
      this.log.querySelectorAll(".choices").forEach((each) => each.remove());
      this.log.querySelectorAll(".pick, .sizes .choice").forEach((each) => (each.disabled = true));
    }

    add(made) {
      const isAtEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 200;
      const [firstPending = null] = this.pending.values();
      this.log.insertBefore(made, firstPending);
      if (isAtEnd) this.scrollDown();
    }

    scrollDown() {
      this.log.scrollTop = this.log.scrollHeight;
    }

    // Every failed try to connect comes by here; the first one counts.
    setLost(lost) {
      if (lost && (this.isLost || this.lostTimer)) return;
      clearTimeout(this.lostTimer);
      this.lostTimer = 0;
      const set = () => {
        this.lostTimer = 0;
        this.isLost = lost;
        this.showStatus();
      };
      if (!lost) set();
      else this.lostTimer = setTimeout(set, navigator.onLine ? LOST_AFTER_MS : 0);
    }

    showStatus() {
      const { isLost, isTyping, status } = this;
      status.classList.toggle("lost", Boolean(isLost));
      status.classList.toggle("typing", !isLost && Boolean(isTyping));
      let text = this.isWaiting ? this.text("connecting") : "";
      if (isTyping) text = `${isTyping} ${this.text("typing")}`;
      if (isLost) text = this.text(navigator.onLine ? "lost" : "offline");
      // The same words are not read out again.
      if (status.dataset.text === text) return;
      status.dataset.text = text;
      status.replaceChildren(text);
      const { contact } = this.dataset;
      if (isLost && contact) status.append(` ${this.text("contact")} `, make("a", { href: `mailto:${contact}` }, contact), ".");
    }

    // ---- cards: shapes in docs/widget.md; the text of the message always says the same ----

    card(custom, buttons) {
      const draw = { items: this.itemsCard, status: this.statusCard, sizes: this.sizesCard, rating: this.rating }[custom.card];
      try {
        return draw ? [draw.call(this, custom, buttons)] : [];
      } catch {
        return []; // A card of a shape that this version does not know: its text stands above.
      }
    }

    buttonsInCard({ card, items, groups }) {
      const options = { items, sizes: [groups].flat().flatMap((group) => (group || {}).options) }[card];
      return [options].flat().map((each) => (each || {}).button);
    }

    item({ title, detail, image, amount_minor: minor, currency }) {
      const small = [detail, minor === undefined ? "" : this.amount(minor, currency)].filter(Boolean).join(" · ");
      const words = make("span", {}, make("span", {}, title));
      if (small) words.append(make("span", { class: "soft" }, small));
      return [...(image ? [this.picture(image, "", "")] : []), words];
    }

    itemsCard({ items }, buttons) {
      const rows = items.map((each) => {
        const chosen = buttons[each.button];
        return chosen ? this.choice(chosen, "pick item", ...this.item(each)) : make("div", { class: "item" }, ...this.item(each));
      });
      return make("div", { class: "card" }, ...rows);
    }

    statusCard({ title, detail, items = [], stages = [], links = [] }) {
      const card = make("div", { class: "card" }, make("h3", {}, title));
      if (detail) card.append(make("p", { class: "soft" }, detail));
      card.append(...items.map((each) => make("div", { class: "item" }, ...this.item(each))));
      const rows = stages.map(({ label, state, date }) => {
        const name = make("span", {}, label);
        if (state === "done") name.append(this.unseen(` (${this.text("done")})`));
        const current = state === "now" ? "step" : undefined;
        return make("li", { "data-state": state, "aria-current": current }, name, make("span", {}, date ? this.day(date) : ""));
      });
      if (rows.length) card.append(make("ol", { class: "stages" }, ...rows));
      card.append(...links.map(({ label, url }) => this.link(label, url, "choice solid")).filter(Boolean));
      return card;
    }

    labelCard({ url, qr_url: code, rma_number: number }) {
      const card = this.statusCard({ title: number, links: [{ label: this.text("label"), url }] });
      if (code) card.append(this.picture(code, "QR"));
      return card;
    }

    sizesCard({ groups }, buttons) {
      const card = make("div", { class: "card" });
      for (const { label: group, options } of groups) {
        const picks = options.map(({ label, button: index }) => {
          if (buttons[index]) return this.choice(buttons[index], "choice", label);
          const pick = button("choice sold", () => {}, label, this.unseen(` (${this.text("sold_out")})`));
          pick.disabled = true;
          return pick;
        });
        if (group) card.append(make("h3", {}, group));
        card.append(make("div", { class: "sizes", role: "group", "aria-label": group || undefined }, ...picks));
      }
      return card;
    }

    // ---- rating, new conversation, transcript, log-out ----

    // Stands there unseen until the desk says that a rating is welcome.
    rating() {
      const [question, hint] = [this.text("rate"), this.text("comment")];
      const comment = make("textarea", { rows: 2, "aria-label": hint, placeholder: hint });
      const row = make("div", { class: "row", role: "group", "aria-label": question });
      const made = make("div", { class: "card", hidden: "" }, make("p", {}, question), row);
      for (let score = 1; score <= 5; score++) {
        const star = button("star", () => keep(), String(score));
        star.setAttribute("aria-label", this.text("stars", { count: score }));
        const keep = async (isLast) => {
          const body = { score, comment: comment.value.trim() };
          const { ok, answer = {} } = await this.call("POST", "/api/rating", body).catch(() => ({}));
          if (!ok) return this.note(`${this.text("refused")} ${answer.message || this.text("lost")}`);
          const thanks = make("p", {}, this.text("thanks"));
          if (isLast) return made.replaceChildren(thanks);
          row.childNodes.forEach((each) => each.setAttribute("aria-pressed", each === star));
          made.replaceChildren(...[...made.childNodes].slice(0, 2), thanks, comment, button("choice", () => keep(true), this.text("send")));
        };
        row.append(star);
      }
      this.call("GET", "/api/rating").then(({ answer }) => (made.hidden = !answer.is_welcome), () => {});
      return made;
    }

    askFresh() {
      const done = () => {
        this.ask.hidden = true;
        this.field.focus();
      };
      const yes = () => {
        done();
        this.startFresh();
      };
      const no = button("choice", done, this.text("keep"));
      const row = make("div", { class: "row" }, button("choice solid", yes, this.text("fresh")), no);
      this.ask.replaceChildren(this.rating(), make("p", { id: "ask" }, this.text("fresh_ask")), row);
      this.ask.hidden = false;
      no.focus();
    }

    // Whoever is logged in at the shop is still known in the new one; a chat on Telegram goes on with it.
    async startFresh() {
      this.hangUp();
      try {
        await this.locked(async () => {
          const { ok, status, answer } = await this.call("DELETE", "/api/session", { fresh: true });
          if (!ok && status !== 401) throw new Error(answer.message);
          this.kept.write({ token: answer.token });
        });
        this.setUnsent([]);
        this.conversation = undefined;
        this.clear();
      } catch {
        this.note(this.text("lost"));
      }
      this.connect();
    }

    async goToTelegram() {
      const { answer = {} } = await this.call("POST", "/api/telegram-link").catch(() => ({}));
      const { url, message } = answer;
      if (!url) return this.note(message || this.text("lost"));
      const links = [{ label: this.text("telegram_open"), url }];
      const card = this.statusCard({ title: this.text("telegram"), detail: this.text("telegram_once"), links });
      this.add(card);
      card.querySelector("a").focus();
    }

    async download() {
      try {
        const response = await this.request("GET", `/api/transcript?zone=${Intl.DateTimeFormat().resolvedOptions().timeZone}`);
        if (!response.ok) throw new Error(response.status);
        const href = URL.createObjectURL(await response.blob());
        make("a", { href, download: "chat.txt" }).click();
        setTimeout(() => URL.revokeObjectURL(href), REQUEST_MS);
      } catch {
        this.note(this.text("lost"));
      }
    }

    async logOut() {
      const { token } = this.kept.read();
      this.hangUp();
      this.setUnsent([]);
      this.tab.keep({ draft: "" });
      this.token = this.conversation = undefined;
      this.kept.write({});
      this.setUnread(0);
      if (this.isBegun) {
        this.field.value = "";
        this.clear();
      }
      if (token) await this.call("DELETE", "/api/session", undefined, token).catch(() => {});
      if (this.isBegun) this.connect();
    }
  }

  const subject = (token) => token.split(".")[1];

  customElements.define(TAG, ReturnsDeskChat);

  // ---- what the page may call ----

  const mount = () => {
    const chat = document.querySelector(TAG) || document.createElement(TAG);
    if (script) for (const [name, value] of Object.entries(script.dataset)) chat.dataset[name] ??= value;
    if (!chat.isConnected) document.body.append(chat);
    window.ReturnsDesk = Object.assign(window.ReturnsDesk || {}, {
      open: () => chat.open(),
      close: () => chat.close(),
      logOut: () => chat.logOut(),
      logIn: (token) => {
        if (token) window.ReturnsDesk.loginToken = typeof token === "function" ? token : () => token;
        if (chat.isBegun) chat.connect();
      },
      setContext: (context) => {
        chat.context = context || {};
      },
    });
  };

  if (document.body) mount();
  else document.addEventListener("DOMContentLoaded", mount);
})();

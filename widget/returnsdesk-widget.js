/*
 * The chat of Returns Desk for a shop's pages: one script line, one custom element in a shadow DOM, nothing else.
 *
 *   <script src="https://desk.shop.example/widget.js" async data-language="nl" data-colour="#1d5b4f"></script>
 *
 * Attributes, hooks and Content-Security-Policy: docs/widget.md. Until the chat is opened, it asks the desk nothing.
 * What is shown comes from the desk's rows; only a message that is still on its way is drawn before.
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
  // A short gap, such as a reload of the desk, is not worth a word.
  const LOST_AFTER_MS = 1200;
  const SLEEP_AFTER_MS = 30000;

  // ---- words, in the order of LANGUAGES ----

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
    where: ["Where is my refund?", "Waar blijft mijn geld?", "Wo bleibt meine Erstattung?", "Hvor er refusjonen min?", "Gdzie jest mój zwrot pieniędzy?"],
    how: ["How do I return something?", "Hoe stuur ik iets terug?", "Wie sende ich etwas zurück?", "Hvordan returnerer jeg noe?", "Jak coś zwrócić?"],
    size: ["I need another size", "Ik heb een andere maat nodig", "Ich brauche eine andere Größe", "Jeg trenger en annen størrelse", "Potrzebuję innego rozmiaru"],
    from_order: [
      "I want to return something from order {order}",
      "Ik wil iets uit bestelling {order} terugsturen",
      "Ich möchte etwas aus Bestellung {order} zurückgeben",
      "Jeg vil returnere noe fra ordre {order}",
      "Chcę zwrócić coś z zamówienia {order}",
    ],
    of_product: [
      "Can I return the {product} if it does not fit?",
      "Kan ik de {product} terugsturen als die niet past?",
      "Kann ich {product} zurückgeben, wenn es nicht passt?",
      "Kan jeg returnere {product} hvis det ikke passer?",
      "Czy mogę zwrócić {product}, jeśli nie pasuje?",
    ],
    write: ["Write a message", "Schrijf een bericht", "Nachricht schreiben", "Skriv en melding", "Napisz wiadomość"],
    send: ["Send", "Versturen", "Senden", "Send", "Wyślij"],
    you: ["You", "Jij", "Sie", "Du", "Ty"],
    assistant: ["Assistant", "Assistent", "Assistent", "Assistent", "Asystent"],
    agent: ["Colleague", "Collega", "Mitarbeiter", "Medarbeider", "Pracownik"],
    typing: ["is writing …", "schrijft …", "schreibt …", "skriver …", "pisze …"],
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
    refused: ["Not sent:", "Niet verstuurd:", "Nicht gesendet:", "Ikke sendt:", "Nie wysłano:"],
    retry: ["Try again", "Opnieuw proberen", "Erneut versuchen", "Prøv igjen", "Spróbuj ponownie"],
    discard: ["Remove", "Verwijderen", "Entfernen", "Fjern", "Usuń"],
    too_long: ["{count} characters too many", "{count} tekens te veel", "{count} Zeichen zu viel", "{count} tegn for mye", "o {count} znaków za dużo"],
    photo: ["Photo", "Foto", "Foto", "Bilde", "Zdjęcie"],
    attach: ["Send a photo", "Foto versturen", "Foto senden", "Send et bilde", "Wyślij zdjęcie"],
    photo_wrong: ["Only pictures of at most 10 MB can be sent.", "Je kunt alleen afbeeldingen tot 10 MB versturen.", "Nur Bilder bis 10 MB können gesendet werden.", "Bare bilder på opptil 10 MB kan sendes.", "Można wysłać tylko obrazy do 10 MB."],
    photo_failed: ["The photo did not get through.", "De foto is niet aangekomen.", "Das Foto ist nicht angekommen.", "Bildet kom ikke fram.", "Zdjęcie nie dotarło."],
    fresh: ["New conversation", "Nieuw gesprek", "Neues Gespräch", "Ny samtale", "Nowa rozmowa"],
    fresh_ask: ["Start anew? This conversation is closed then.", "Opnieuw beginnen? Dit gesprek wordt dan gesloten.", "Neu beginnen? Dieses Gespräch wird dann geschlossen.", "Begynne på nytt? Denne samtalen lukkes da.", "Zacząć od nowa? Ta rozmowa zostanie zamknięta."],
    keep: ["Keep this one", "Dit gesprek houden", "Dieses behalten", "Behold denne", "Zostaw tę"],
    ended: ["The earlier conversation has ended. This is a new one.", "Het vorige gesprek is afgelopen. Dit is een nieuw gesprek.", "Das frühere Gespräch ist beendet. Dies ist ein neues.", "Den forrige samtalen er avsluttet. Dette er en ny.", "Poprzednia rozmowa jest zakończona. To jest nowa."],
    save: ["Download transcript", "Gesprek downloaden", "Gespräch herunterladen", "Last ned samtalen", "Pobierz zapis rozmowy"],
    sold_out: ["sold out", "uitverkocht", "ausverkauft", "utsolgt", "wyprzedane"],
    done: ["done", "klaar", "erledigt", "ferdig", "gotowe"],
    rate: ["How was this chat?", "Hoe was deze chat?", "Wie war dieser Chat?", "Hvordan var chatten?", "Jak oceniasz ten czat?"],
    stars: ["{count} of 5", "{count} van 5", "{count} von 5", "{count} av 5", "{count} z 5"],
    comment: ["Anything to add? (optional)", "Wil je iets toevoegen? (hoeft niet)", "Möchten Sie etwas hinzufügen? (freiwillig)", "Noe å legge til? (valgfritt)", "Coś jeszcze? (opcjonalnie)"],
    thanks: ["Thank you!", "Bedankt!", "Vielen Dank!", "Takk!", "Dziękujemy!"],
  };

  // ---- look ----

  const CSS = `
:host { all: initial; direction: inherit; color-scheme: light;
  --accent: #1d5b4f; --on-accent: #fff; --paper: #fff; --wash: #f3f1ed; --ink: #22201d; --soft: #5c5750; --line: #8a847b;
  --alert: #9c2f1f; --alert-wash: #fbeae6; --round: 16px; }
:host([data-dark]) { color-scheme: dark;
  --paper: #1e2120; --wash: #2b2f2d; --ink: #f0ede7; --soft: #b9b3a9; --line: #7d827f; --alert: #ffb4a5; --alert-wash: #40231d; }
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
button, textarea { font: inherit; color: inherit; letter-spacing: inherit; }
button { cursor: pointer; min-width: 24px; min-height: 24px; }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px; box-shadow: 0 0 0 2px var(--paper); }
svg { width: 22px; height: 22px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
[dir=rtl] .mirrored { transform: scaleX(-1); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.launcher, dialog { font: 16px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; text-align: start; }
.launcher { position: fixed; z-index: 2147483000; inset-block-end: max(20px, env(safe-area-inset-bottom)); inset-inline-end: 20px;
  width: 60px; height: 60px; padding: 0; border: 2px solid var(--paper); border-radius: 50%; background: var(--accent); color: var(--on-accent);
  display: grid; place-items: center; box-shadow: 0 4px 18px rgb(0 0 0 / 25%); }
.launcher svg { width: 28px; height: 28px; }
.badge { position: absolute; inset-block-start: -4px; inset-inline-end: -4px; min-width: 24px; padding: 0 6px; border-radius: 12px;
  background: #b3261e; color: #fff; font-size: 14px; font-weight: 600; }
:host([data-position=start]) .launcher, :host([data-position=start]) dialog { inset-inline: 20px auto; }
dialog { position: fixed; z-index: 2147483001; inset-block: auto max(20px, env(safe-area-inset-bottom)); inset-inline: auto 20px; margin: 0; padding: 0;
  width: 400px; max-width: calc(100vw - 40px); height: min(680px, calc(100dvh - 40px)); max-height: none; border: 1px solid var(--line);
  border-radius: var(--round); background: var(--paper); color: var(--ink); overflow: hidden; box-shadow: 0 12px 48px rgb(0 0 0 / 28%); }
dialog[open] { display: flex; flex-direction: column; }
dialog::backdrop { background: var(--paper); }
dialog:focus { outline: none; }
.head { display: flex; align-items: center; gap: 2px; padding: 8px 8px 8px 16px; padding-inline: 16px 8px; background: var(--accent); color: var(--on-accent); }
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
.system { align-self: center; max-width: 94%; }
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
.card h3 { margin: 0; font-size: 16px; }
.card p { margin: 0; }
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
.sizes { display: flex; flex-wrap: wrap; gap: 8px; margin: 0; padding: 0; border: 0; }
.sizes .choice { min-width: 48px; text-align: center; border-radius: 10px; padding-inline: 10px; }
.sold { text-decoration: line-through; }
.status { min-height: 24px; padding: 0 16px 4px; font-size: 14px; color: var(--soft); margin: 0; }
.status.lost { background: var(--alert-wash); color: var(--alert); padding-block: 8px; }
.ask { border-block-start: 1px solid var(--line); padding: 12px 16px; display: grid; gap: 10px; }
.ask p { margin: 0; }
.row { display: flex; gap: 8px; flex-wrap: wrap; }
.star { width: 48px; min-height: 44px; border: 1.5px solid var(--line); border-radius: 10px; background: var(--paper); }
.star[aria-pressed=true] { background: var(--accent); color: var(--on-accent); }
form { display: flex; align-items: flex-end; gap: 4px; padding: 8px; padding-block-end: max(8px, env(safe-area-inset-bottom)); border-block-start: 1px solid var(--line); }
textarea { flex: 1; min-width: 0; min-height: 44px; max-height: 140px; padding: 10px 12px; resize: none; font-size: 16px; border: 1px solid var(--line);
  border-radius: 12px; background: var(--paper); color: var(--ink); unicode-bidi: plaintext; }
textarea::placeholder { color: var(--soft); opacity: 1; }
.count { padding: 0 16px; text-align: end; color: var(--alert); }
progress { width: 180px; accent-color: var(--accent); }
@media (max-width: 560px), (max-height: 480px) {
  dialog, :host([data-position=start]) dialog { inset: var(--top, 0) 0 auto 0; width: 100vw; max-width: none; height: var(--height, 100dvh); border: 0; border-radius: 0; }
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
    photo: "M4 8h4l2-3h4l2 3h4v11H4zM12 16a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  };

  // ---- small tools ----

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const newId = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const make = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const button = (className, text, act) => {
    const made = make("button", className, text);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  };

  const icon = (name, className = "") => {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    if (className) svg.setAttribute("class", className);
    const path = document.createElementNS(space, "path");
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  };

  const iconButton = (name, label, act, className = "icon") => {
    const made = button(className, undefined, act);
    made.setAttribute("aria-label", label);
    made.title = label;
    made.append(icon(name, name === "send" ? "mirrored" : ""));
    return made;
  };

  // Storage may be switched off; the chat then ends with the page.
  const store = (area, key) => ({
    read: () => {
      try {
        return JSON.parse(window[area].getItem(key)) || {};
      } catch {
        return {};
      }
    },
    write: (value) => {
      try {
        window[area].setItem(key, JSON.stringify(value));
      } catch {
        // Nothing is kept then.
      }
    },
  });

  const knownLanguage = (tag) => {
    const language = String(tag || "").toLowerCase().split(/[-_]/)[0];
    return LANGUAGES.find((each) => each === ({ no: "nb", nn: "nb" }[language] || language));
  };

  // Black or white, whichever stands out more from a colour "#rrggbb".
  const textColourOn = (colour) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const part = parseInt(colour.slice(at, at + 2), 16) / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
  };

  // ---- the element ----

  class ReturnsDeskChat extends HTMLElement {
    connectedCallback() {
      if (this.shadowRoot) return;
      const set = this.dataset;
      this.desk = (set.desk || new URL(".", script ? script.src : location.href).href).replace(/\/+$/, "");
      this.language =
        [set.language, document.documentElement.lang, ...(navigator.languages || [])].map(knownLanguage).find(Boolean) || "en";
      this.locale = this.language === "en" ? "en-GB" : this.language;
      this.kept = store("localStorage", `returnsdesk:${this.desk}`);
      this.tab = store("sessionStorage", `returnsdesk:${this.desk}`);
      this.token = this.kept.read().token;
      this.unsent = this.tab.read().unsent || [];
      this.context = this.readContext(set.context);
      this.pending = new Map(); // message id -> element of a message that the desk has not shown yet
      this.seen = 0;
      this.unread = 0;
      this.build();
      this.watch();
      // On a small screen the chat would cover the page that was just asked for.
      if (this.tab.read().open && !this.isSmall()) this.open(false);
    }

    disconnectedCallback() {
      if (this.source) this.source.close();
    }

    text(name, facts = {}) {
      const words = TEXTS[name][LANGUAGES.indexOf(this.language)];
      return words.replace(/\{(\w+)\}/g, (_, fact) => facts[fact]);
    }

    readContext(text) {
      try {
        return JSON.parse(text) || {};
      } catch {
        return text ? { page: text } : {};
      }
    }

    isSmall() {
      return window.matchMedia("(max-width: 560px), (max-height: 480px)").matches;
    }

    // ---- building ----

    build() {
      const root = this.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(CSS);
      root.adoptedStyleSheets = [sheet];
      const dark = window.matchMedia("(prefers-color-scheme: dark)");
      const paint = () => this.toggleAttribute("data-dark", this.dataset.theme ? this.dataset.theme === "dark" : dark.matches);
      dark.addEventListener("change", paint);
      paint();
      const colour = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.test(this.dataset.colour || "") && this.dataset.colour;
      if (colour) {
        const full = colour.length === 4 ? colour.replace(/[0-9a-f]/gi, "$&$&") : colour;
        this.style.setProperty("--accent", full);
        this.style.setProperty("--on-accent", textColourOn(full));
      }
      this.launcher = iconButton("chat", this.text("open"), () => this.open(true), "launcher");
      this.launcher.setAttribute("aria-haspopup", "dialog");
      this.badge = make("span", "badge");
      this.badge.hidden = true;
      this.launcher.append(this.badge);
      this.launcher.lang = this.language;
      root.append(this.launcher);
    }

    // The panel is built when it is first opened: until then the page carries one button.
    buildPanel() {
      const panel = make("dialog");
      panel.lang = this.language;
      panel.tabIndex = -1;
      panel.setAttribute("aria-labelledby", "title");
      const title = make("h2", "", this.dataset.title || this.text("title"));
      title.id = "title";
      const header = make("div", "head");
      header.append(
        title,
        iconButton("save", this.text("save"), () => this.download()),
        iconButton("fresh", this.text("fresh"), () => this.askFresh()),
        iconButton("close", this.text("close"), () => this.close()),
      );
      this.log = make("div", "log");
      this.log.setAttribute("role", "log");
      this.log.setAttribute("aria-labelledby", "title");
      this.log.tabIndex = 0;
      this.status = make("p", "status");
      this.status.setAttribute("role", "status");
      this.ask = make("div", "ask");
      this.ask.setAttribute("role", "group");
      this.ask.hidden = true;
      panel.append(header, this.log, this.status, this.ask, this.buildComposer());
      panel.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && !event.isComposing) {
          event.preventDefault();
          this.close();
        }
      });
      panel.addEventListener("cancel", (event) => event.preventDefault());
      this.panel = panel;
      this.shadowRoot.append(panel);
      this.fitScreen();
    }

    buildComposer() {
      const form = make("form");
      this.field = make("textarea");
      this.field.rows = 1;
      this.field.placeholder = this.text("write");
      this.field.setAttribute("aria-label", this.text("write"));
      this.field.setAttribute("enterkeyhint", "send");
      this.field.setAttribute("aria-describedby", "count");
      this.field.value = this.tab.read().draft || "";
      this.file = make("input");
      Object.assign(this.file, { type: "file", accept: "image/*", hidden: true });
      this.file.addEventListener("change", () => {
        if (this.file.files[0]) this.upload(this.file.files[0]);
        this.file.value = "";
      });
      const send = iconButton("send", this.text("send"), () => {}, "icon solid");
      send.type = "submit";
      form.append(this.file, iconButton("photo", this.text("attach"), () => this.file.click()), this.field, send);
      this.count = make("div", "count");
      this.count.id = "count";
      this.field.addEventListener("input", () => this.fitField());
      this.field.addEventListener("keydown", (event) => {
        if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
          event.preventDefault();
          form.requestSubmit();
        }
      });
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const text = this.field.value.trim();
        if (!text || [...text].length > TEXT_LIMIT) return;
        this.field.value = "";
        this.fitField();
        this.send({ text });
        this.field.focus();
      });
      const composer = make("div");
      composer.append(this.count, form);
      return composer;
    }

    fitField() {
      this.field.style.height = "auto";
      this.field.style.height = `${this.field.scrollHeight + 2}px`;
      const left = TEXT_LIMIT - [...this.field.value.trim()].length;
      this.count.textContent = left < 0 ? this.text("too_long", { count: -left }) : "";
      this.keepTab({ draft: this.field.value });
    }

    // Keeps the field above a phone's keyboard.
    fitScreen() {
      const view = window.visualViewport;
      if (!view) return;
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
      if (this.panel.open) return;
      this.panel.dir = getComputedStyle(this).direction;
      // A chat that fills the screen keeps keys and screen readers inside; beside the page it does not.
      if (this.isSmall()) this.panel.showModal();
      else if (takesFocus) this.panel.show();
      else this.panel.setAttribute("open", "");
      this.launcher.hidden = true;
      this.setUnread(0);
      this.keepTab({ open: true });
      if (takesFocus) (window.matchMedia("(hover: hover)").matches ? this.field : this.panel).focus();
      this.fitField();
      if (!this.isBegun) this.begin();
      this.scrollDown();
    }

    close() {
      if (!this.panel || !this.panel.open) return;
      this.panel.close();
      this.launcher.hidden = false;
      this.launcher.focus();
      this.keepTab({ open: false });
    }

    setUnread(count) {
      this.unread = count;
      this.badge.hidden = !count;
      this.badge.textContent = count || "";
      this.launcher.setAttribute("aria-label", this.text("open") + (count ? `, ${count} ${this.text("news")}` : ""));
    }

    keepTab(changes) {
      this.tab.write({ ...this.tab.read(), ...changes });
    }

    keep(changes) {
      this.kept.write({ ...this.kept.read(), ...changes });
    }

    // ---- talking to the desk ----

    async call(method, path, body, token = this.token) {
      const headers = {};
      if (body) headers["Content-Type"] = "application/json";
      if (token) headers.Authorization = `Bearer ${token}`;
      const response = await fetch(this.desk + path, {
        method,
        headers,
        body: body && JSON.stringify(body),
        credentials: "omit",
        signal: AbortSignal.timeout ? AbortSignal.timeout(REQUEST_MS) : undefined,
      });
      const answer = await response.json().catch(() => ({}));
      return { status: response.status, answer, retryAfter: Number(response.headers.get("Retry-After")) };
    }

    // What the shop says about who is logged in: a signed token, null for nobody, undefined when it says nothing.
    async loginToken() {
      const hook = window.ReturnsDesk && window.ReturnsDesk.loginToken;
      try {
        if (hook) return (await hook()) || null;
        if (this.dataset.loginUrl) {
          const response = await fetch(this.dataset.loginUrl, { credentials: "same-origin", cache: "no-store" });
          return (response.ok && (await response.json()).login_token) || null;
        }
      } catch {
        return undefined;
      }
      return this.dataset.loginToken === undefined ? undefined : this.dataset.loginToken || null;
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
      if (this.source) this.source.close();
      const slow = setTimeout(() => this.setLost(true), LOST_AFTER_MS * 3);
      for (let wait = FIRST_PAUSE_MS; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
        this.isWaiting = !this.isLost;
        this.showStatus();
        try {
          await this.locked(() => this.openSession());
          break;
        } catch (error) {
          if (!error.retryAfter) this.setLost(true);
          await this.pauseUntilOnline(error.retryAfter ? error.retryAfter * 1000 : wait);
        }
      }
      clearTimeout(slow);
      this.isConnecting = this.isWaiting = false;
      this.listen();
      this.flush();
    }

    // Tabs that open or end a conversation at once share what comes of it.
    locked(act) {
      return navigator.locks ? navigator.locks.request(`returnsdesk:${this.desk}`, act) : act();
    }

    async openSession() {
      const login = await this.loginToken();
      const kept = this.kept.read();
      let token = kept.token;
      if (token && kept.signedIn && login === null) {
        // The shopper has logged out of the shop: what this browser may see ends here.
        await this.call("DELETE", "/api/session", undefined, token);
        token = undefined;
      }
      const wish = { language: this.language };
      if (login) wish.login_token = login;
      const { status, answer, retryAfter } = await this.call("POST", "/api/session", wish, token);
      if (status !== 200 && status !== 201) throw Object.assign(new Error(answer.message), { retryAfter });
      if (this.conversation && this.conversation !== answer.conversation_id) {
        this.clear();
        if (!answer.resumed) this.note(this.text("ended"));
      }
      this.conversation = answer.conversation_id;
      this.token = answer.token;
      this.log.lang = answer.language;
      this.keep({ token: answer.token, signedIn: Boolean(login) && answer.signed_in, rated: answer.resumed && kept.rated });
    }

    listen() {
      if (this.source) this.source.close();
      // What was said before is not read out again.
      this.log.setAttribute("aria-live", "off");
      const source = new EventSource(`${this.desk}/api/events?after=${this.seen}&session=${encodeURIComponent(this.token)}`);
      this.source = source;
      source.addEventListener("open", () => {
        this.setLost(false);
        setTimeout(() => this.log.setAttribute("aria-live", "polite"), LOST_AFTER_MS);
      });
      source.addEventListener("message", (event) => this.show(JSON.parse(event.data)));
      source.addEventListener("typing", (event) => {
        this.isTyping = JSON.parse(event.data).typing;
        this.showStatus();
      });
      // Ended elsewhere: on with the conversation that another tab began, or with a new one.
      source.addEventListener("ended", () => this.connect());
      source.addEventListener("error", async () => {
        this.setLost(true);
        // The browser gives up on an answer that is no stream; the session may be over, or the desk on its way up.
        if (source.readyState !== EventSource.CLOSED) return;
        await pause(2 * FIRST_PAUSE_MS);
        if (this.source === source) this.connect();
      });
    }

    pauseUntilOnline(ms) {
      return Promise.race([pause(ms), new Promise((resolve) => window.addEventListener("online", resolve, { once: true }))]);
    }

    // Connections die unnoticed while a machine sleeps; tabs that nobody looks at need none.
    watch() {
      const resume = () => {
        clearTimeout(this.sleepTimer);
        if (this.isBegun && !this.isConnecting && this.token) this.listen();
      };
      window.addEventListener("online", resume);
      window.addEventListener("offline", () => this.panel && this.setLost(true));
      window.addEventListener("pageshow", (event) => event.persisted && resume());
      document.addEventListener("visibilitychange", () => {
        if (!document.hidden) return resume();
        clearTimeout(this.sleepTimer);
        this.sleepTimer = setTimeout(() => this.source && this.source.close(), SLEEP_AFTER_MS);
      });
      window.addEventListener("storage", (event) => {
        if (!event.key || !event.key.startsWith("returnsdesk:") || !this.isBegun || this.isConnecting) return;
        const token = this.kept.read().token;
        if (token && this.token && subject(token) !== subject(this.token)) this.connect();
      });
    }

    // ---- sending ----

    send(message) {
      const entry = { id: newId(), ...message };
      this.unsent.push(entry);
      this.keepTab({ unsent: this.unsent });
      this.showPending(entry);
      this.flush();
    }

    drop(entry) {
      this.unsent = this.unsent.filter((each) => each !== entry);
      this.keepTab({ unsent: this.unsent });
    }

    // One after the other, so that the desk keeps them in the order in which they were written.
    async flush() {
      if (this.isFlushing) return;
      this.isFlushing = true;
      for (let wait = 2 * FIRST_PAUSE_MS; this.token && this.unsent.length; ) {
        const entry = this.unsent[0];
        const content = entry.button ? { button: entry.button } : { text: entry.text };
        let result = { status: 0 };
        try {
          const context = Object.keys(this.context).length ? { context: this.context } : {};
          result = await this.call("POST", "/api/messages", { ...content, ...context, message_id: entry.id });
        } catch {
          // No connection: tried again below.
        }
        if (result.status === 401) {
          this.connect();
          break;
        }
        if (!result.status || result.status === 429 || result.status >= 500) {
          this.setState(entry.id, this.text("unsent"), { [this.text("retry")]: () => this.hurry && this.hurry() });
          const hurried = new Promise((resolve) => (this.hurry = resolve));
          await Promise.race([this.pauseUntilOnline(result.retryAfter ? result.retryAfter * 1000 : wait), hurried]);
          wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
          continue;
        }
        wait = 2 * FIRST_PAUSE_MS;
        this.drop(entry);
        if (result.status === 200 || result.status === 202) this.setState(entry.id, "");
        else this.refuse(entry, `${this.text("refused")} ${result.answer.message || result.status}`);
      }
      this.isFlushing = false;
    }

    refuse(entry, reason, again) {
      const choices = again ? { [this.text("retry")]: again } : {};
      this.setState(entry.id, reason, { ...choices, [this.text("discard")]: () => this.removePending(entry.id) });
    }

    // ---- photos ----

    upload(file) {
      const entry = { id: newId(), text: file.name || this.text("photo") };
      const made = this.showPending(entry);
      const progress = make("progress");
      progress.max = 100;
      progress.value = 0;
      progress.setAttribute("aria-label", this.text("attach"));
      const fail = (reason, again) => {
        progress.remove();
        this.refuse(entry, reason, again);
      };
      if (!file.type.startsWith("image/") || file.size > PHOTO_LIMIT) return fail(this.text("photo_wrong"));
      const start = () => {
        if (!this.token) return setTimeout(start, FIRST_PAUSE_MS);
        this.setState(entry.id, "");
        made.append(progress);
        const request = new XMLHttpRequest();
        request.open("POST", `${this.desk}/api/photos?message_id=${entry.id}&name=${encodeURIComponent(entry.text.slice(-100))}`);
        request.setRequestHeader("Authorization", `Bearer ${this.token}`);
        request.setRequestHeader("Content-Type", "application/octet-stream");
        request.responseType = "json";
        request.upload.onprogress = (event) => (progress.value = event.lengthComputable ? (100 * event.loaded) / event.total : 0);
        request.onload = () => {
          if (request.status === 200 || request.status === 201) return progress.remove();
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
      this.log.textContent = "";
      this.pending.clear();
      this.seen = 0;
      this.isTyping = false;
      const greeting = this.bubble({ author: "assistant", text: this.dataset.greeting || this.text("greeting") });
      const { order, product, name } = this.context;
      const starters = [this.text("where"), this.text("how"), this.text("size")];
      if (order) starters.unshift(this.text("from_order", { order }));
      if (product) starters.unshift(this.text("of_product", { product: name || product }));
      this.log.append(greeting, this.choices(starters.slice(0, 3).map((title) => ({ title }))));
    }

    note(text) {
      this.add(this.bubble({ author: "system", text }));
    }

    bubble(message) {
      const made = make("div", `message ${message.author}`);
      const who = message.author === "agent" ? (message.custom || {}).name || this.text("agent") : this.text(message.author === "shopper" ? "you" : "assistant");
      if (message.author === "agent") made.append(make("span", "name", who));
      else if (message.author !== "system") made.append(make("span", "unseen", `${who}: `));
      if (message.image) made.append(this.picture(message.image, message.author === "shopper" ? this.text("photo") : ""));
      const isCard = (message.custom || {}).card;
      if (message.text) {
        const bubble = make("div", "bubble");
        if (message.author === "shopper") bubble.textContent = message.text;
        else this.linkify(bubble, message.text);
        made.append(bubble);
      }
      if (isCard) made.append(...this.card(message));
      if (message.at) made.append(this.time(message.at));
      return made;
    }

    // Only whole addresses of the web become links; everything else stays text.
    linkify(parent, text) {
      text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)])/).forEach((part, index) => {
        const href = index % 2 ? this.address(part) : null;
        if (!href) return parent.append(part);
        const link = make("a", "", part);
        Object.assign(link, { href, target: "_blank", rel: "noopener noreferrer" });
        parent.append(link);
      });
    }

    address(text) {
      try {
        const url = new URL(text, `${this.desk}/`);
        return /^https?:$/.test(url.protocol) ? url.href : null;
      } catch {
        return null;
      }
    }

    picture(address, alt) {
      const image = make("img", "picture");
      image.alt = alt;
      image.addEventListener("load", () => this.scrollDown(), { once: true });
      const href = this.address(address);
      if (href) image.src = href;
      return image;
    }

    time(at) {
      const moment = new Date(at);
      const made = make("time");
      if (Number.isNaN(moment.getTime())) return made;
      const isToday = moment.toDateString() === new Date().toDateString();
      made.dateTime = at;
      made.textContent = new Intl.DateTimeFormat(this.locale, { timeStyle: "short", ...(isToday ? {} : { dateStyle: "medium" }) }).format(moment);
      return made;
    }

    day(text) {
      const [year, month, day] = String(text).slice(0, 10).split("-").map(Number);
      if (!day) return String(text);
      return new Intl.DateTimeFormat(this.locale, { day: "numeric", month: "short" }).format(new Date(year, month - 1, day));
    }

    amount(minor, currency) {
      const format = new Intl.NumberFormat(this.locale, { style: "currency", currency });
      return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
    }

    choices(buttons) {
      const made = make("div", "choices");
      buttons.forEach((each) => made.append(this.choice(each, "choice", each.title)));
      return made;
    }

    choice({ title, token }, className, label) {
      return button(className, label, () => {
        this.send(token ? { button: token, title } : { text: title });
        (window.matchMedia("(hover: hover)").matches ? this.field : this.log).focus();
      });
    }

    show(message) {
      if (message.seq <= this.seen) return;
      this.seen = message.seq;
      if (message.message_id) {
        this.removePending(message.message_id);
        this.unsent.filter((entry) => entry.id === message.message_id).forEach((entry) => this.drop(entry));
      }
      if (message.kind === "rating") return;
      if (message.author === "shopper") this.hideChoices();
      this.add(this.bubble(message));
      const inCard = message.buttons ? this.buttonsInCard(message.custom) : new Set();
      const rest = (message.buttons || []).filter((_, index) => !inCard.has(index));
      if (rest.length) this.add(this.choices(rest));
      if (message.author !== "shopper" && !this.panel.open) this.setUnread(this.unread + 1);
    }

    showPending(entry) {
      this.hideChoices();
      const made = this.bubble({ author: "shopper", text: entry.text || entry.title });
      const state = make("span", "state");
      state.setAttribute("role", "status");
      made.append(state);
      this.pending.set(entry.id, made);
      this.log.append(made);
      this.scrollDown();
      return made;
    }

    setState(id, text, actions = {}) {
      const made = this.pending.get(id);
      if (!made) return;
      const state = made.querySelector(".state");
      state.textContent = text;
      for (const [label, act] of Object.entries(actions)) state.append(button("text-button", label, act));
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
      this.log.insertBefore(made, this.pending.size ? this.pending.values().next().value : null);
      if (isAtEnd) this.scrollDown();
    }

    scrollDown() {
      this.log.scrollTop = this.log.scrollHeight;
    }

    setLost(lost) {
      // Every failed try to connect comes by here; the first one counts.
      if (lost && (this.isLost || this.lostTimer)) return;
      clearTimeout(this.lostTimer);
      this.lostTimer = 0;
      if (!lost) {
        this.isLost = false;
        return this.showStatus();
      }
      this.lostTimer = setTimeout(() => {
        this.lostTimer = 0;
        this.isLost = true;
        this.showStatus();
      }, navigator.onLine ? LOST_AFTER_MS : 0);
    }

    showStatus() {
      this.status.classList.toggle("lost", Boolean(this.isLost));
      this.status.classList.toggle("typing", !this.isLost && Boolean(this.isTyping));
      const text = this.isLost
        ? this.text(navigator.onLine ? "lost" : "offline")
        : this.isTyping
          ? `${this.text("assistant")} ${this.text("typing")}`
          : this.isWaiting
            ? this.text("connecting")
            : "";
      if (this.status.dataset.text === text) return;
      this.status.dataset.text = text;
      this.status.textContent = text;
      const contact = this.dataset.contact;
      if (!this.isLost || !contact) return;
      const link = make("a", "", contact);
      link.href = `mailto:${contact}`;
      this.status.append(` ${this.text("contact")} `, link, ".");
    }

    // ---- cards: shapes in docs/widget.md; the text of the message always says the same ----

    card(message) {
      const kind = message.custom.card;
      const draw = { items: this.itemsCard, status: this.statusCard, sizes: this.sizesCard, rating: this.ratingCard }[kind];
      try {
        const made = draw && draw.call(this, message.custom, message.buttons || []);
        return made ? [made] : [];
      } catch {
        return []; // A card of a shape that this version does not know: its text stands above.
      }
    }

    buttonsInCard(custom) {
      const card = (custom || {}).card;
      const options =
        card === "items" ? custom.items : card === "sizes" ? (custom.groups || []).flatMap((group) => group.options) : [];
      return new Set((options || []).map((each) => each.button).filter((index) => index !== undefined));
    }

    item(each) {
      const made = make("div", "item");
      if (each.image) {
        const image = this.picture(each.image, "");
        image.className = "";
        made.append(image);
      }
      const words = make("span");
      words.append(make("span", "", each.title));
      const price = each.amount_minor === undefined ? "" : this.amount(each.amount_minor, each.currency);
      const detail = [each.detail, price].filter(Boolean).join(" · ");
      if (detail) words.append(make("span", "soft", detail));
      made.append(words);
      return made;
    }

    itemsCard(custom, buttons) {
      const card = make("div", "card");
      custom.items.forEach((each) => {
        const content = this.item(each);
        if (!buttons[each.button]) return card.append(content);
        const pick = this.choice(buttons[each.button], "pick item");
        pick.append(...content.childNodes);
        card.append(pick);
      });
      return card;
    }

    statusCard(custom) {
      const card = make("div", "card");
      card.append(make("h3", "", custom.title));
      if (custom.detail) card.append(make("p", "soft", custom.detail));
      (custom.items || []).forEach((each) => card.append(this.item(each)));
      if (custom.stages) {
        const stages = make("ol", "stages");
        for (const { label, state, date } of custom.stages) {
          const stage = make("li");
          const name = make("span", "", label);
          stage.append(name, make("span", "", date ? this.day(date) : ""));
          stage.dataset.state = state;
          if (state === "now") stage.setAttribute("aria-current", "step");
          if (state === "done") name.append(make("span", "unseen", ` (${this.text("done")})`));
          stages.append(stage);
        }
        card.append(stages);
      }
      for (const { label, url } of custom.links || []) {
        const link = make("a", "choice solid", label);
        const href = this.address(url);
        if (href) card.append(Object.assign(link, { href, target: "_blank", rel: "noopener noreferrer" }));
      }
      return card;
    }

    sizesCard(custom, buttons) {
      const card = make("div", "card");
      for (const group of custom.groups) {
        const set = make("div", "sizes");
        set.setAttribute("role", "group");
        if (group.label) {
          set.setAttribute("aria-label", group.label);
          card.append(make("h3", "", group.label));
        }
        for (const { label, button: index } of group.options) {
          const pick = buttons[index] ? this.choice(buttons[index], "choice", label) : button("choice sold", label, () => {});
          if (!buttons[index]) {
            pick.disabled = true;
            pick.append(make("span", "unseen", ` (${this.text("sold_out")})`));
          }
          set.append(pick);
        }
        card.append(set);
      }
      return card;
    }

    ratingCard() {
      return this.kept.read().rated ? null : this.rating("card");
    }

    // ---- rating, new conversation, transcript, log-out ----

    rating(className) {
      const made = make("div", className);
      const row = make("div", "row");
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", this.text("rate"));
      made.append(make("p", "", this.text("rate")), row);
      for (let score = 1; score <= 5; score++) {
        const star = button("star", String(score), () => {
          row.querySelectorAll(".star").forEach((each) => each.setAttribute("aria-pressed", each === star));
          this.rate(made, score);
        });
        star.setAttribute("aria-label", this.text("stars", { count: score }));
        star.setAttribute("aria-pressed", "false");
        row.append(star);
      }
      return made;
    }

    async rate(made, score) {
      const comment = made.querySelector("textarea");
      const body = { score, comment: comment ? comment.value.trim() : "" };
      const result = await this.call("POST", "/api/rating", body).catch(() => ({}));
      if (result.status !== 200) return this.note(`${this.text("refused")} ${(result.answer || {}).message || this.text("lost")}`);
      this.keep({ rated: true });
      if (comment) return made.replaceChildren(make("p", "", this.text("thanks")));
      const field = make("textarea");
      field.rows = 2;
      field.setAttribute("aria-label", this.text("comment"));
      field.placeholder = this.text("comment");
      const send = button("choice", this.text("send"), () => this.rate(made, Number(made.querySelector("[aria-pressed=true]").textContent)));
      made.append(make("p", "", this.text("thanks")), field, send);
    }

    askFresh() {
      const done = () => {
        this.ask.hidden = true;
        this.field.focus();
      };
      const no = button("choice", this.text("keep"), done);
      const yes = button("choice solid", this.text("fresh"), () => {
        done();
        this.startFresh();
      });
      const row = make("div", "row");
      row.append(yes, no);
      this.ask.setAttribute("aria-label", this.text("fresh"));
      this.ask.replaceChildren(make("p", "", this.text("fresh_ask")), row);
      if (this.seen > 1 && !this.kept.read().rated) this.ask.prepend(this.rating(""));
      this.ask.hidden = false;
      no.focus();
    }

    // The old conversation closes for good; whoever is logged in at the shop is still known in the new one.
    async startFresh() {
      if (this.source) this.source.close();
      try {
        await this.locked(async () => {
          const { status, answer } = await this.call("DELETE", "/api/session");
          if (status !== 200 && status !== 201 && status !== 401) throw new Error(answer.message);
          this.keep({ token: answer.token, signedIn: false, rated: false });
        });
        this.unsent = [];
        this.keepTab({ unsent: [] });
        this.conversation = undefined;
        this.clear();
      } catch {
        this.note(this.text("lost"));
      }
      this.connect();
    }

    async download() {
      const lines = [];
      try {
        for (let after = 0, more = true; more && this.token; ) {
          const { status, answer } = await this.call("GET", `/api/history?after=${after}`);
          if (status !== 200) throw new Error(answer.message);
          for (const { at, author, text, kind, custom } of answer.messages) {
            after = answer.messages[answer.messages.length - 1].seq;
            if (kind === "rating") continue;
            const who = author === "system" ? "" : `${author === "agent" ? (custom || {}).name || this.text("agent") : this.text(author === "shopper" ? "you" : "assistant")}: `;
            const when = new Intl.DateTimeFormat(this.locale, { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
            lines.push(`[${when}] ${who}${text || this.text("photo")}`);
          }
          more = answer.has_more;
        }
      } catch {
        return this.note(this.text("lost"));
      }
      const link = make("a");
      link.href = URL.createObjectURL(new Blob([`${lines.join("\n\n")}\n`], { type: "text/plain;charset=utf-8" }));
      link.download = "chat.txt";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), REQUEST_MS);
    }

    logOut() {
      const token = this.kept.read().token;
      if (this.source) this.source.close();
      this.unsent = [];
      this.keepTab({ unsent: [], draft: "" });
      this.token = this.conversation = undefined;
      this.kept.write({});
      const over = token
        ? fetch(`${this.desk}/api/session`, { method: "DELETE", headers: { Authorization: `Bearer ${token}` }, keepalive: true }).catch(() => {})
        : Promise.resolve();
      if (this.isBegun) {
        this.field.value = "";
        this.clear();
        over.then(() => this.connect());
      }
      return over;
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

// The demo's chat page: choosing whom to play, sending with retry, receiving by server-sent events with replay.
// What is shown comes from the desk's rows; only a message that is still on its way is drawn before.
"use strict";

(() => {
  const STORE = "returnsdesk.demo-chat";
  const LONGEST_PAUSE_MS = 8000;
  const page = JSON.parse(document.getElementById("page-data").textContent);
  const byId = (id) => document.getElementById(id);
  const log = byId("messages");
  const field = byId("text");
  const hasPointer = window.matchMedia("(hover: hover)").matches;

  let chat = null; // {token, language, shopper, unsent: [{id, text} or {id, button, title}]}
  let source = null;
  let seen = 0;
  let isTyping = false;
  let isLost = false;
  let isFlushing = false;
  let lostTimer = 0;
  const pending = new Map(); // message id -> element of a message that the desk has not shown yet

  const words = () => page.words[chat.language] || page.words.en;

  // ---- what the browser keeps -------------------------------------------------------------------------------------

  const keep = () => {
    try {
      if (chat) localStorage.setItem(STORE, JSON.stringify(chat));
      else localStorage.removeItem(STORE);
    } catch {
      // Storage may be switched off; the chat then ends with the page.
    }
  };

  const kept = () => {
    try {
      return JSON.parse(localStorage.getItem(STORE));
    } catch {
      return null;
    }
  };

  const newId = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // ---- talking to the desk ----------------------------------------------------------------------------------------

  const call = async (method, path, body, token) => {
    const headers = { "Content-Type": "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
    const answer = await response.json().catch(() => ({}));
    return { status: response.status, answer, retryAfter: Number(response.headers.get("Retry-After")) };
  };

  const begin = async (shopper) => {
    byId("picker-problem").textContent = "";
    try {
      const wish = { language: shopper.language };
      if (shopper.customer) {
        const login = await call("POST", "/demo/login-token", { customer: shopper.customer });
        if (login.status !== 200) throw new Error(login.answer.message);
        wish.login_token = login.answer.login_token;
      }
      const opened = await call("POST", "/api/session", wish);
      if (opened.status !== 201) throw new Error(opened.answer.message);
      chat = { token: opened.answer.token, language: opened.answer.language, shopper, unsent: [] };
      keep();
      showChat();
    } catch (error) {
      byId("picker-problem").textContent = error.message || "The desk cannot be reached. Is it running?";
    }
  };

  const resume = async () => {
    chat = kept();
    if (!chat || !chat.token) return showPicker();
    for (let wait = 500; ; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      try {
        // Looked at first: asking for a session with a token that has run out would begin a new conversation.
        const present = await call("GET", "/api/history?after=999999999", undefined, chat.token);
        if (present.status === 401) return endHere();
        if (present.status === 200) {
          const renewed = await call("POST", "/api/session", {}, chat.token);
          if (renewed.status === 200) {
            chat.token = renewed.answer.token;
            chat.language = renewed.answer.language;
            keep();
            return showChat();
          }
        }
      } catch {
        // The desk is away; the next try comes soon.
      }
      await pause(wait);
    }
  };

  const leave = async () => {
    try {
      await call("DELETE", "/api/session", undefined, chat.token);
    } catch {
      // Away or not: here the conversation is over.
    }
    endHere();
  };

  const endHere = () => {
    if (source) source.close();
    chat = null;
    keep();
    showPicker();
  };

  const connect = () => {
    if (source) source.close();
    const address = `/api/events?after=${seen}&session=${encodeURIComponent(chat.token)}`;
    source = new EventSource(address);
    source.addEventListener("open", () => setLost(false));
    source.addEventListener("message", (event) => show(JSON.parse(event.data)));
    source.addEventListener("typing", (event) => {
      isTyping = JSON.parse(event.data).typing;
      showStatus();
    });
    source.addEventListener("ended", endHere);
    source.addEventListener("error", () => {
      setLost(true);
      if (source.readyState === EventSource.CLOSED) reopen();
    });
  };

  // The browser gives up on an answer that is no stream; the session may be over, or the desk on its way up.
  const reopen = async () => {
    const given = chat.token;
    for (let wait = 1000; chat && chat.token === given; wait = Math.min(wait * 2, LONGEST_PAUSE_MS)) {
      await pause(wait);
      try {
        const present = await call("GET", `/api/history?after=${seen}`, undefined, given);
        if (present.status === 401) return endHere();
        if (present.status === 200) return connect();
      } catch {
        // Still away.
      }
    }
  };

  // ---- sending ----------------------------------------------------------------------------------------------------

  const send = (message) => {
    const entry = { id: newId(), ...message };
    chat.unsent.push(entry);
    keep();
    showPending(entry);
    flush();
  };

  // One after the other, so that the desk keeps them in the order in which they were written.
  const flush = async () => {
    if (isFlushing) return;
    isFlushing = true;
    let wait = 1000;
    while (chat && chat.unsent.length) {
      const entry = chat.unsent[0];
      const body = entry.button ? { button: entry.button } : { text: entry.text };
      let result = { status: 0, answer: {}, retryAfter: 0 };
      try {
        result = await call("POST", "/api/messages", { ...body, message_id: entry.id }, chat.token);
      } catch {
        // No connection: tried again below.
      }
      if (!chat) break;
      if (result.status === 401) {
        endHere();
        break;
      }
      if (result.status === 0 || result.status === 429 || result.status >= 500) {
        showState(entry.id, words().unsent);
        await pause(result.retryAfter ? result.retryAfter * 1000 : wait);
        wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
        continue;
      }
      wait = 1000;
      chat.unsent.shift();
      keep();
      const isKept = result.status === 200 || result.status === 202;
      showState(entry.id, isKept ? "" : `${words().refused}: ${result.answer.message || result.status}`);
    }
    isFlushing = false;
  };

  // ---- showing ----------------------------------------------------------------------------------------------------

  const showPicker = () => {
    byId("chat").hidden = true;
    byId("picker").hidden = false;
    document.documentElement.lang = "en";
  };

  const showChat = () => {
    const text = words();
    byId("picker").hidden = true;
    byId("chat").hidden = false;
    byId("playing").textContent = chat.shopper.name;
    const talk = byId("talk");
    talk.lang = chat.language;
    log.setAttribute("aria-label", text.log);
    byId("text-label").textContent = text.write;
    field.placeholder = text.write;
    byId("send").textContent = text.send;
    log.textContent = "";
    pending.clear();
    seen = 0;
    isTyping = isLost = false;
    log.append(bubble("assistant", text.welcome));
    log.append(choices([text.where_refund, text.how_return, text.other_size].map((title) => ({ title }))));
    showStories(chat.shopper);
    chat.unsent.forEach(showPending);
    // What was said before is not read out again.
    log.setAttribute("aria-live", "off");
    setTimeout(() => log.setAttribute("aria-live", "polite"), 1500);
    showStatus();
    connect();
    flush();
    if (hasPointer) field.focus();
  };

  const showStories = (shopper) => {
    const list = byId("stories");
    byId("story-details").hidden = !shopper.stories.length && !shopper.email;
    byId("story-about").textContent = [shopper.about, shopper.email].filter(Boolean).join(" · ");
    list.textContent = "";
    for (const story of shopper.stories) {
      const item = element("li", "story");
      item.append(element("p", "story-title", story.title));
      item.append(element("p", "story-about", `${story.orders} · ${story.postcode}${shopper.customer ? "" : ` · ${story.email}`}`));
      const say = element("button", "choice story-say", story.say);
      say.type = "button";
      say.lang = story.language;
      say.addEventListener("click", () => {
        if (!window.matchMedia("(min-width: 60rem)").matches) byId("story-details").open = false;
        send({ text: story.say });
      });
      item.append(say, element("p", "story-outcome", story.outcome));
      list.append(item);
    }
    byId("story-details").open = window.matchMedia("(min-width: 60rem)").matches;
  };

  const bubble = (author, text) => {
    const made = element("div", `message ${author}`);
    const who = { shopper: words().you, assistant: words().assistant, agent: words().assistant }[author];
    if (who) made.append(element("span", "unseen", `${who}: `));
    made.append(element("span", "", text));
    return made;
  };

  const choices = (buttons) => {
    const made = element("div", "choices");
    for (const button of buttons) {
      const choice = element("button", "choice", button.title);
      choice.type = "button";
      choice.addEventListener("click", () => {
        send(button.token ? { button: button.token, title: button.title } : { text: button.title });
        (hasPointer ? field : log).focus();
      });
      made.append(choice);
    }
    return made;
  };

  const show = (message) => {
    if (message.seq <= seen) return;
    seen = message.seq;
    if (message.kind === "rating") return;
    if (message.message_id) removePending(message.message_id);
    const made = bubble(message.author, message.text);
    if (message.image) {
      const image = element("img");
      image.src = message.image;
      image.alt = "";
      made.append(image);
    }
    add(made);
    if (message.author === "shopper") hideChoices();
    if (message.buttons) add(choices(message.buttons));
  };

  const showPending = (entry) => {
    hideChoices();
    const made = element("div", "pending");
    made.append(bubble("shopper", entry.text || entry.title), element("span", "message-state"));
    pending.set(entry.id, made);
    log.append(made);
    scrollDown();
  };

  const showState = (id, text) => {
    const made = pending.get(id);
    if (made) made.querySelector(".message-state").textContent = text;
  };

  const removePending = (id) => {
    pending.get(id)?.remove();
    pending.delete(id);
  };

  // Only the open question can be answered by a button.
  const hideChoices = () => log.querySelectorAll(".choices").forEach((each) => each.remove());

  const add = (made) => {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 160;
    log.insertBefore(made, pending.size ? pending.values().next().value : null);
    if (isAtEnd) scrollDown();
  };

  const scrollDown = () => {
    log.scrollTop = log.scrollHeight;
  };

  const setLost = (lost) => {
    // Every failed try to connect comes by here; the first one counts.
    if (lost && (isLost || lostTimer)) return;
    clearTimeout(lostTimer);
    lostTimer = 0;
    if (!lost) {
      isLost = false;
      showStatus();
      return;
    }
    // A short gap, such as a reload of the desk, is not worth a word.
    lostTimer = setTimeout(() => {
      lostTimer = 0;
      isLost = true;
      showStatus();
    }, 1200);
  };

  const showStatus = () => {
    if (!chat) return;
    const status = byId("status");
    status.classList.toggle("lost", isLost);
    status.classList.toggle("typing", !isLost && isTyping);
    const text = isLost ? words().reconnecting : isTyping ? words().typing : "";
    if (status.textContent !== text) status.textContent = text;
  };

  const fitField = () => {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + 2}px`;
  };

  // ---- what the visitor does --------------------------------------------------------------------------------------

  document.querySelectorAll(".player").forEach((card) => {
    const shopper = page.shoppers.find((each) => each.customer === card.dataset.customer);
    card.addEventListener("click", () => begin(shopper));
  });
  byId("leave").addEventListener("click", leave);
  field.addEventListener("input", fitField);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      byId("compose").requestSubmit();
    }
  });
  byId("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return;
    field.value = "";
    fitField();
    send({ text });
    if (hasPointer) field.focus();
  });

  resume();
})();

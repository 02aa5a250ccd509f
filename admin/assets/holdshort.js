// Keeps an open page true: swaps in what changed, counts times down. Pages work without it.
"use strict";
(() => {
  const main = document.getElementById("main");
  const live = document.querySelector("[data-live]");

  // Times ---------------------------------------------------------------
  const span = (s) => {
    if (s < 60) return `${Math.max(0, s)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) {
      const m = Math.floor((s % 3600) / 60);
      return m ? `${Math.floor(s / 3600)} h ${m} min` : `${Math.floor(s / 3600)} h`;
    }
    return `${Math.floor(s / 86400)} d`;
  };
  const tick = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const past = Math.floor((now - Date.parse(time.dateTime)) / 1000);
      time.textContent = past < 5 ? "just now" : `${span(past)} ago`;
    }
    for (const time of document.querySelectorAll("time[data-left]")) {
      const left = Math.floor((Date.parse(time.dateTime) - now) / 1000);
      time.textContent = left > 0 ? `in ${span(left)}` : "now";
      // A hold that ends is no alarm: the agent is told to come back, and the call goes on waiting.
      time.classList.toggle("soon", left < 60 && time.dataset.left !== "hold");
    }
  };
  setInterval(tick, 1000);

  // What changed --------------------------------------------------------
  if (!live) return;
  const ids = () => new Set([...document.querySelectorAll(".card[data-id]")].map((card) => card.dataset.id));
  const typing = (part) => [...part.querySelectorAll("textarea, input:not([type=hidden])")].some((field) => field.value !== field.defaultValue || field === document.activeElement);

  const swap = (fresh) => {
    const before = ids();
    for (const part of fresh.querySelectorAll("[data-swap]")) {
      const old = document.getElementById(part.id);
      if (!old || old.outerHTML === part.outerHTML) continue;
      // A form that somebody fills in stays, unless what it is about has changed.
      if (old.dataset.key !== undefined && old.dataset.key === part.dataset.key && typing(old)) continue;
      const focus = old.contains(document.activeElement) ? document.activeElement.closest("[data-id]")?.dataset.id : null;
      old.replaceWith(document.adoptNode(part));
      if (focus) document.querySelector(`[data-id="${CSS.escape(focus)}"] a`)?.focus();
    }
    document.title = fresh.title;
    const arrived = [...ids()].filter((id) => !before.has(id));
    const news = document.getElementById("news");
    if (arrived.length && before.size + arrived.length > 0 && live.dataset.live === "list") {
      for (const id of arrived) document.querySelector(`[data-id="${CSS.escape(id)}"]`)?.classList.add("fresh");
      const title = document.querySelector(`[data-id="${CSS.escape(arrived[0])}"] .title`)?.textContent ?? "";
      news.textContent = arrived.length === 1 ? `New: ${title}` : `${arrived.length} new calls wait`;
    } else if (live.dataset.live === "call") {
      const state = document.getElementById("state")?.textContent ?? "";
      if (news.dataset.state !== undefined && news.dataset.state !== state) news.textContent = `This call is now: ${state}`;
      news.dataset.state = state;
    }
    tick();
  };

  let running = false;
  let again = false;
  const refresh = async () => {
    if (running) { again = true; return; }
    running = true;
    try {
      const answer = await fetch(location.pathname + location.search, { credentials: "same-origin", redirect: "error" });
      if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch { /* the next event, or the reconnection, tries again */ } finally {
      running = false;
      if (again) { again = false; soon(); }
    }
  };
  let timer = null;
  const soon = () => { timer ??= setTimeout(() => { timer = null; refresh(); }, 120); };

  const about = location.pathname.startsWith("/intents/") ? location.pathname.split("/")[2] : null;
  const events = new EventSource("/api/events");
  events.addEventListener("open", () => { main.classList.remove("stale"); soon(); });
  events.addEventListener("error", () => main.classList.add("stale"));
  events.addEventListener("intent", (event) => {
    if (!about || JSON.parse(event.data).id === about) soon();
  });
  events.addEventListener("lagged", soon);
  events.addEventListener("config", soon);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
})();

/* Clapboard's own script: small comforts bound by data attributes. Every page works without it.

   data-poll           asks nothing while the tab is hidden, at once on return (trigger "poll")
   data-autofocus      gets the focus when it arrives
   data-counter="ID"   a field whose length goes into #ID
   data-fill="ID"      a button that writes data-value, or its own words, into #ID
   data-submit-keys    a field in which Ctrl or Command + Enter presses [data-submit] of its form
   data-copy="ID|text" a button that copies the text of #ID, or this; [data-label] in it says so
   data-reveal="ID"    a button that shows the password in #ID
   data-menu           a details that closes on Escape and on a press elsewhere
   data-player         a video: volume kept; comma and full stop step a frame, L loops
   data-loop="ID"      a button that makes video #ID loop
   data-opens="KEY"    a link that has the focus again after Back
   aria-disabled       pressing it moves the focus to what aria-describedby names
   time[datetime]      in the reader's zone; data-format="date|time|datetime|as-is" */
"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const byId = (id) => document.getElementById(id);
  const on = (name, act, options) => document.addEventListener(name, act, options);
  const all = (scope, selector) => [
    ...(scope.matches?.(selector) ? [scope] : []),
    ...scope.querySelectorAll(selector),
  ];
  const say = (words) => {
    const live = byId("live");
    if (live) live.textContent = words;
  };

  /* Times in the reader's zone; the zone stands in the tooltip. */
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const formats = {
    date: { day: "numeric", month: "long", year: "numeric" },
    time: { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
    datetime: { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  };
  const localTime = (element) => {
    const at = new Date(element.dateTime);
    if (Number.isNaN(at.getTime())) return;
    const { format = "datetime" } = element.dataset;
    if (format !== "as-is") element.textContent = at.toLocaleString("en-GB", formats[format] || formats.datetime);
    element.title = `${at.toLocaleString("en-GB", { dateStyle: "full", timeStyle: "long" })} (${zone})`;
  };

  const count = (field) => {
    const place = byId(field.dataset.counter);
    if (!place) return;
    const most = field.maxLength;
    const near = field.value.length >= 0.9 * most;
    place.textContent = `${field.value.length.toLocaleString("en")} / ${most.toLocaleString("en")}`;
    if (near && !place.hasAttribute("data-near")) say(`${place.textContent} characters`);
    place.toggleAttribute("data-near", near);
  };

  const volume = (video) => {
    try {
      const kept = JSON.parse(localStorage.getItem("volume") || "null");
      if (kept) [video.volume, video.muted] = kept;
      video.addEventListener("volumechange", () =>
        localStorage.setItem("volume", JSON.stringify([video.volume, video.muted])));
    } catch { /* A browser that keeps nothing. */ }
  };

  const dress = (scope) => {
    all(scope, "time[datetime]").forEach(localTime);
    all(scope, "[data-counter]").forEach(count);
    all(scope, "video[data-player]").forEach(volume);
  };
  const focusNew = (scope) => {
    const target = all(scope, "[data-autofocus]")[0] || all(scope, "[aria-invalid=true]")[0];
    if (!target) return;
    if (!target.matches("a, button, input, select, textarea")) target.tabIndex = -1;
    target.removeAttribute("data-autofocus");
    target.focus();
  };

  on("DOMContentLoaded", () => {
    dress(document);
    focusNew(document);
  });
  on("htmx:load", (event) => dress(event.target));
  on("htmx:afterSettle", (event) => focusNew(event.target));
  on("htmx:oobAfterSwap", (event) => focusNew(event.target));

  /* Polling: nothing while hidden, at once on return. A filter in hx-trigger would need eval, and fails open. */
  const poll = () => document.querySelectorAll("[data-poll]").forEach((element) => window.htmx?.trigger(element, "poll"));
  on("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.closest("[data-poll]")) event.preventDefault();
  });
  on("visibilitychange", () => {
    if (!document.hidden) poll();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) poll();
    const opened = sessionStorage.getItem("opened");
    const back = opened && document.querySelector(`[data-opens="${CSS.escape(opened)}"]`);
    if (!back) return;
    sessionStorage.removeItem("opened");
    if (event.persisted || performance.getEntriesByType("navigation")[0]?.type === "back_forward")
      back.focus({ preventScroll: true });
  });

  const copy = async (button) => {
    const source = byId(button.dataset.copy);
    const text = source ? source.value ?? source.textContent.trim() : button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
      const label = button.querySelector("[data-label]") || button;
      if (label.dataset.words) return;
      label.dataset.words = label.textContent;
      label.textContent = "Copied";
      setTimeout(() => {
        label.textContent = label.dataset.words;
        delete label.dataset.words;
      }, 2000);
    } catch {
      say("Copying did not work. Select the text instead.");
    }
  };

  const fill = (button) => {
    const field = byId(button.dataset.fill);
    field.value = button.dataset.value ?? button.textContent.trim();
    ["input", "change"].forEach((name) => field.dispatchEvent(new Event(name, { bubbles: true })));
    field.focus();
  };

  const loop = (button, video) => {
    video.loop = !video.loop;
    button?.setAttribute("aria-pressed", String(video.loop));
  };
  const reveal = (button) => {
    const field = byId(button.dataset.reveal);
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.ariaLabel = `${button.textContent} password`;
  };

  on("click", (event) => {
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
    const button = event.target.closest("button, a, [data-opens]");
    if (!button) return;
    if (button.getAttribute("aria-disabled") === "true") {
      event.preventDefault();
      event.stopPropagation();
      const reason = byId((button.getAttribute("aria-describedby") || "").split(" ")[0]);
      if (reason) {
        reason.tabIndex = -1;
        reason.focus();
      }
      return;
    }
    const { copy: text, fill: into, reveal: shown, loop: looped, opens } = button.dataset;
    if (text) copy(button);
    if (into) fill(button);
    if (shown) reveal(button);
    if (looped) loop(button, byId(looped));
    if (opens) sessionStorage.setItem("opened", opens);
  }, true);

  on("input", (event) => {
    if (event.target.matches("[data-counter]")) count(event.target);
  });

  const frame = 1 / 25;
  on("keydown", (event) => {
    const { target } = event;
    if (event.key === "Escape") {
      const menu = target.closest("details[data-menu][open]");
      if (menu) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    }
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && target.matches("[data-submit-keys]")) {
      event.preventDefault();
      const submit = target.form.querySelector("[data-submit], button:not([type]), [type=submit]");
      submit ? submit.click() : target.form.requestSubmit();
    }
    if (!target.matches("video[data-player]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "l" || event.key === "L") loop(document.querySelector(`[data-loop="${target.id}"]`), target);
    if (event.key !== "," && event.key !== ".") return;
    target.pause();
    target.currentTime += event.key === "," ? -frame : frame;
  });
})();

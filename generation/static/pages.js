/* What studio and cards need beside clapboard.js: what to say while the server does not answer.

   data-offer           asks for the price: while it waits the old one is dimmed; fails it, there is none, and it asks again
   data-offer-unknown   a template that then takes the place of #offer's content
   data-poll            when it fails a line above the cards says since when, until it succeeds again */
"use strict";
(() => {
  const RETRY = 3000;
  const offer = () => document.getElementById("offer");
  const on = (name, act) => document.addEventListener(name, act);
  let retry;

  const unknown = (asking) => {
    const words = document.querySelector("template[data-offer-unknown]");
    if (!offer() || !words) return;
    if (!offer().dataset.unknown) offer().replaceChildren(words.content.cloneNode(true));
    offer().dataset.unknown = "true";
    offer().removeAttribute("aria-busy");
    clearTimeout(retry);
    retry = setTimeout(() => asking.isConnected && window.htmx.trigger(asking, "again"), RETRY);
  };

  const stale = (poller) => {
    if (document.getElementById("stale")) return;
    const line = document.createElement("p");
    line.id = "stale";
    line.className = "note note--warn";
    const time = new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    line.textContent = `Couldn't refresh since ${time}. Trying again by itself.`;
    poller.after(line);
  };

  const failed = (event) => {
    const asking = event.detail.elt;
    if (asking.matches("[data-offer]")) unknown(asking);
    if (asking.matches("[data-poll]")) stale(asking);
  };
  ["htmx:sendError", "htmx:responseError", "htmx:timeout"].forEach((name) => on(name, failed));
  on("htmx:beforeRequest", (event) => {
    if (event.detail.elt.matches("[data-offer]")) offer()?.setAttribute("aria-busy", "true");
  });
  on("htmx:beforeOnLoad", (event) => {
    if (event.detail.elt.matches("[data-poll]") && event.detail.xhr.status < 400) document.getElementById("stale")?.remove();
  });
})();

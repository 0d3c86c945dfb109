/* What studio and cards need beside clapboard.js: what to say while the server does not answer.

   data-offer           asks for the price: while it waits the old one is dimmed; fails it, there is none, and it asks again
   data-offer-unknown   a template that then takes the place of #offer's content
   data-poll            when it fails a line above the cards says since when, until it succeeds again
   data-upload          sends its file as soon as it is chosen: how much has gone, a way to stop it, and no video meanwhile
   data-dice="ID"       a button that draws a number up to data-most into #ID
   data-mark="ID"       a button that writes where video #data-of stands into #ID; I and O do so in the player */
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

  /* A file on its way. */
  const part = (field, name) => field.querySelector(`[data-upload-${name}]`) || field.parentElement.querySelector(`[data-upload-${name}]`);
  const sending = () => document.querySelector("[data-upload].htmx-request");
  const mb = (bytes) => (bytes / 1e6).toFixed(bytes < 9.95e6 ? 1 : 0);
  const told = (field, words) => {
    part(field, "way").hidden = true;
    part(field, "error").textContent = words;
  };
  const begins = (event, field) => {
    const { files, dataset } = field.querySelector("[type=file]");
    if (!files[0]) return event.preventDefault();
    if (files[0].size > dataset.most) {
      event.preventDefault();
      return told(field, `This has ${mb(files[0].size)} MB; at most ${mb(dataset.most)} MB.`);
    }
    told(field, "");
    part(field, "said").textContent = "";
    part(field, "way").hidden = false;
  };
  on("htmx:xhr:progress", (event) => {
    const field = event.target.closest?.("[data-upload]");
    const { lengthComputable, loaded, total } = event.detail;
    if (!field || !lengthComputable) return;
    field.querySelector("progress").value = (100 * loaded) / total;
    part(field, "said").textContent = loaded < total ? `${mb(loaded)} of ${mb(total)} MB` : "Looking at it…";
  });
  on("htmx:sendAbort", (event) => {
    const field = event.detail.elt;
    if (!field.matches("[data-upload]")) return;
    field.querySelector("[type=file]").value = "";
    told(field, "");
  });
  window.addEventListener("beforeunload", (event) => {
    if (sending()) event.preventDefault();
  });

  const write = (id, value) => {
    const field = document.getElementById(id);
    if (!field) return;
    field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const mark = (id, video) => write(id, Math.round(video.currentTime * 10) / 10);
  on("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { dice, most, mark: marked, of } = button.dataset;
    if (dice) write(dice, Math.floor(Math.random() * most));
    if (marked) mark(marked, document.getElementById(of));
    if (button.matches("[data-upload-cancel]")) window.htmx.trigger(button.closest("[data-upload]"), "htmx:abort");
  });
  on("keydown", (event) => {
    const id = { i: "wish-start_time", o: "wish-end_time" }[event.key.toLowerCase()];
    if (id && event.target.matches("video[data-player]") && !event.ctrlKey && !event.metaKey && !event.altKey)
      mark(id, event.target);
  });

  const failed = (event) => {
    const asking = event.detail.elt;
    if (asking.matches("[data-offer]")) unknown(asking);
    if (asking.matches("[data-poll]")) stale(asking);
    if (asking.matches("[data-upload]")) told(asking, "It broke off on the way. Choose the file again.");
  };
  ["htmx:sendError", "htmx:responseError", "htmx:timeout"].forEach((name) => on(name, failed));
  on("htmx:beforeRequest", (event) => {
    const { elt } = event.detail;
    if (elt.matches("[data-offer]")) offer()?.setAttribute("aria-busy", "true");
    if (elt.matches("[data-upload]")) begins(event, elt);
    if (elt.id === "composer" && sending()) {
      event.preventDefault();
      part(sending(), "error").textContent = "The file is still on its way. Press again once it is there.";
    }
  });
  on("htmx:beforeOnLoad", (event) => {
    if (event.detail.elt.matches("[data-poll]") && event.detail.xhr.status < 400) document.getElementById("stale")?.remove();
  });
})();

// Shows times in the reader's zone, and keeps the page up to date. The pages work without it.
"use strict";
(() => {
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const sameYear = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

  function age(date) {
    const seconds = Math.round((date - Date.now()) / 1000);
    const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) || UNITS[3];
    return relative.format(Math.trunc(seconds / size), unit);
  }

  function showTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const date = new Date(time.dateTime);
      if (Number.isNaN(date.getTime())) continue;
      const isThisYear = date.getFullYear() === new Date().getFullYear();
      const local = date.toLocaleString(undefined, isThisYear ? sameYear : { ...sameYear, year: "numeric" });
      time.title = `${date.toLocaleString(undefined, { timeZoneName: "short" })} (${time.dateTime})`;
      time.textContent = "ago" in time.dataset ? age(date) : "clock" in time.dataset ? date.toLocaleTimeString() : local;
    }
  }

  function openDetails(root) {
    return new Set([...root.querySelectorAll("details[open][data-keep]")].map((each) => each.dataset.keep));
  }

  // What the reader has focused is found again by its address or its name.
  function focused(root) {
    const element = document.activeElement;
    if (!root.contains(element) || element === root) return null;
    const attribute = ["id", "href", "name"].find((name) => element.getAttribute(name));
    return attribute ? `[${attribute}="${CSS.escape(element.getAttribute(attribute))}"]` : null;
  }

  let shown = null;

  function replace(text) {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.getElementById("content");
    const main = document.getElementById("content");
    if (!fresh || fresh.innerHTML === shown) return page;
    const opened = openDetails(main), focus = focused(main);
    shown = fresh.innerHTML;
    main.replaceChildren(...fresh.childNodes);
    for (const details of main.querySelectorAll("details[data-keep]")) details.open = opened.has(details.dataset.keep);
    if (focus) main.querySelector(focus)?.focus({ preventScroll: true });
    document.title = page.title;
    return page;
  }

  // Nothing that the reader types is replaced.
  function isTyping() {
    const element = document.activeElement;
    const main = document.getElementById("content");
    return main.contains(element) && element.matches("input, textarea, select");
  }

  async function refresh(seconds) {
    const freshness = document.getElementById("freshness");
    try {
      if (document.hidden || isTyping() || document.querySelector("[data-still]")) return seconds;
      const answer = await fetch(location.href, { cache: "no-cache", credentials: "same-origin" });
      if (answer.status === 403) { freshness.textContent = "The board was started anew: open its new address."; return null; }
      const page = replace(await answer.text());
      seconds = Number(page.body.dataset.refresh) || seconds;
      freshness.textContent = `Updated at ${new Date().toLocaleTimeString()}.`;
    } catch {
      freshness.textContent = "The board does not answer. It may have been stopped.";
    } finally {
      showTimes(document);
    }
    return seconds;
  }

  function keepFresh(seconds) {
    setTimeout(async () => {
      const next = await refresh(seconds);
      if (next) keepFresh(next);
    }, seconds * 1000);
  }

  // In a file, a link leads to a part that is closed at first.
  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target?.matches("details")) target.open = true;
  }

  function filterFile() {
    const input = document.getElementById("filter");
    input?.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of document.querySelectorAll("#overview tbody tr")) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
      }
    });
  }

  shown = document.getElementById("content").innerHTML;
  showTimes(document);
  filterFile();
  openTarget();
  addEventListener("hashchange", openTarget);
  const seconds = Number(document.body.dataset.refresh);
  if (seconds) keepFresh(seconds);
})();

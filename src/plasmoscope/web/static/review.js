// The page of a slide's review: one key calls a cell and goes on to the next, on whatever photograph that is.

import "./appearance.js";
import { alertReader, problemOf, refresh, said } from "./live.js";
import { Roving } from "./roving.js";

const KEYS = { i: "infected", u: "uninfected", n: "not_a_cell", "?": "uncertain", " ": "" };
const IDLE_MS = 300;

const section = document.querySelector(".reviewing");
const panel = document.querySelector("#cell");
const calls = document.querySelector("fieldset.calls");
if (section) begin();

function begin() {
  const grid = new Roving(section, "a.due");
  const done = [];
  let sending = Promise.resolve();
  let waiting = 0;

  const show = (item) => {
    const picture = panel.querySelector("img.large");
    const small = item.querySelector("img");
    picture.src = small.src;
    picture.alt = small.alt;
    picture.hidden = false;
    panel.querySelector("[data-now]").textContent = item.querySelector("[data-called]").textContent;
  };

  const word = (call) => calls.querySelector(`[data-call="${call}"] [data-word]`).textContent;

  // What the page shows of a cell.
  const put = (item, { call, person, looked, text }) => {
    item.className = `due ${call.replaceAll("_", "-")}${looked ? " looked-at" : ""}`;
    item.dataset.call = call;
    item.toggleAttribute("data-person", person);
    item.querySelector(".seen").hidden = !looked;
    item.querySelector("[data-called]").textContent = text;
    if (item === grid.current) show(item);
  };

  const stateOf = (item) => ({
    call: item.dataset.call,
    person: item.hasAttribute("data-person"),
    looked: item.classList.contains("looked-at"),
    text: item.querySelector("[data-called]").textContent,
  });

  const post = async (item, what, body) => {
    // Beside its picture, wherever the workstation lives.
    const address = item.querySelector("img").getAttribute("src").replace(/picture$/, what);
    const answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await problemOf(answer));
  };

  // One after the other, in the order of the keys; what fails stands as it was, and is said.
  const send = (item, before, ...requests) => {
    waiting += 1;
    sending = sending.then(async () => {
      try {
        for (const [what, body] of requests) await post(item, what, body);
        alertReader("");
      } catch (error) {
        put(item, before);
        alertReader(error instanceof TypeError ? said.offline : error.message);
        grid.go(item);
      }
      waiting -= 1;
      setTimeout(() => waiting || refresh().catch(() => {}), IDLE_MS);
    });
  };

  const call = (item, given) => {
    const before = stateOf(item);
    done.push([item, before]);
    if (given) {
      put(item, { call: given, person: true, looked: true, text: `${word(given)}*` });
      send(item, before, ["call", { call: given }]);
    } else {
      put(item, { ...before, looked: true });
      send(item, before, ["look", { looked_at: true }]);
    }
    goOn(item);
  };

  const goOn = (item) => {
    const items = grid.items;
    const after = items.slice(items.indexOf(item) + 1);
    const next = after.find((one) => !one.classList.contains("looked-at")) ?? after[0];
    if (next) return grid.go(next);
    const page = document.querySelector(".paging [rel=next]");
    if (page) sending.then(() => page.click());
  };

  const back = () => {
    const [item, before] = done.pop() ?? [];
    if (!item) return;
    const now = stateOf(item);
    put(item, before);
    const requests = [];
    if (now.call !== before.call || now.person !== before.person) {
      requests.push(["call", { call: before.person ? before.call : "program" }]);
    }
    if (!before.looked) requests.push(["look", { looked_at: false }]);
    send(item, now, ...requests);
    grid.go(item);
  };

  section.addEventListener("focusin", (event) => {
    const item = event.target.closest("a.due");
    if (item) show(item);
  });
  if (calls) {
    calls.hidden = false;
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target.closest("input, select, textarea, button, .bar, .tabs")) return;
      const key = event.key.toLowerCase();
      if (key in KEYS) call(grid.current, KEYS[key]);
      else if (key === "z") back();
      else return;
      event.preventDefault();
    });
    calls.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button?.dataset.call !== undefined) call(grid.current, button.dataset.call);
      else if (button) back();
    });
  }
  const first = grid.items.find((one) => !one.classList.contains("looked-at")) ?? grid.items[0];
  grid.settle(first);
  show(first);
  // Keys work at once, unless the reader is somewhere else already.
  if (document.activeElement === document.body) first.focus({ preventScroll: true });
}

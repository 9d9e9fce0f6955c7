// What is seen: files in, a row for each with its probability and call.

import { Model } from "./model.mjs";
import { readPicture } from "./picture.mjs";

const CALLS = { infected: "infected", uninfected: "uninfected", not_a_cell: "not a red cell, or cannot tell" };

const [status, kept, drop, files, table, colours, about] = [
  "status", "kept", "drop", "files", "cells", "colours", "model",
].map((id) => document.getElementById(id));

let model = null;
// Pictures are called one after the other, also where more are dropped meanwhile.
let calling = Promise.resolve();

try {
  model = await Model.load();
  describe(model.card);
  files.disabled = false;
  status.textContent = "Ready.";
  keepForOffline();
} catch (error) {
  status.textContent = `No cell is called: ${error.message}`;
  status.className = "refused";
}

files.addEventListener("change", () => {
  callAll([...files.files]);
  files.value = "";
});
for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
  // Dropped beside the field, a picture would replace the page.
  document.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", type === "dragenter" || type === "dragover");
    if (type === "drop") callAll([...event.dataTransfer.files]);
  });
}

function callAll(pictures) {
  if (model === null) return;
  calling = calling.then(async () => {
    for (const [index, file] of pictures.entries()) {
      status.textContent = `Calling cell ${index + 1} of ${pictures.length}…`;
      table.tBodies[0].append(await rowOf(file));
      table.hidden = colours.hidden = false;
    }
    status.textContent = `Done: ${table.tBodies[0].rows.length} pictures.`;
  });
}

async function rowOf(file) {
  const row = document.createElement("tr");
  const [shown, name, probability, call] = Array.from({ length: 4 }, () => row.insertCell());
  name.textContent = file.name;
  try {
    const picture = await readPicture(file);
    shown.append(await preview(file));
    const said = await model.classify(picture);
    row.dataset.probability = said.probability;
    row.dataset.call = said.call;
    if (said.notACell !== null) row.dataset.notACell = said.notACell;
    // Of what is no cell no probability of an infection is shown.
    if (said.call !== "not_a_cell") probability.textContent = said.probability.toFixed(4);
    call.textContent = CALLS[said.call];
    call.className = said.call;
    if (said.classes) call.append(small(sharesTold(said.classes)));
    if (said.remark) call.append(small(`Do not rely on it: ${said.remark}.`));
  } catch (error) {
    call.textContent = "not called";
    call.append(small(error.message));
  }
  return row;
}

async function preview(file) {
  const image = new Image();
  image.alt = "";
  image.src = URL.createObjectURL(file);
  await image.decode();
  URL.revokeObjectURL(image.src);
  return image;
}

function sharesTold(classes) {
  return Object.entries(classes)
    .map(([name, share]) => `${name} ${share.toFixed(4)}`)
    .join(", ");
}

function small(text) {
  const element = document.createElement("small");
  element.textContent = text;
  return element;
}

function describe(card) {
  const from = card.data?.infected_from;
  const lines = {
    Model: card.name,
    "Called infected from": card.threshold ?? 0.5,
    "Intended use": card.intended_use,
    "Infected cells that it learnt from": from ? from.replace(/^from /, "") : "not known",
  };
  for (const [name, value] of Object.entries(lines)) {
    if (value === undefined) continue;
    for (const [tag, text] of [["dt", name], ["dd", value]]) {
      about.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
  }
}

/** From then on the page opens without a network; where a browser cannot keep it, it works all the same. */
async function keepForOffline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("worker.js");
    await navigator.serviceWorker.ready;
    kept.hidden = false;
  } catch (error) {
    console.info(`This page is not kept for use without a network: ${error.message}`);
  }
}

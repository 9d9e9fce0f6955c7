// The page of single cells: sends pictures a few at a time, and shows what the model says of each.

import { takeFiles } from "./dropping.js";
import { problemOf, said } from "./live.js";

const AT_ONCE = 20;
// How each call is shown, and said.
const LOOKS = { infected: "infected", uninfected: "uninfected", not_a_cell: "not-told" };
const SAID = { infected: said.infected, uninfected: said.uninfected };
const list = document.querySelector(".singles");
const status = document.querySelector("[data-status]");
const form = document.querySelector("form.drop");
const share = new Intl.NumberFormat(`${document.documentElement.lang}-u-nu-latn`, {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});

takeFiles(form, async (files) => {
  for (let first = 0; first < files.length; first += AT_ONCE) {
    status.textContent = said.working;
    status.textContent = await classify(files.slice(first, first + AT_ONCE));
  }
});

// Returns what went wrong, or nothing.
async function classify(files) {
  const body = new FormData();
  for (const file of files) body.append("files", file);
  try {
    const answer = await fetch(form.action, { method: "POST", body });
    if (!answer.ok) return await problemOf(answer);
    const { cells } = await answer.json();
    for (const cell of cells) list.append(show(cell, files[cell.file]));
    return "";
  } catch {
    return said.offline;
  }
}

function show(cell, file) {
  const row = document.createElement("li");
  const word = document.createElement("span");
  const name = document.createElement("bdi");
  name.textContent = cell.name;
  if (cell.error) {
    word.textContent = cell.error;
    word.className = "wrong";
  } else {
    const look = LOOKS[cell.call];
    const picture = document.createElement("img");
    picture.src = URL.createObjectURL(file);
    picture.alt = cell.name;
    picture.width = picture.height = 96;
    row.className = look;
    // Of what may be no cell, the probability that it is infected says nothing.
    word.textContent = look === "not-told" ? said.notTold : `${SAID[look]} ${share.format(cell.probability)}`;
    row.append(picture);
  }
  row.append(word, name);
  if (cell.remark) {
    const remark = document.createElement("small");
    remark.textContent = cell.remark;
    remark.className = "wrong";
    row.append(remark);
  }
  return row;
}

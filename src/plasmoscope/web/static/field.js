// The page of a field: zoom and pan in the photograph, and the cell that is open beside it.

import "./appearance.js";
import { alertReader, problemOf, refresh, said } from "./live.js";
import { beginEditing } from "./editing.js";
import { Roving } from "./roving.js";
import { Zoom } from "./zoom.js";

const smear = document.querySelector("svg.smear");
const zoom = new Zoom(smear);
const objects = new Roving(smear.querySelector(".objects"), "a.object");

beginEditing(smear);
document.querySelector(".zooms").hidden = false;
for (const button of document.querySelectorAll("[data-zoom]")) {
  button.addEventListener("click", () => zoom.to(button.dataset.zoom));
}

// A cell's link opens it without leaving the page, so that zoom and place stay.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-cell]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (smear.dataset.mode && smear.contains(link)) return;
  // A drag ends with a click on the cell under it; a key does not.
  if (zoom.dragged && event.detail && smear.contains(link)) return;
  const address = new URL(link.getAttribute("href"), location.href);
  address.hash = "";
  history.replaceState(null, "", address);
  try {
    await refresh();
    alertReader("");
    const panel = document.querySelector("#cell");
    panel.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  } catch {
    alertReader(said.offline);
  }
});

// The open cell stands out in the photograph.
function showOpen() {
  const number = document.querySelector("#cell").dataset.open;
  for (const object of smear.querySelectorAll(".open")) object.classList.remove("open");
  const object = number && document.getElementById(`object-${number}`);
  if (!object) return;
  object.classList.add("open");
  objects.settle(object);
  zoom.reveal(object);
}
document.addEventListener("refreshed", showOpen);
showOpen();

smear.addEventListener("focusin", (event) => {
  const object = event.target.closest("a[data-cell]");
  if (object) zoom.reveal(object);
});

// What the call rests on, in place of the cell, and back again; why not, in words.
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-heat]");
  if (!link) return;
  event.preventDefault();
  const panel = document.querySelector("#cell");
  const picture = panel.querySelector("img.large");
  const place = panel.querySelector("[data-heat-said]");
  if (picture.dataset.plain) {
    picture.src = picture.dataset.plain;
    delete picture.dataset.plain;
    place.textContent = "";
    return;
  }
  place.textContent = said.working;
  try {
    const answer = await fetch(link.dataset.heat);
    if (!answer.ok) {
      place.textContent = answer.status === 404 ? said.nowhere : await problemOf(answer);
      return;
    }
    picture.dataset.plain = picture.src;
    picture.src = URL.createObjectURL(await answer.blob());
    place.textContent = said.heat;
  } catch {
    place.textContent = said.offline;
  }
});

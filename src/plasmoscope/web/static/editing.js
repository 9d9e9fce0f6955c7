// Correcting the outlines of a field: strokes are taken here, and the server makes the cells of them.

import { alertReader, problemOf, refresh, said } from "./live.js";

const SVG = "http://www.w3.org/2000/svg";
const LEAST_PIXELS = 2;

export function beginEditing(smear) {
  const tools = document.querySelector("[data-editing]");
  if (!tools) return;
  tools.hidden = false;
  const hint = document.querySelector("[data-editing-said]");
  const chosen = new Set();
  let stroke = null;

  const mode = () => smear.dataset.mode ?? "";

  const setMode = (name) => {
    if (name) smear.dataset.mode = name;
    else delete smear.dataset.mode;
    for (const button of tools.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === name));
    }
    hint.textContent = name ? said[name] : "";
    for (const object of smear.querySelectorAll(".chosen")) object.classList.remove("chosen");
    chosen.clear();
  };

  const post = async (what, body) => {
    try {
      const answer = await fetch(`${tools.dataset.editing}/${what}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      if (!answer.ok) return alertReader(await problemOf(answer));
      const { numbers } = await answer.json();
      const address = new URL(location.href);
      address.search = `?cell=${numbers[0]}`;
      address.hash = "";
      history.replaceState(null, "", address);
      await refresh();
      alertReader("");
    } catch {
      alertReader(said.offline);
    }
  };

  const place = (event) => {
    const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(smear.getScreenCTM().inverse());
    return [Math.round(x * 10) / 10, Math.round(y * 10) / 10];
  };

  const boxOf = ([[x, y]], [to, below]) => ({
    left: Math.min(x, to),
    top: Math.min(y, below),
    width: Math.abs(to - x),
    height: Math.abs(below - y),
  });

  const preview = () => {
    const { points, shape } = stroke;
    if (mode() === "ellipse") {
      const { left, top, width, height } = boxOf(points, points.at(-1));
      for (const [name, value] of Object.entries({
        cx: left + width / 2,
        cy: top + height / 2,
        rx: width / 2,
        ry: height / 2,
      })) {
        shape.setAttribute(name, value);
      }
    } else {
      shape.setAttribute("points", points.join(" "));
    }
  };

  // Which cell most of a line crosses.
  const crossed = (marks) => {
    const times = new Map();
    for (const [x, y] of marks) {
      for (const element of document.elementsFromPoint(x, y)) {
        const number = element.closest?.("a.object")?.dataset.cell;
        if (number) times.set(number, (times.get(number) ?? 0) + 1);
      }
    }
    return [...times].sort((one, other) => other[1] - one[1])[0]?.[0];
  };

  const finish = ({ points, marks }) => {
    const call = tools.querySelector("#draw-as").value;
    if (mode() === "polygon" && points.length > 2) post("cells", { polygon: points, call });
    if (mode() === "ellipse") {
      const ellipse = boxOf(points, points.at(-1));
      if (ellipse.width && ellipse.height) post("cells", { ellipse, call });
    }
    if (mode() === "split" && points.length > 1) {
      const number = crossed(marks);
      if (number) post(`cells/${number}/split`, { line: points });
      else hint.textContent = said.split;
    }
  };

  smear.addEventListener("pointerdown", (event) => {
    if (!mode() || mode() === "join" || event.button) return;
    event.preventDefault();
    const shape = document.createElementNS(SVG, mode() === "ellipse" ? "ellipse" : "polyline");
    shape.setAttribute("class", "stroke");
    smear.append(shape);
    stroke = { points: [place(event)], marks: [[event.clientX, event.clientY]], shape };
  });
  window.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const [x, y] = stroke.marks.at(-1);
    if (Math.hypot(event.clientX - x, event.clientY - y) < LEAST_PIXELS) return;
    stroke.points.push(place(event));
    stroke.marks.push([event.clientX, event.clientY]);
    preview();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    window.addEventListener(name, () => {
      const done = stroke;
      stroke = null;
      done?.shape.remove();
      if (done && name === "pointerup") finish(done);
    });
  }
  smear.addEventListener("click", (event) => {
    const object = event.target.closest("a.object");
    if (mode() !== "join" || !object) return;
    event.preventDefault();
    const { cell } = object.dataset;
    if (!chosen.delete(cell)) chosen.add(cell);
    object.classList.toggle("chosen", chosen.has(cell));
  });

  tools.addEventListener("click", (event) => {
    const button = event.target.closest("[data-mode]");
    if (!button) return;
    if (mode() === "join" && button.dataset.mode === "join" && chosen.size > 1) {
      const numbers = [...chosen].map(Number);
      setMode("");
      post("join", { numbers });
    } else setMode(mode() === button.dataset.mode ? "" : button.dataset.mode);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") setMode("");
    if (!event.ctrlKey && !event.metaKey) return;
    if (event.target.closest("input, select")) return;
    const step = { z: event.shiftKey ? "redo" : "undo", y: "redo" }[event.key.toLowerCase()];
    if (!step) return;
    event.preventDefault();
    document.querySelector(`[data-step="${step}"]`).click();
  });
}

// How pictures are shown: contrast, gamma, one colour, outlines. The browser remembers it; no photograph is changed.

const SVG = "http://www.w3.org/2000/svg";
const KEPT = "plasmoscope.appearance";
const PLAIN = { contrast: "1", gamma: "1", channel: "", outlines: true };
// Red, green and blue each from these shares of the three.
const CHANNELS = { green: "0 1 0 0 0", grey: "0.2126 0.7152 0.0722 0 0" };

const panel = document.querySelector("[data-appearance]");
const outlines = document.querySelector("#outlines");
const chosen = { ...PLAIN, ...recall() };

function recall() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep() {
  // A browser that keeps nothing still shows it.
  try {
    localStorage.setItem(KEPT, JSON.stringify(chosen));
  } catch {}
}

function element(name, attributes, ...inside) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...inside);
  return made;
}

function filter() {
  const transfer = (attributes) =>
    element("feComponentTransfer", {}, ...["R", "G", "B"].map((one) => element(`feFunc${one}`, attributes)));
  const row = CHANNELS[chosen.channel];
  return element(
    "filter",
    { id: "appearance", "color-interpolation-filters": "sRGB", x: 0, y: 0, width: 1, height: 1 },
    ...(row ? [element("feColorMatrix", { type: "matrix", values: `${row} ${row} ${row} 0 0 0 1 0` })] : []),
    transfer({ type: "gamma", exponent: 1 / chosen.gamma }),
    transfer({ type: "linear", slope: chosen.contrast, intercept: (1 - chosen.contrast) / 2 }),
  );
}

function show() {
  document.querySelector("#appearance")?.closest("svg").remove();
  const plain = ["contrast", "gamma", "channel"].every((name) => chosen[name] === PLAIN[name]);
  if (!plain) document.body.append(element("svg", { width: 0, height: 0, "aria-hidden": "true", class: "unseen" }, filter()));
  for (const picture of document.querySelectorAll(".smear image, img.large, .gallery img")) {
    picture.style.filter = plain ? "" : "url(#appearance)";
  }
}

if (panel) {
  panel.hidden = false;
  const controls = [...panel.querySelectorAll("[name]")];
  const fill = () => controls.forEach((control) => (control.value = chosen[control.name]));
  panel.addEventListener("input", (event) => {
    chosen[event.target.name] = event.target.value;
    keep();
    show();
  });
  panel.querySelector("[data-reset]").addEventListener("click", () => {
    Object.assign(chosen, PLAIN, { outlines: chosen.outlines });
    fill();
    keep();
    show();
  });
  fill();
  show();
  document.addEventListener("refreshed", show);
}

if (outlines) {
  outlines.checked = chosen.outlines;
  outlines.addEventListener("change", () => {
    chosen.outlines = outlines.checked;
    keep();
  });
}

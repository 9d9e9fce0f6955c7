// The language changes as soon as another is picked, by keys once the list is left or Enter is pressed; without scripts
// the button beside it does it.
const form = document.querySelector("form.settings");
form.querySelector("[data-chosen]").hidden = true;
const { language } = form;
const before = language.value;
const change = () => language.value !== before && form.requestSubmit();
let byKeys = false;
language.addEventListener("pointerdown", () => (byKeys = false));
language.addEventListener("keydown", (event) => {
  byKeys = event.key !== "Enter";
  if (!byKeys) change();
});
language.addEventListener("change", () => byKeys || change());
language.addEventListener("blur", change);
// Light or dark: the other of what this screen shows now.
const shown = document.documentElement.dataset.theme;
const dark = shown ? shown === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
form.theme.value = dark ? "light" : "dark";
document.documentElement.classList.add("scripted");

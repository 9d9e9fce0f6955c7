// The language changes as soon as another is picked; without scripts the button beside it does it.
const form = document.querySelector("form.settings");
form.querySelector("[data-chosen]").hidden = true;
form.language.addEventListener("change", () => form.requestSubmit());
// Light or dark: the other of what this screen shows now.
const shown = document.documentElement.dataset.theme;
const dark = shown ? shown === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
form.theme.value = dark ? "light" : "dark";
document.documentElement.classList.add("scripted");

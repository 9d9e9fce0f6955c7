// The language changes as soon as another is picked; without scripts the button beside it does it.
const form = document.querySelector("form.settings");
form.querySelector("[data-chosen]").hidden = true;
form.language.addEventListener("change", () => form.requestSubmit());
document.documentElement.classList.add("scripted");

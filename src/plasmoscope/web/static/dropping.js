// Files that are dropped on a form, or chosen in it.

export function takeFiles(form, take) {
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  for (const input of form.querySelectorAll("input[type=file]")) {
    const takeChosen = () => {
      take([...input.files]);
      // The same file may be chosen once more.
      input.value = "";
    };
    input.addEventListener("change", takeChosen);
    // Somebody was faster than this script.
    if (input.files.length) takeChosen();
  }
}

// Files that are dropped on a form, those in dropped folders too, or chosen in it.

// What operating systems leave in folders of pictures.
const LITTER = /^(\..*|thumbs\.db|desktop\.ini)$/i;

export function takeFiles(form, take) {
  form.addEventListener("dragover", (event) => {
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    const { items, files } = event.dataTransfer;
    // They are gone once this function waits for anything.
    const entries = [...items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (entries.some((entry) => entry.isDirectory)) Promise.all(entries.map(filesOf)).then((found) => take(found.flat()));
    else take([...files]);
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

// A browser gives a folder as one file that cannot be sent; what it holds has to be asked for, some hundred at a time.
async function filesOf(entry) {
  if (!entry.isDirectory) return [await new Promise((settle, fail) => entry.file(settle, fail))];
  const reader = entry.createReader();
  const inside = [];
  for (let some = true; some; ) {
    const batch = await new Promise((settle, fail) => reader.readEntries(settle, fail));
    inside.push(...batch);
    some = batch.length > 0;
  }
  const kept = inside.filter((one) => !LITTER.test(one.name)).sort((a, b) => a.name.localeCompare(b.name));
  return (await Promise.all(kept.map(filesOf))).flat();
}

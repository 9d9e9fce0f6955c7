// A barcode scanner types a code and Enter. Here Enter goes on to the next box instead of sending a form that is not
// filled in yet; the first empty box has the focus.
const boxes = [...document.querySelectorAll("[data-next]")];
for (const box of boxes) {
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    document.getElementById(box.dataset.next).focus();
  });
}
const wrong = document.querySelector("[aria-invalid]");
(wrong ?? boxes.find((box) => !box.value))?.focus();

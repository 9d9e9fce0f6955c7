// Locks the page where nobody has used it for a while; what was typed stays behind the box that asks for the password.

const ACTED = "plasmoscope-acted";
const WHO = "plasmoscope-who";
const dialog = document.querySelector("#lock");
const [form] = dialog.querySelectorAll("form");
const password = form.querySelector("input");
const alert = form.querySelector("[role=alert]");
const idle = Number(dialog.dataset.minutes) * 60_000;
// Often enough for the workstation to know that somebody reads or types.
const tellAfter = Math.min(idle / 4, 60_000);
let told = Date.now();
let locked = false;

const send = (what, body) =>
  fetch(dialog.dataset.interface + what, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
    keepalive: true,
  });

// All tabs of a browser are one session.
const lastAct = () => Number(localStorage.getItem(ACTED)) || told;
const act = () => localStorage.setItem(ACTED, Date.now());

function onAct() {
  if (locked) return;
  act();
  if (Date.now() - told < tellAfter) return;
  told = Date.now();
  send("acting").catch(() => {});
}

function lock() {
  if (locked) return;
  locked = true;
  document.documentElement.classList.add("locked");
  dialog.showModal();
  password.focus();
  send("lock").catch(() => {});
}

function unlock() {
  locked = false;
  password.value = "";
  alert.hidden = true;
  document.documentElement.classList.remove("locked");
  dialog.close();
}

localStorage.setItem(WHO, dialog.dataset.who);
act();
for (const kind of ["pointerdown", "keydown", "wheel"]) {
  addEventListener(kind, onAct, { capture: true, passive: true });
}
document.addEventListener("locked", lock);
// Escape closes boxes, but not this one.
dialog.addEventListener("cancel", (event) => event.preventDefault());
dialog.addEventListener("close", () => locked && dialog.showModal());
setInterval(() => {
  const waits = Date.now() - lastAct() >= idle;
  if (waits) lock();
  // Another tab was unlocked.
  else if (locked && lastAct() > told) {
    if (localStorage.getItem(WHO) === dialog.dataset.who) unlock();
    else location.reload();
  }
}, 1000);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  let answer = null;
  try {
    answer = await send("unlock", { password: password.value });
  } catch {
    return;
  }
  if (answer.status === 401) return location.reload();
  if (answer.ok) {
    told = Date.now();
    act();
    return unlock();
  }
  password.value = "";
  alert.textContent = (await answer.json()).error.translation;
  alert.hidden = false;
});

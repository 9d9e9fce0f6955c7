// Keeps parts of a page up to date with the server's own rendering of them, so that every word comes from one place.

// What the server wrote for the scripts to say, in the reader's language.
export const said = JSON.parse(document.querySelector("#said").textContent);

// Parts carry data-state, which changes whenever they do; the others stay as they are, with what is being typed there.
function takeOver(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const list = fresh.querySelectorAll("[data-part]");
  if (!list.length) return false;
  const ids = new Set([...list].map((part) => part.id));
  for (const old of document.querySelectorAll("[data-part]")) if (!ids.has(old.id)) old.remove();
  for (const part of list) {
    const old = document.getElementById(part.id);
    if (!old) document.getElementById(part.parentElement.id)?.append(document.adoptNode(part));
    else if (old.dataset.state !== part.dataset.state) {
      const focused = old.contains(document.activeElement);
      const node = document.adoptNode(part);
      old.replaceWith(node);
      if (focused) takeFocus(node);
    }
  }
  document.dispatchEvent(new Event("refreshed"));
  return true;
}

// Whoever goes by keyboard stays where they were, also on a part that is no control.
function takeFocus(node) {
  node.focus({ preventScroll: true });
  if (document.activeElement === node) return;
  node.tabIndex = -1;
  node.focus({ preventScroll: true });
}

export function alertReader(message) {
  const place = document.querySelector("[data-alert]");
  place.textContent = message;
  place.hidden = !message;
}

export async function refresh() {
  // Nobody asked for it, so it keeps no session open.
  const answer = await fetch(location.href, { headers: { Accept: "text/html", "X-Plasmoscope-Unasked": "1" } });
  // What is typed here stays while the page is locked.
  if (new URL(answer.url).pathname.endsWith("/unlock")) return document.dispatchEvent(new Event("locked"));
  // A workstation that fails for a moment is asked again later.
  if (answer.status >= 500) return;
  // Another page in its place, such as the one to log in, is what the reader has to see.
  if (!answer.ok || !takeOver(await answer.text())) location.reload();
}

// What a refused request says, for people.
export async function problemOf(answer) {
  try {
    return (await answer.json()).error.translation;
  } catch {
    return said.failed;
  }
}

// Forms marked data-live are sent without leaving the page; the answer is the page itself, or an error page.
document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("[data-live]")) return;
  event.preventDefault();
  const body = new URLSearchParams(new FormData(form, event.submitter));
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    const text = await answer.text();
    // What was open may be gone.
    const now = new URL(answer.url);
    if (answer.ok && now.pathname === location.pathname) history.replaceState(null, "", now);
    if (answer.ok && takeOver(text)) return alertReader("");
    const page = new DOMParser().parseFromString(text, "text/html");
    alertReader(page.querySelector("main p")?.textContent ?? said.failed);
  } catch {
    alertReader(said.offline);
  }
});

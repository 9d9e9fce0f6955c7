// Sends photographs one after the other, each with its progress. What a lost line, a reload or a new start of the
// workstation breaks off goes on by itself from where it was (the tus protocol, https://tus.io).

import { problemOf, said } from "./live.js";
import { forget, keep, unsent } from "./unsent.js";

const PIECE_BYTES = 4 * 1024 * 1024;
const PAUSES = [1, 2, 5, 10, 30]; // seconds
const SPOKEN = { "Tus-Resumable": "1.0.0" };
// What will be no other way the next time.
const REFUSED = [413, 422];

// What is sent from a page, each photograph in a row of its list; the page is told after each.
export class Sender {
  constructor(list, owner, after = () => {}) {
    this.list = list;
    this.owner = owner;
    this.after = after;
    this.waiting = [];
    this.busy = false;
    // Leaving the page would lose what the browser could not keep; it asks first.
    addEventListener("beforeunload", (event) => {
      if (this.waiting.some((one) => !one.photograph.id)) event.preventDefault();
    });
  }

  add(files, address, slide) {
    for (const file of files) {
      const one = new Upload({ owner: this.owner, address, slide, name: file.name, file, at: "" }, this.list);
      one.keeping = one.keep();
      this.waiting.push(one);
    }
    this.send();
  }

  // Goes on with what an earlier page did not send; another open page may be at it already.
  async goOn() {
    for (const photograph of await unsent(this.owner)) {
      const one = new Upload(photograph, this.list);
      if (await one.hold()) this.waiting.push(one);
      else one.row.remove();
    }
    this.send();
  }

  async send() {
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.waiting.length) {
        const [one] = this.waiting;
        await one.send();
        this.waiting.shift();
        await this.after();
      }
    } finally {
      this.busy = false;
    }
  }
}

class Upload {
  constructor(photograph, list) {
    this.photograph = photograph;
    this.stopped = new AbortController();
    this.row = document.createElement("li");
    const name = document.createElement("bdi");
    name.textContent = `${photograph.slide}: ${photograph.name}`;
    this.bar = document.createElement("progress");
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", photograph.name);
    this.word = document.createElement("span");
    this.word.textContent = said.waiting;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.textContent = said.cancel;
    this.button.addEventListener("click", () => this.cancel());
    this.row.append(name, this.bar, this.word, this.button);
    list.append(this.row);
  }

  async keep() {
    const id = await keep(this.photograph);
    if (id === undefined) return;
    this.photograph.id = id;
    await this.hold();
  }

  // Whether no other page sends it; over plain http browsers do not tell, and the workstation sorts it out.
  hold() {
    if (!navigator.locks) return true;
    return new Promise((settle) => {
      navigator.locks.request(`unsent ${this.photograph.id}`, { ifAvailable: true }, (lock) => {
        settle(Boolean(lock));
        return lock && new Promise((done) => (this.letGo = done));
      });
    });
  }

  async forget() {
    await this.keeping;
    if (this.photograph.id) await forget(this.photograph.id);
    this.letGo?.();
  }

  async cancel() {
    this.stopped.abort();
    this.row.remove();
    await this.forget();
    if (this.photograph.at) fetch(this.photograph.at, { method: "DELETE", headers: SPOKEN }).catch(() => {});
  }

  async send() {
    for (let lost = 0; !this.stopped.signal.aborted; ) {
      this.word.textContent = said.sending;
      const answer = await this.goOn();
      if (this.stopped.signal.aborted) return;
      if (answer?.ok) {
        this.row.remove();
        return this.forget();
      }
      if (answer?.status === 404 && this.photograph.at) {
        // The workstation knows nothing of it any more: it begins anew.
        await this.beginAt("");
      } else if (!answer || answer.status === 408 || answer.status === 429 || answer.status >= 500) {
        // The workstation may say when to come back.
        const seconds = Number(answer?.headers.get("Retry-After")) || PAUSES[Math.min(lost, PAUSES.length - 1)];
        this.word.textContent = answer ? said.waiting : said.resuming;
        lost += answer ? 0 : 1;
        await this.pause(seconds);
      } else if (answer.status === 401 && document.querySelector("#lock")) {
        // It goes on once somebody unlocks the page.
        this.word.textContent = said.waiting;
        await this.pause(PAUSES[0]);
      } else if ((await reasonOf(answer)) === "upload_is_at") {
        await this.pause(PAUSES[0]);
      } else {
        if (REFUSED.includes(answer.status)) await this.forget();
        return this.end(await problemOf(answer));
      }
    }
  }

  // The last answer: all is sent, or this is why not. Null where the workstation cannot be reached.
  async goOn() {
    const { file, address } = this.photograph;
    let offset = 0;
    let answer = null;
    if (this.photograph.at) {
      answer = await this.ask("HEAD", this.photograph.at);
      if (!answer || answer.status === 404) return answer;
      // Why it is refused as a whole is told by an answer with a body.
      offset = answer.ok ? Number(answer.headers.get("Upload-Offset")) : file.size;
      if (answer.ok && offset === file.size) return answer;
    } else {
      const head = { "Upload-Length": file.size, "Upload-Metadata": `filename ${inBase64(this.photograph.name)}` };
      answer = await this.ask("POST", address, head);
      if (!answer?.ok) return answer;
      await this.beginAt(answer.headers.get("Location"));
    }
    do {
      const head = { "Upload-Offset": offset, "Content-Type": "application/offset+octet-stream" };
      const before = offset;
      const shown = (sent) => (this.bar.value = (before + sent) / file.size);
      answer = await this.ask("PATCH", this.photograph.at, head, file.slice(offset, offset + PIECE_BYTES), shown);
      if (!answer?.ok) return answer;
      offset = Number(answer.headers.get("Upload-Offset"));
    } while (offset < file.size);
    return answer;
  }

  async beginAt(address) {
    this.photograph.at = address;
    await this.keeping;
    if (this.photograph.id) await keep(this.photograph);
  }

  // A Response, or null where the workstation cannot be reached. XMLHttpRequest tells how much was sent; fetch does not.
  ask(method, address, head = {}, body = null, shown = () => {}) {
    return new Promise((settle) => {
      const request = new XMLHttpRequest();
      request.open(method, address);
      for (const [name, value] of Object.entries({ ...SPOKEN, ...head })) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => shown(event.loaded);
      request.onload = () => {
        const headers = {};
        for (const name of ["Retry-After", "Location", "Upload-Offset"]) {
          const value = request.getResponseHeader(name);
          if (value !== null) headers[name] = value;
        }
        settle(new Response(request.response || null, { status: request.status, headers }));
      };
      request.onerror = request.onabort = () => settle(null);
      this.stopped.signal.addEventListener("abort", () => request.abort());
      request.send(body);
    });
  }

  // Until then, or until the browser has a network again.
  pause(seconds) {
    return new Promise((settle) => {
      setTimeout(settle, seconds * 1000);
      addEventListener("online", settle, { once: true });
      this.stopped.signal.addEventListener("abort", settle);
    });
  }

  end(message) {
    this.letGo?.();
    this.bar.remove();
    this.word.textContent = message;
    this.word.className = "wrong";
    this.button.textContent = said.close;
  }
}

async function reasonOf(answer) {
  const told = await answer.clone().json().catch(() => null);
  return told?.error?.reason;
}

function inBase64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

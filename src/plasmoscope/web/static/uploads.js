// Sends photographs one after the other, each with its progress; where the workstation is full, after a pause.

import { problemOf, refresh, said } from "./live.js";

const queue = [];
let sending = false;

export function upload(files, address, list) {
  for (const file of files) queue.push(new Upload(file, address, list));
  if (!sending) sendAll();
}

async function sendAll() {
  sending = true;
  try {
    while (queue.length) await queue.shift().send();
  } finally {
    sending = false;
  }
}

// Leaving the page would lose what is not sent yet; the browser asks first.
addEventListener("beforeunload", (event) => {
  if (sending) event.preventDefault();
});

class Upload {
  constructor(file, address, list) {
    this.file = file;
    this.address = address;
    this.stopped = new AbortController();
    this.row = document.createElement("li");
    const name = document.createElement("bdi");
    name.textContent = file.name;
    this.bar = document.createElement("progress");
    this.bar.max = 1;
    this.bar.value = 0;
    this.bar.setAttribute("aria-label", file.name);
    this.word = document.createElement("span");
    this.word.textContent = said.waiting;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.textContent = said.cancel;
    this.button.addEventListener("click", () => this.cancel());
    this.row.append(name, this.bar, this.word, this.button);
    list.append(this.row);
  }

  cancel() {
    this.stopped.abort();
    this.row.remove();
  }

  async send() {
    while (!this.stopped.signal.aborted) {
      this.word.textContent = said.sending;
      const answer = await this.post();
      if (!answer) return this.end(said.offline);
      // The workstation has too much to do just now, and says when to come back.
      const seconds = Number(answer.headers.get("Retry-After"));
      if (seconds) {
        this.word.textContent = said.waiting;
        await this.pause(seconds);
        continue;
      }
      if (!answer.ok) return this.end(await problemOf(answer));
      this.row.remove();
      // What the page shows now is not worth the photographs that still wait here.
      return refresh().catch(() => {});
    }
  }

  // A Response, or null where the workstation cannot be reached. XMLHttpRequest tells how much was sent; fetch does not.
  post() {
    return new Promise((settle) => {
      const request = new XMLHttpRequest();
      request.open("POST", this.address);
      request.upload.onprogress = (event) => (this.bar.value = event.loaded / event.total);
      request.onload = () => {
        const wait = request.getResponseHeader("Retry-After") ?? "";
        settle(new Response(request.response, { status: request.status, headers: { "Retry-After": wait } }));
      };
      request.onerror = request.onabort = () => settle(null);
      this.stopped.signal.addEventListener("abort", () => request.abort());
      const body = new FormData();
      body.append("file", this.file);
      request.send(body);
    });
  }

  pause(seconds) {
    return new Promise((settle) => {
      setTimeout(settle, seconds * 1000);
      this.stopped.signal.addEventListener("abort", settle);
    });
  }

  end(message) {
    this.bar.remove();
    this.word.textContent = message;
    this.word.className = "wrong";
    this.button.textContent = said.close;
  }
}

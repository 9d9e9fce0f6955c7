// A model and its card, checked against each other before anything is called.

import * as ort from "./ort.wasm.bundle.min.mjs";
import { judge } from "./judging.mjs";
import { remarkOn } from "./remarks.mjs";
import { resizeToSquare } from "./resize.mjs";

// The only way of preparing cells that these pages know; a card that asks for another is refused.
const KNOWN = {
  resize: "square, bilinear, area average below half size",
  channels: "RGB",
  background: "black",
};
const CLASSES = ["Parasitized", "Uninfected"];

export class Model {
  #session;

  constructor(card, session) {
    this.card = card;
    this.#session = session;
  }

  /** Load and check; throws with a sentence for the user. Without a model there is no answer. */
  static async load() {
    const [network, card] = await Promise.all([fetched("model.onnx"), fetched("model.json")]);
    const described = JSON.parse(new TextDecoder().decode(card));
    checkCard(described);
    if ((await sha256(network)) !== described.sha256) {
      throw new Error(
        "The model is not the file that its card describes (the checksum differs). " +
          "It was cut short or altered; build this page again."
      );
    }
    // One thread needs no special headers from the server.
    ort.env.wasm.numThreads = 1;
    return new Model(described, await ort.InferenceSession.create(network, { executionProviders: ["wasm"] }));
  }

  /**
   * What is said of one picture, { width, height, data }.
   *
   * @returns { probability, notACell, call, classes, remark }, as `judge` gives the first four.
   */
  async classify(picture) {
    const size = this.card.preprocessing.image_size;
    const cell = resizeToSquare(picture, size);
    // The graph takes bytes and brings them to the card's mean and spread by itself.
    const pixels = new ort.Tensor("uint8", Uint8Array.from(cell.data), [1, size, size, 3]);
    const answers = await this.#session.run({ [this.#session.inputNames[0]]: pixels });
    const logits = answers[this.#session.outputNames[0]].data;
    const strangeness = answers.strangeness ? answers.strangeness.data[0] : null;
    const remark = remarkOn(cell, Math.max(picture.width, picture.height));
    return { ...judge(logits, strangeness, this.card), remark };
  }
}

function checkCard(card) {
  const unknown = Object.keys(KNOWN).filter((name) => (card.preprocessing?.[name] ?? KNOWN[name]) !== KNOWN[name]);
  // Classes of one's own say which of them count as infected.
  const own = Boolean(card.positive_classes);
  const usual = CLASSES.every((name, index) => (card.class_names ?? CLASSES)[index] === name);
  if ((card.format ?? 1) !== (own ? 2 : 1) || unknown.length > 0 || !(own || usual)) {
    throw new Error("The model's card asks for what this page does not know. Take the page of the model's version.");
  }
}

async function fetched(name) {
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} is missing (${answer.status}). Build this page again.`);
  return answer.arrayBuffer();
}

async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) {
    throw new Error("The model cannot be checked here. Open this page from this computer (localhost) or by https.");
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

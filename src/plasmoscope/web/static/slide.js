// The page of a slide: takes photographs in, and follows their analysis.

import { offerCamera } from "./camera.js";
import { takeFiles } from "./dropping.js";
import { refresh } from "./live.js";
import { Sender } from "./uploads.js";

const LOOK_AGAIN_MS = 1500;

const form = document.querySelector("form[data-upload]");
if (form) {
  // What the page shows now is not worth the photographs that still wait here.
  const sender = new Sender(document.querySelector(".uploads"), form.dataset.owner, () => refresh().catch(() => {}));
  sender.goOn();
  const take = (files) => sender.add(files, form.dataset.upload, form.dataset.slide);
  takeFiles(form, take);
  offerCamera(form.querySelector("[data-camera]"), document.querySelector("dialog.camera"), take);
}

async function follow() {
  if (document.querySelector("[data-unfinished], [data-watched]")) await refresh().catch(() => {});
  setTimeout(follow, LOOK_AGAIN_MS);
}
setTimeout(follow, LOOK_AGAIN_MS);

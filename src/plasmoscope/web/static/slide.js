// The page of a slide: takes photographs in, and follows their analysis.

import { offerCamera } from "./camera.js";
import { takeFiles } from "./dropping.js";
import { refresh } from "./live.js";
import { upload } from "./uploads.js";

const LOOK_AGAIN_MS = 1500;

const form = document.querySelector("form[data-upload]");
if (form) {
  const take = (files) => upload(files, form.dataset.upload, document.querySelector(".uploads"));
  takeFiles(form, take);
  offerCamera(form.querySelector("[data-camera]"), document.querySelector("dialog.camera"), take);
}

async function follow() {
  if (document.querySelector("[data-unfinished]")) await refresh().catch(() => {});
  setTimeout(follow, LOOK_AGAIN_MS);
}
setTimeout(follow, LOOK_AGAIN_MS);

// Pictures from a camera at the eyepiece that the browser can open.

import { alertReader, said } from "./live.js";

export function offerCamera(button, dialog, take) {
  if (!navigator.mediaDevices?.getUserMedia) return;
  const video = dialog.querySelector("video");
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      // As many pixels as there are: parasites are small.
      const wanted = { facingMode: "environment", width: { ideal: 4096 }, height: { ideal: 3072 } };
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: wanted });
      dialog.showModal();
    } catch {
      alertReader(said.camera);
    }
  });
  dialog.querySelector("[data-take]").addEventListener("click", () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth;
    canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    canvas.toBlob((blob) => take([new File([blob], "camera.jpg", { type: blob.type })]), "image/jpeg", 0.95);
  });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}

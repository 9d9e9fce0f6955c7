// Pictures from a camera at the eyepiece that the browser can open.

import { alertReader, said } from "./live.js";

// One look after the other, each only when the one before is answered.
const LOOK_MS = 2000;
// Enough pixels to see the cells by; a picture that is taken has all there are.
const LOOK_PIXELS = 1600;
const CHOSEN = "camera";

export function offerCamera(button, dialog, take) {
  // Browsers let only safe pages open a camera: those of this computer, and by https.
  if (!window.isSecureContext) document.querySelector("[data-unsafe]").hidden = false;
  if (!navigator.mediaDevices?.getUserMedia) return;
  const video = dialog.querySelector("video");
  const choice = dialog.querySelector("select");
  const seen = dialog.querySelector("[data-seen]");
  button.hidden = false;

  const close = () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  };

  const open = async (chosen) => {
    close();
    // As many pixels as there are: parasites are small.
    const wanted = { width: { ideal: 4096 }, height: { ideal: 3072 } };
    const which = chosen ? { deviceId: { ideal: chosen } } : { facingMode: "environment" };
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { ...wanted, ...which } });
    // Their names are told once one may be used.
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter((one) => one.kind === "videoinput");
    const now = video.srcObject.getVideoTracks()[0]?.getSettings().deviceId;
    const named = (one, number) => new Option(one.label || String(number + 1), one.deviceId, false, one.deviceId === now);
    choice.replaceChildren(...devices.map(named));
  };

  const begin = async (chosen) => {
    try {
      await open(chosen);
      if (!dialog.open) dialog.showModal();
    } catch {
      dialog.close();
      alertReader(said.camera);
    }
  };

  button.addEventListener("click", () => begin(localStorage.getItem(CHOSEN)));
  choice.addEventListener("change", () => {
    localStorage.setItem(CHOSEN, choice.value);
    begin(choice.value);
  });
  dialog.querySelector("[data-take]").addEventListener("click", async () => {
    const blob = await pictureOf(video, 1, 0.95);
    if (blob) take([new File([blob], "camera.jpg", { type: blob.type })]);
  });
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => {
    close();
    seen.textContent = "";
  });

  // How many cells are in view, as long as somebody looks; the workstation keeps nothing of it.
  const look = async () => {
    let pause = LOOK_MS;
    if (dialog.open && video.videoWidth && !document.hidden) {
      const blob = await pictureOf(video, LOOK_PIXELS / Math.max(video.videoWidth, video.videoHeight), 0.9);
      const body = new FormData();
      body.append("file", blob, "camera.jpg");
      const answer = await fetch(dialog.dataset.look, { method: "POST", body }).catch(() => null);
      if (answer?.ok && dialog.open) seen.textContent = toldOf(await answer.json());
      pause = Math.max(LOOK_MS, 1000 * Number(answer?.headers.get("Retry-After")));
    }
    setTimeout(look, pause);
  };
  look();
}

function toldOf(field) {
  if (!field.accepted) return said.notCounted;
  const counted = field.cells.filter((cell) => cell.kind === "red_cell" && !cell.on_border);
  const infected = counted.filter((cell) => cell.parasitized);
  return said.seen.replace("{infected}", infected.length).replace("{counted}", counted.length);
}

// What the camera shows, as JPEG; null where it shows nothing yet.
async function pictureOf(video, scale, quality) {
  if (!video.videoWidth) return null;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(video.videoWidth * Math.min(1, scale));
  canvas.height = Math.round(video.videoHeight * Math.min(1, scale));
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return new Promise((settle) => canvas.toBlob(settle, "image/jpeg", quality));
}

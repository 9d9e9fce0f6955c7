// Reading a picture's file: RGB on black, as the program reads it, or an error that says what to do.

const MAX_BYTES = 64 * 1024 ** 2;
// A cell fills a few hundred pixels a side; a picture this large is something else.
const MAX_PIXELS = 16_000_000;
// Where the header of a PNG says how many bits a sample has.
const PNG_DEPTH = 24;
// Bytes that hold what stands before a PNG's pixels, a colour profile too.
const ENOUGH = 1024 ** 2;
// Where the header of a WebP says what it holds, and the bit for several pictures.
const WEBP_FLAGS = 20;
const WEBP_ANIMATED = 2;

/**
 * @param file a Blob.
 * @returns { width, height, data }, with data as RGB bytes, row by row.
 */
export async function readPicture(file) {
  if (file.size > MAX_BYTES) throw new Error("It is too large for a picture of a cell.");
  checkKind(new Uint8Array(await file.arrayBuffer()));
  let bitmap;
  try {
    // The pixels as they lie in the file: no colour profile changes what the network learnt from.
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  } catch {
    throw new Error("This browser cannot read it: it is damaged, or of a kind that it does not know.");
  }
  const { width, height } = bitmap;
  try {
    if (width * height > MAX_PIXELS) throw new Error("It has too many pixels for a picture of one cell.");
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    return { width, height, data: onBlack(context.getImageData(0, 0, width, height).data) };
  } finally {
    bitmap.close();
  }
}

/** Throws for what browsers read otherwise than the program does; `bytes` are a file's. */
export function checkKind(bytes) {
  const text = (start, end) => new TextDecoder("latin1").decode(bytes.subarray(start, end));
  const begins = (...signature) => signature.every((byte, index) => bytes[index] === byte);
  const animated = new Error("It holds several pictures. Save the one that shows the cell by itself.");
  if (bytes.length === 0) throw new Error("The file is empty.");
  if (begins(0x89, 0x50, 0x4e, 0x47)) {
    if (bytes[PNG_DEPTH] === 16) {
      throw new Error("It has 16 bits a colour, of which browsers keep 8. Save it with 8, or use the program.");
    }
    const [beforePixels] = text(0, ENOUGH).split("IDAT");
    if (beforePixels.includes("acTL")) throw animated;
  } else if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") {
    if (text(12, 16) === "VP8X" && bytes[WEBP_FLAGS] & WEBP_ANIMATED) throw animated;
  } else if (text(4, 8) === "ftyp" && text(8, 11) === "avi") {
    if (text(8, 12) === "avis") throw animated;
  } else if (!begins(0xff, 0xd8, 0xff) && text(0, 2) !== "BM") {
    throw new Error("It is no PNG, JPEG, WebP, AVIF or BMP. Save it as PNG.");
  }
}

/** RGBA to RGB: what is transparent is black, as the surroundings of cells that were cut out. */
export function onBlack(rgba) {
  let least = 255;
  let most = 0;
  for (let i = 3; i < rgba.length; i += 4) {
    least = Math.min(least, rgba[i]);
    most = Math.max(most, rgba[i]);
  }
  if (most === 0) throw new Error("It is transparent everywhere. Save it without transparency.");
  const rgb = new Uint8ClampedArray((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    // The same transparency everywhere parts nothing from anything.
    const share = least === most ? 1 : rgba[from + 3] / most;
    for (let c = 0; c < 3; c++) rgb[to++] = rgba[from + c] * share;
  }
  return rgb;
}

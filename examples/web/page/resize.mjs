// A cell's picture as the network takes it: the same pixels that the program's resize gives (OpenCV's INTER_LINEAR, or
// INTER_AREA where the picture shrinks to less than half), so that the same picture gets the same probability.
//
// Pictures are { width, height, data }, with data as RGB bytes, row by row.

const CHANNELS = 3;
// OpenCV weighs neighbours in whole numbers: 11 bits of fraction in each direction.
const WEIGHT_BITS = 11;
const WEIGHT_ONE = 1 << WEIGHT_BITS;

/** Resize to a square of `size` pixels a side, without keeping the aspect. */
export function resizeToSquare(picture, size) {
  const { width, height } = picture;
  if (width === size && height === size) return picture;
  const byArea = width * height > 4 * size * size;
  const halved = width === 2 * size && height === 2 * size;
  const shrinks = width >= size && height >= size;
  const data = halved || (byArea && shrinks) ? averaged(picture, size) : interpolated(picture, size, byArea);
  return { width: size, height: size, data };
}

/** The mean over the area of the picture that each new pixel covers; for shrinking. */
function averaged({ width, height, data }, size) {
  if (width % size === 0 && height % size === 0) return averagedWhole({ width, height, data }, size);
  const columns = coverage(width, size);
  const rows = coverage(height, size);
  const result = new Uint8ClampedArray(size * size * CHANNELS);
  const sums = new Float32Array(size * CHANNELS);
  const line = new Float32Array(size * CHANNELS);
  let at = 0;
  for (const [y, parts] of rows.entries()) {
    sums.fill(0);
    for (const [source, share] of parts) {
      line.fill(0);
      for (const [x, pieces] of columns.entries()) {
        for (const [column, weight] of pieces) {
          const from = (source * width + column) * CHANNELS;
          for (let c = 0; c < CHANNELS; c++) line[x * CHANNELS + c] += Math.fround(data[from + c] * weight);
        }
      }
      for (let i = 0; i < line.length; i++) sums[i] += Math.fround(share * line[i]);
    }
    for (let i = 0; i < sums.length; i++) result[at++] = roundedToEven(sums[i]);
  }
  return result;
}

/** The same where each new pixel covers whole pixels only. */
function averagedWhole({ width, height, data }, size) {
  const across = width / size;
  const down = height / size;
  const scale = Math.fround(1 / (across * down));
  const result = new Uint8ClampedArray(size * size * CHANNELS);
  let at = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      for (let c = 0; c < CHANNELS; c++) {
        let sum = 0;
        for (let row = y * down; row < (y + 1) * down; row++) {
          for (let column = x * across; column < (x + 1) * across; column++) {
            sum += data[(row * width + column) * CHANNELS + c];
          }
        }
        // Four pixels are averaged in whole numbers, which rounds a half up.
        result[at++] = across === 2 && down === 2 ? (sum + 2) >> 2 : roundedToEven(Math.fround(sum * scale));
      }
    }
  }
  return result;
}

/** For each new place, which of the former it covers, and by what share of the whole: [[place, share], ...]. */
function coverage(length, size) {
  const scale = length / size;
  return Array.from({ length: size }, (_, place) => {
    const start = place * scale;
    const end = start + scale;
    const whole = Math.min(scale, length - start);
    const first = Math.min(Math.ceil(start), length - 1);
    const last = Math.max(first, Math.min(Math.floor(end), length - 1));
    const parts = [];
    if (first - start > 1e-3) parts.push([first - 1, Math.fround((first - start) / whole)]);
    for (let between = Math.ceil(start); between < last; between++) parts.push([between, Math.fround(1 / whole)]);
    if (end - last > 1e-3) parts.push([last, Math.fround(Math.min(Math.min(end - last, 1), whole) / whole)]);
    return parts;
  });
}

/** Between the two nearest pixels in each direction. */
function interpolated({ width, height, data }, size, byArea) {
  const columns = neighbours(width, size, byArea);
  const rows = neighbours(height, size, byArea);
  const across = (row) => {
    const line = new Int32Array(size * CHANNELS);
    for (const [x, { first, second, weights }] of columns.entries()) {
      const left = (row * width + first) * CHANNELS;
      const right = (row * width + second) * CHANNELS;
      for (let c = 0; c < CHANNELS; c++) {
        line[x * CHANNELS + c] = data[left + c] * weights[0] + data[right + c] * weights[1];
      }
    }
    return line;
  };
  const result = new Uint8ClampedArray(size * size * CHANNELS);
  let at = 0;
  for (const { first, second, weights } of rows) {
    const upper = across(first);
    const lower = second === first ? upper : across(second);
    for (let i = 0; i < upper.length; i++) {
      const sum = ((weights[0] * (upper[i] >> 4)) >> 16) + ((weights[1] * (lower[i] >> 4)) >> 16);
      result[at++] = (sum + 2) >> 2;
    }
  }
  return result;
}

/** For each new place, its two nearest former ones and their weights. */
function neighbours(length, size, byArea) {
  const scale = length / size;
  return Array.from({ length: size }, (_, place) => {
    let first;
    let between;
    if (byArea) {
      // A picture that shrinks in one direction only: OpenCV's area average stretches the other this way.
      first = Math.floor(place * scale);
      between = Math.fround(place + 1 - (first + 1) / scale);
      between = between <= 0 ? 0 : Math.fround(between - Math.floor(between));
    } else {
      const middle = Math.fround((place + 0.5) * scale - 0.5);
      first = Math.floor(middle);
      between = Math.fround(middle - first);
    }
    const weights = [1 - between, between].map((weight) => roundedToEven(Math.fround(weight) * WEIGHT_ONE));
    // At the border both are the outermost pixel; two roundings of it are not one, so it keeps its two weights.
    const inside = (index) => Math.max(0, Math.min(index, length - 1));
    return { first: inside(first), second: inside(first + 1), weights };
  });
}

/** To the nearest whole number, halves to the even one, as processors round. */
function roundedToEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

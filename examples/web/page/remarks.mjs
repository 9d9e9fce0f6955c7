// Why a network's answer may say little of a picture: the program's rules (plasmoscope.imaging.cells.remarks_on).

// Grey level up to which a pixel is black.
const BLACK = 25;
// Between the most and the least bright channel, on average.
const LEAST_COLOUR = 1;
// Pixels a side of the picture as given.
const LARGE = 500;
// Every so many pixels in each direction are enough to tell colour.
const STEP = 8;

/**
 * @param cell as the network takes it, { width, height, data }.
 * @param longerSide of the picture as it was given, in pixels.
 * @returns a phrase for its user, or null for what looks like a cell that was cut out.
 */
export function remarkOn({ width, height, data }, longerSide) {
  const ofPixel = (choose) => (x, y) => choose(...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3));
  const brightest = ofPixel(Math.max);
  const darkest = ofPixel(Math.min);

  const edge = Math.max(1, Math.floor(height / 20));
  const isBlack = (left, top) => {
    let black = 0;
    for (let y = top; y < top + edge; y++) {
      for (let x = left; x < left + edge; x++) black += brightest(x, y) <= BLACK;
    }
    return black / edge ** 2 > 0.5;
  };
  const corners = [0, height - edge].flatMap((top) => [0, width - edge].map((left) => isBlack(left, top)));

  let lit = 0;
  let colour = 0;
  for (let y = 0; y < height; y += STEP) {
    for (let x = 0; x < width; x += STEP) {
      if (brightest(x, y) <= BLACK) continue;
      lit += 1;
      colour += brightest(x, y) - darkest(x, y);
    }
  }

  if (lit === 0) return "all black, so the probability says nothing; take the picture of a cell";
  if (colour / lit < LEAST_COLOUR) {
    return (
      "without colour, so the probability says little: the model looks for what Giemsa stains; take the colour picture"
    );
  }
  if (corners.filter(Boolean).length < 2) {
    return (
      "not one red cell on black, so the probability says little; " +
      "cut the cell out and blacken its surroundings, or, if this is a whole field, analyze it as one"
    );
  }
  if (longerSide > LARGE) {
    return (
      "large for a picture of one red cell; if it is a whole field, the probability says nothing: analyze it as one"
    );
  }
  return null;
}

// From a network's outputs to a call, by the rules of the program (plasmoscope.labels, classification.silence and
// classification.class_shares).

const PARASITIZED = 0;
const UNINFECTED = 1;
// A third output that some networks have.
const NOT_A_CELL = 2;
// Beyond these log-odds a probability is 0 or 1 in any number that a computer holds.
const MOST = 80;

/**
 * What is said of one cell.
 *
 * @param logits 1 to 3 numbers.
 * @param strangeness how far the cell lies from red cells in the network's features, or null where it does not tell.
 * @param card the model's.
 * @returns { probability, notACell, call, classes }: calibrated P(infected); P(not a cell, or nothing that can be told), or
 *   null; "infected", "uninfected" or "not_a_cell"; and the probability of each class of one's own, or null.
 */
export function judge(logits, strangeness, card) {
  const temperature = card.calibration?.temperature ?? 1;
  const scaled = Array.from(logits, (logit) => logit / temperature);
  const classes = card.positive_classes ? sharesOf(scaled, card.class_names) : null;
  const probability = classes
    ? card.positive_classes.reduce((sum, name) => sum + classes[name], 0)
    : probabilityOf(logOdds(logits) / temperature);
  const notACell = classes ? null : notACellOf(scaled, strangeness, card.silence?.evidence);
  if (!Number.isFinite(probability)) throw new Error("The network gives no numbers, so it can call nothing.");
  return { probability, notACell, call: callOf(probability, notACell, card), classes };
}

/** Of classes of one's own, the probability of each by its name. */
function sharesOf(scaled, names) {
  const all = scaled.reduce(logOfSum);
  return Object.fromEntries(names.map((name, index) => [name, Math.exp(scaled[index] - all)]));
}

function callOf(probability, notACell, card) {
  if (card.silence && notACell !== null && notACell >= card.silence.threshold) return "not_a_cell";
  return probability >= (card.threshold ?? 0.5) ? "infected" : "uninfected";
}

/** Log-odds of parasitized. */
function logOdds(logits) {
  if (logits.length === 1) return logits[0];
  const against = logits.length > NOT_A_CELL ? logOfSum(logits[UNINFECTED], logits[NOT_A_CELL]) : logits[UNINFECTED];
  return logits[PARASITIZED] - against;
}

function notACellOf(scaled, strangeness, evidence) {
  const third = scaled.length > NOT_A_CELL ? scaled[NOT_A_CELL] - logOfSum(scaled[0], scaled[1]) : null;
  if (!evidence) return third === null ? null : probabilityOf(third);
  const odds = evidence.offset + evidence.third_class * (third ?? 0) + evidence.strangeness * (strangeness ?? 0);
  return probabilityOf(odds);
}

function logOfSum(one, other) {
  return Math.max(one, other) + Math.log1p(Math.exp(-Math.abs(one - other)));
}

function probabilityOf(odds) {
  return 1 / (1 + Math.exp(-Math.min(Math.max(odds, -MOST), MOST)));
}

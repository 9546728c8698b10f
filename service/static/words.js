// Answers in words.

const AT_ALL = 0.9; // a digit so likely that is not accepted all the same is doubted to be one

export function likeliest(prediction) {
  return [...prediction.probabilities.keys()].sort((a, b) => prediction.probabilities[b] - prediction.probabilities[a]);
}

export function sentence(prediction) {
  if (prediction.accepted) return `${percent(prediction.confidence)} sure`;
  const [one, other] = likeliest(prediction)
    .slice(0, 2)
    .map((digit) => `${digit} (${percent(prediction.probabilities[digit])})`);
  if (prediction.confidence >= AT_ALL) return `Not sure: perhaps no digit. If it is one, ${one}, else ${other}.`;
  return `Not sure: ${one} or ${other}?`;
}

export function ofNumber({ confidence, accepted, digits }) {
  const sure = percent(confidence);
  if (accepted) return `${sure} sure of all ${digits.length} digits`;
  return confidence >= AT_ALL ? `Not sure: perhaps not all are digits. If they are: ${sure}` : `Not sure of all digits: ${sure}`;
}

// As many digits as matter; nothing is as sure as 100 %. The space does not break.
export function percent(share) {
  if (share >= 0.0005 && share < 0.01) return "<1\u00a0%";
  return `${share < 0.99 ? (100 * share).toFixed(0) : Math.min(100 * share, 99.99).toFixed(2)}\u00a0%`;
}

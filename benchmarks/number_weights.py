"""Fits the weights of service/lattice.py to numbers written with training digits, and prints them.

Maximises the probability that the ways which spell the right number have among all ways (LeCun et al. 1998, section VI,
"discriminative forward training"), however they cut it.
"""

from concurrent.futures import ProcessPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize

from benchmarks.common import bundled_model, console
from contract.normalisation import BlankImageError
from service.lattice import FEATURES, areas, candidates, features
from service.line import UnreadableError, find_line
from trainer.dataset import split
from trainer.digits import Digits
from trainer.mnist import load
from trainer.strings import GAPS, PAPERS, number

NUMBERS = 250
"""For each gap."""

PENALTY = 1e-3
"""Of the squared weights."""

Floats = NDArray[np.float64]
Step = tuple[int, int, int | None]
"""From a place to a place, reading a digit or nothing."""


class Lattice:
    """All steps through one number, with their features."""

    def __init__(self, steps: list[Step], features: Floats, text: str) -> None:
        self.steps, self.features, self.text = steps, features, [int(digit) for digit in text]
        self.places = max(end for _, end, _ in steps)
        self._arrivals: list[list[tuple[int, int | None, int]]] = [[] for _ in range(self.places + 1)]
        for step, (start, end, digit) in enumerate(steps):
            self._arrivals[end].append((start, digit, step))

    def loss(self, weights: Floats) -> tuple[float, Floats]:
        """Negative logarithm of the right number's probability, and its gradient; (0, 0) where no way spells it."""
        scores = self.features @ weights
        right, right_features = self._sum(scores, spelled=True)
        every, features = self._sum(scores, spelled=False)
        return (every - right, features - right_features) if np.isfinite(right) else (0.0, np.zeros_like(weights))

    def _sum(self, scores: Floats, *, spelled: bool) -> tuple[float, Floats]:
        """The logarithm of the sum over ways, and the features of a way in the mean."""
        width = self.features.shape[1]
        letters = len(self.text) + 1 if spelled else 1
        total = np.full((self.places + 1, letters), -np.inf)
        mean = np.zeros((self.places + 1, letters, width))
        total[0, 0] = 0
        for end, arrivals in enumerate(self._arrivals[1:], 1):
            for read in range(letters):
                arriving = [
                    (start, read - (digit is not None) if spelled else 0, step)
                    for start, digit, step in arrivals
                    if not spelled or digit is None or (read and digit == self.text[read - 1])
                ]
                if not arriving:
                    continue
                starts, before, steps = (list(column) for column in zip(*arriving, strict=True))
                worth = total[starts, before] + scores[steps]
                if not np.isfinite(worth).any():
                    continue
                total[end, read] = np.logaddexp.reduce(worth)
                share = np.exp(worth - total[end, read])
                mean[end, read] = share @ (mean[starts, before] + self.features[steps])
        return float(total[-1, -1]), mean[-1, -1]


@cache
def training_digits() -> Digits:
    return split(load(), 1, 60_000)[0]


def lattice(job: tuple[str, int]) -> Lattice | None:
    gap, seed = job
    rng = np.random.default_rng((GAPS.index(gap), seed))
    written = number(training_digits(), int(rng.integers(1, 9)), gap, rng)
    papers = list(PAPERS.values())
    image = papers[rng.integers(len(papers))](written.image, rng) if rng.random() < 0.3 else written.image
    try:
        line = find_line(image)
    except (BlankImageError, UnreadableError):
        return None
    found = candidates(line)
    if not found:
        return None
    logits = bundled_model().logits(np.stack([one.image for one in found]))
    read = features(found, logits, line.height)
    dirt = np.minimum(areas(line), 1)
    left_out = np.stack([np.ones_like(dirt), dirt], axis=1)
    steps: list[Step] = [
        (one.start, one.end, int(digit)) for one, digit in zip(found, logits[:, :10].argmax(1), strict=True)
    ]
    steps += [(place, place + 1, None) for place in range(len(dirt))]
    width = len(FEATURES)
    table = np.zeros((len(steps), width + 2))
    table[: len(found), :width], table[len(found) :, width:] = read, -left_out
    return Lattice(steps, table, written.text)


def main() -> None:
    jobs = [(gap, seed) for gap in GAPS for seed in range(NUMBERS)]
    with ProcessPoolExecutor(2) as pool:
        made = list(track(pool.map(lattice, jobs, chunksize=20), "Taking numbers apart", total=len(jobs)))
    lattices = [one for one in made if one]
    spread = np.concatenate([one.features for one in lattices]).std(axis=0)
    for one in lattices:
        one.features /= spread

    def loss(weights: Floats) -> tuple[float, Floats]:
        losses, gradients = zip(*(one.loss(weights) for one in lattices), strict=True)
        value = float(np.mean(losses)) + PENALTY * float(weights @ weights)
        return value, np.mean(gradients, axis=0) + 2 * PENALTY * weights

    start = np.zeros(len(FEATURES) + 2)
    start[-2:] = 1
    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    weights = np.round(fitted.x / spread, 2)
    console.print(f"Negative log-likelihood {fitted.fun:.4f} of {len(lattices)} numbers.")
    console.print(dict(zip((*FEATURES, "DIRT", "DIRT_AREA"), weights.tolist(), strict=True)))


if __name__ == "__main__":
    main()

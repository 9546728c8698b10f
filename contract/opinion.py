"""Two networks for single digits → one answer: what the first is not sure of, the second is asked about.

The first answers nearly everything, in little time. Where its score is low, a larger network looks at the same image,
and the logits of both are added, the second one's times what it counts, which is the weighted geometric mean of their
probabilities, sharpened or softened; that of "no digit" may be raised.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from contract.arrays import Logits
from contract.artifact import Calibration, SecondReader
from contract.spelling import NO_DIGIT

Images = NDArray[np.uint8]
Read = Callable[[Images], Logits]


def logits(images: Images, first: Read, second: Read, calibration: Calibration, rule: SecondReader) -> Logits:
    """What both say of normalised images, uint8 [n, 28, 28]: [n, 11], to be calibrated as the first one's are.

    `first` and `second` are the networks, images → logits; `calibration` is the first one's.
    """
    found = first(images)
    ask(second, images, found, calibration.scores(found), rule)
    return found


def ask(second: Read, images: Images, found: Logits, scores: NDArray[np.float64], rule: SecondReader) -> bool:
    """Have `second` added to what was `found`, where its `scores`, [n], are low. Returns whether any were."""
    doubtful = np.flatnonzero(scores < rule.ask_below)
    if len(doubtful):
        found[doubtful] = rule.weight * (found[doubtful] + np.float32(rule.counts) * second(images[doubtful]))
        found[doubtful, NO_DIGIT] += rule.doubt
    return len(doubtful) > 0

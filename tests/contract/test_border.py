"""What is measured of masks and borders."""

import numpy as np
from scipy import ndimage

from contract.border import boxes


def test_boxes_are_those_of_the_components() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        mask = rng.random(tuple(rng.integers(3, 60, 2))) < rng.uniform(0.01, 0.1)
        mask[:: rng.integers(2, 9)] ^= True  # squared paper
        mask[:, :: rng.integers(2, 9)] ^= True
        labels, _ = ndimage.label(mask, np.ones((3, 3)))
        assert sorted(map(str, boxes(mask))) == sorted(map(str, ndimage.find_objects(labels)))


def test_empty_mask_has_no_boxes() -> None:
    assert boxes(np.zeros((5, 7), np.bool_)) == []

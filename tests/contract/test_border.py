"""What is measured of masks and borders."""

import numpy as np
from scipy import ndimage

from contract.border import boxes, components


def test_components_are_those_of_another_library() -> None:
    for seed in range(300):
        rng = np.random.default_rng(seed)
        mask = rng.random(tuple(rng.integers(3, 60, 2))) < rng.uniform(0.01, 0.1)
        mask[:: rng.integers(2, 9)] ^= True  # squared paper
        mask[:, :: rng.integers(2, 9)] ^= True
        labels = components(mask)
        others, count = ndimage.label(mask, np.ones((3, 3)))
        pairs = np.unique(np.stack((labels.ravel(), others.ravel())), axis=1)
        assert pairs.shape[1] == len(np.unique(labels)) == count + (not mask.all())
        assert sorted(map(str, boxes(labels))) == sorted(map(str, ndimage.find_objects(others)))


def test_empty_mask_has_no_components() -> None:
    assert boxes(components(np.zeros((5, 7), np.bool_))) == []

"""What arrays hold, by name."""

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
"""Grey levels, or ink 255 on paper 0: [height, width], where nothing else is said."""

Mask = NDArray[np.bool_]
"""Of pixels, [height, width]."""

Floats = NDArray[np.float64]

Logits = NDArray[np.float32]

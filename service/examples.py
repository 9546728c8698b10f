"""Requests that work, for the OpenAPI page."""

from typing import Any

SEVEN_PNG = "@@PNG@@"
"""A handwritten 7, 28×28, as a PNG in base64."""

SEVEN_ROWS = [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [0, 255, 255, 255, 255, 255, 255, 0],
    [0, 0, 0, 0, 0, 0, 255, 0],
    [0, 0, 0, 0, 0, 255, 0, 0],
    [0, 0, 0, 0, 0, 255, 0, 0],
    [0, 0, 0, 0, 255, 0, 0, 0],
    [0, 0, 0, 0, 255, 0, 0, 0],
    [0, 0, 0, 255, 0, 0, 0, 0],
    [0, 0, 0, 255, 0, 0, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0],
]
"""A 7 as grey values, light on dark."""

PREDICT: dict[str, Any] = {
    "base64": {"summary": "A PNG in base64", "value": {"images": [SEVEN_PNG]}},
    "array": {"summary": "Grey values", "value": {"images": [SEVEN_ROWS]}},
    "batch": {"summary": "Several images", "value": {"images": [SEVEN_PNG, SEVEN_ROWS]}},
}

"""Requests that work, for the OpenAPI page."""

from typing import Any

SEVEN_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAABwAAAAcCAAAAABXZoBIAAAApUlEQVR42mP8z4AbMDEMMkkWZM7vT38E2bBI7txx4crH3wwMDILiEmHJUBWMEH"
    "9+EfojpSfIycv88eXbuy+rW6Ba/kPArTf/YSCd8SyUxfAfHdxj8/6PUzKJ8RhOyWssof9xSrpy3MEpeZgh6z9OSRvuxzgl1zPU/8cl+UNF6jNO"
    "ySkM0/7jlDQU+I5T8gxDGopalPhcx5CMO7IFfUxRJBkHW9IEAA9wTpXp310QAAAAAElFTkSuQmCC"
)
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

PREDICTION: dict[str, Any] = {
    "model": {"name": "digits", "version": 2},
    "predictions": [
        {
            "digit": 7,
            "confidence": 0.998,
            "probabilities": [0.0, 0.001, 0.0, 0.0, 0.0, 0.0, 0.0, 0.998, 0.0, 0.001],
            "accepted": True,
        }
    ],
}

NUMBER = {"base64": {"summary": "A PNG", "value": {"image": SEVEN_PNG}}}

NUMBER_READ: dict[str, Any] = {
    "model": {"name": "digits", "version": 2},
    "number": "7",
    "confidence": 0.997,
    "accepted": True,
    "digits": [PREDICTION["predictions"][0] | {"box": {"x": 78, "y": 84, "width": 143, "height": 172}}],
}

INFER: dict[str, Any] = {
    "drawing": {
        "summary": "Normalised like any image",
        "value": {
            "inputs": [
                {
                    "name": "image",
                    "shape": [1, len(SEVEN_ROWS), len(SEVEN_ROWS[0])],
                    "datatype": "UINT8",
                    "data": [SEVEN_ROWS],
                }
            ]
        },
    }
}

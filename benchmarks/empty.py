"""Empty FastAPI endpoints that take what the service takes and answer a constant: the least a FastAPI service costs."""

from fastapi import FastAPI, Request
from pydantic import BaseModel

app = FastAPI()
ANSWER: dict[str, object] = {
    "model": {"name": "digits", "version": 1},
    "predictions": [
        {"digit": 7, "confidence": 0.99, "probabilities": [0, 0, 0, 0, 0, 0, 0, 0.99, 0, 0.01], "accepted": True}
    ],
}


class Body(BaseModel):
    images: list[list[list[float]]]


@app.post("/v1/predict")
async def predict(body: Body) -> dict[str, object]:  # noqa: ARG001  # parsed, and no more
    return ANSWER


@app.post("/v1/predict/image")
async def predict_image(request: Request) -> dict[str, object]:
    await request.body()
    return ANSWER

"""For MLServer, which finds it by model-settings.json."""

import json

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from reader import Reader


class Digits(MLModel):
    async def load(self) -> bool:
        self.reader = Reader()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        [tensor] = payload.inputs
        if tensor.datatype == "BYTES":
            answer = self.reader.png(tensor.data[0])
        else:
            answer = self.reader.rows(_grid(tensor.data.root, tensor.shape[1]))
        output = ResponseOutput(name="answer", shape=[1], datatype="BYTES", data=[json.dumps(answer)])
        return InferenceResponse(model_name=self.name, outputs=[output])


def _grid(data: list, rows: int) -> list:
    """Of a flat list or a nested one."""
    while len(data) == 1 and isinstance(data[0], list):
        data = data[0]
    return (
        data
        if isinstance(data[0], list)
        else [data[i : i + len(data) // rows] for i in range(0, len(data), len(data) // rows)]
    )

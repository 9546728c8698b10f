"""For LitServe: `python lit.py PORT`."""

import sys

import litserve
from reader import Reader


class Digits(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.reader = Reader()

    def decode_request(self, request: dict) -> object:
        return request["image"]

    def predict(self, image: object) -> dict:
        return self.reader.png(image) if isinstance(image, str) else self.reader.rows(image)

    def encode_response(self, answer: dict) -> dict:
        return answer


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning", access_log=False
    )

"""For BentoML: `bentoml serve bento:Digits`."""

import bentoml
from reader import Reader


@bentoml.service(logging={"access": {"enabled": False}}, metrics={"enabled": False})
class Digits:
    def __init__(self) -> None:
        self.reader = Reader()

    @bentoml.api(route="/rows")
    async def rows(self, image: list[list[int]]) -> dict:
        return self.reader.rows(image)

    @bentoml.api(route="/png")
    async def png(self, image: str) -> dict:
        return self.reader.png(image)

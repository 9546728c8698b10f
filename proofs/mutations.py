"""What may happen to the bytes of a file, by accident or by malice."""

import json
import random
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]


def flipped(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def extended(content: bytes, rng: random.Random) -> bytes:
    return content + rng.randbytes(rng.randint(1, 5000))


def overwritten(content: bytes, rng: random.Random) -> bytes:
    """With zeros, with what stands elsewhere in it, or with anything."""
    length = rng.randint(1, min(4096, len(content)))
    start, other = (rng.randint(0, len(content) - length) for _ in range(2))
    span = rng.choice([bytes(length), content[other : other + length], rng.randbytes(length)])
    return content[:start] + span + content[start + length :]


def reordered(content: bytes, rng: random.Random) -> bytes:
    cut = rng.randrange(1, len(content))
    return content[cut:] + content[:cut]


ANY: tuple[Mutation, ...] = (flipped, truncated, extended, overwritten, reordered)

VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1,
    2**63,
    1e308,
    -0.5,
    "",
    "x" * 1000,
    "../../etc/passwd",
    [],
    {},
    [[]],
    {"a": 1},
]


def lying(content: bytes, rng: random.Random) -> bytes:
    """A JSON object, one of whose values, somewhere in it, is another, is gone, or stands twice under another name."""
    whole = json.loads(content)
    parent, key = rng.choice(_places(whole))
    match rng.randrange(3):
        case 0:
            parent[key] = rng.choice(VALUES)
        case 1:
            del parent[key]
        case _ if isinstance(parent, dict):
            parent[rng.choice([f"{key}2", "../x", ""])] = parent[key]
        case _:
            parent.append(parent[key])
    return json.dumps(whole).encode()


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Each value within, as what holds it and its key there."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]

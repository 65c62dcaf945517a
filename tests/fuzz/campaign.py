"""Fuzz targets: one check, tried on many inputs that chance damages; always the same ones, until `make fuzz` draws new.

A check is given a `random.Random` and makes its input from nothing else, so a seed brings an input back.
"""

import json
import os
import random
from collections.abc import Callable, Sequence

SEED = int(os.environ.get("FUZZ_SEED", "0"))


def try_many(check: Callable[[random.Random], None], num_cases: int) -> None:
    """Call `check` with a generator for each case; a failure says which one it was."""
    for case in range(num_cases):
        try:
            check(random.Random(f"{SEED} {case}"))
        except Exception as error:
            error.add_note(f"case {case}; the same again: make fuzz SEED={SEED}")
            raise


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Return `data` with some of its bytes overwritten, lost, doubled or put in, or without its end."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4, 16, 64])):
        place = chance.randrange(len(changed) + 1)
        length = min(chance.choice([1, 1, 2, 4, 8, 64, 512]), len(changed) - place)
        match chance.randrange(6):
            case 0:
                changed[place : place + length] = chance.randbytes(length)
            case 1:
                del changed[place : place + length]
            case 2:
                changed[place:place] = changed[place : place + length]
            case 3:
                changed[place : place + length] = chance.choice([b"\x00", b"\xff", b"\x7f", b"\x80"]) * length
            case 4 if place < len(changed):
                changed[place] ^= 1 << chance.randrange(8)
            case _ if chance.random() < 0.2:
                del changed[place:]
    return bytes(changed)


ODD_VALUES: Sequence[object] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", " ", "0", "null", "a" * 5000, "\ud800", "\x00", "\x1b[31mred", "../../x", "é" * 40,
    [], {}, [[]], [None], {"": {}},
)  # fmt: skip
"""What a JSON value becomes where its kind is not looked at."""


def with_odd_values(chance: random.Random, value: object) -> object:
    """Return a JSON value with one to three of its parts replaced, lost, doubled, wrapped or nested deeply."""
    copy = json.loads(json.dumps(value))
    for _ in range(chance.choice([1, 1, 2, 3])):
        copy = _changed(chance, copy)
    return copy


def _changed(chance: random.Random, value: object) -> object:
    is_here = chance.random() < 0.15
    if isinstance(value, dict) and value and not is_here:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return value | {key: _changed(chance, value[key])}
    if isinstance(value, list) and value and not is_here:
        place = chance.randrange(len(value))
        match chance.randrange(12):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return [*value[:place], value[place], *value[place:]]
        return [*value[:place], _changed(chance, value[place]), *value[place + 1 :]]
    match chance.randrange(8):
        case 0:
            return [value]
        case 1:
            return {"a": value}
        case 2:
            for _ in range(chance.choice([10, 200])):
                value = [value]
            return value
        case 3 if isinstance(value, int | float) and abs(value) < 1e300:
            return chance.choice([-value, value * 1000, value + 0.5, 1e9, 12_000])
    return chance.choice(ODD_VALUES)

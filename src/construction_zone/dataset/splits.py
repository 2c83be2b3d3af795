"""Shares of a dataset by structure, never by image: the images of a structure show the same atoms."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence

from construction_zone.errors import InvalidInput

SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}
"""What the column ``split`` of the table deals out, by chance: exact shares are what `dealt` gives."""


def kin(content: Mapping[str, str]) -> str | None:
    """What structures share that must not be split, of the hashes in a record: their trajectory, or their atoms."""
    return content.get("family") or content.get("atoms")


def position(content: str, seed: int = 0) -> float:
    """Where the structure with this `content` hash stands between 0 and 1: by its atoms and the seed alone."""
    hashed = hashlib.sha256(f"split:{seed}:{content}".encode()).digest()
    return int.from_bytes(hashed[:8], "big") / 2**64


def split_of(content: str, fractions: Mapping[str, float] = SPLITS, seed: int = 0) -> str:
    """Name of the share that a structure belongs to; more structures move none, and equal atoms go together."""
    checked(tuple(fractions.values()))
    place = position(content, seed)
    for name, end in zip(fractions, itertools.accumulate(fractions.values()), strict=True):
        if place < end:
            return name
    return name


def dealt(contents: Sequence[str], fractions: Sequence[float], seed: int = 0) -> list[list[int]]:
    """Shares of the given sizes, as places in `contents`; equal contents go together.

    Raises `InvalidInput` if the fractions do not add up to 1 or a share would be empty.
    """
    shares = checked(fractions)
    order = sorted(range(len(contents)), key=lambda i: (position(contents[i], seed), i))
    parts: list[list[int]] = [[] for _ in shares]
    ends = [round(end * len(contents)) for end in itertools.accumulate(shares)]
    part, placed = 0, 0
    for _, group in itertools.groupby(order, key=lambda i: contents[i]):
        while placed >= ends[part] and part < len(ends) - 1:
            part += 1
        same = list(group)
        parts[part] += same
        placed += len(same)
    if not all(parts):
        raise InvalidInput(
            f"{len(contents)} structures cannot be split into shares {list(fractions)} with none empty; "
            "generate more (czone generate --count) or give other fractions"
        )
    return [sorted(found) for found in parts]


def checked(fractions: Sequence[float]) -> list[float]:
    """`fractions` as shares above 0 that add up to 1, or `InvalidInput`."""
    shares = [float(fraction) for fraction in fractions]
    if not shares or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise InvalidInput(f"fractions are {list(fractions)}; give shares above 0 that add up to 1")
    return shares

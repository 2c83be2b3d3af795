"""Named, hierarchical random seeds.

A public call takes `seed=`; inside, each purpose has a child of its own, found by name. Children do not depend on
how many siblings were asked for, or when, so a change in one place moves nothing in another.
"""

from __future__ import annotations

import hashlib
from numbers import Integral
from typing import TypeAlias

import numpy as np

from construction_zone.errors import InvalidInput

Seed: TypeAlias = int | np.random.SeedSequence
"""What a public call takes as `seed=`: a non-negative int or a numpy `SeedSequence`."""


def sequence(seed: Seed) -> np.random.SeedSequence:
    """`seed` as a numpy `SeedSequence`."""
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InvalidInput(f"seed is {seed!r}; give a non-negative whole number or a numpy SeedSequence")
    return np.random.SeedSequence(int(seed))


def child(seed: Seed, *names: str | int) -> np.random.SeedSequence:
    """The child of `seed` that the path `names` leads to, e.g. ``child(7, "structure", 12, "phonons", 3)``.

    Each name adds 64 bits of its SHA-256 to the spawn key, so a child depends on its path alone.
    """
    parent = sequence(seed)
    key = tuple(parent.spawn_key)
    for name in names:
        digest = hashlib.sha256(f"{type(name).__name__}:{name}".encode()).digest()
        key += (int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little"))
    return np.random.SeedSequence(parent.entropy, spawn_key=key, pool_size=parent.pool_size)


def generator(seed: Seed, *names: str | int) -> np.random.Generator:
    """A numpy `Generator` (PCG64) for the child of `seed` that the path `names` leads to."""
    return np.random.Generator(np.random.PCG64(child(seed, *names)))


def integer(seed: Seed, *names: str | int) -> int:
    """A 63-bit number for the child of `seed` at `names`: a seed for code that takes only an int."""
    return int(child(seed, *names).generate_state(1, np.uint64)[0] >> np.uint64(1))

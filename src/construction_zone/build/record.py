"""What is known about a scene beyond its atoms, in plain values that JSON can hold.

``atoms.info["record"]`` has

* ``seed``, ``cell`` (Å), ``periodic``, ``min_distance`` (Å, as `PairDistances.of` takes it), ``atoms`` (their number);
* ``checks``: ``closest``, the shortest distance (Å) of each pair of elements that comes closer than ``below``;
* ``zones``: for each zone, by name,

  - ``index``, ``priority``, ``phase``, ``generator`` and ``volume`` (kind, pose, bounds in Å);
  - ``pose``: ``matrix`` (the orientation) and ``vector`` (Å) that take the generator's own frame to the scene, and of
    crystals the ``lattice``, whose rows are the lattice vectors (Å) in the scene, before modifiers strain them;
  - ``seed``: what to give ``numpy.random.SeedSequence`` to fill the zone alone;
  - ``filled`` by the generator, of which ``overlapping`` and ``too_close`` went when zones were merged, and what is
    left: ``atoms``, ``elements``, ``grains`` (numbers in the scene; ``first_grain`` is that of the generator's own
    grain 0) and, where the generator marks them, ``defects``;
  - ``fill``: the record of the generator itself (``info["record"]`` of what it filled), e.g. its defects, facets,
    strain or vacancies. Generators choose their own keys; values are what `plain` takes.

Readers must allow for keys that they do not know.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from construction_zone.build.transforms import Affine
from construction_zone.build.zone import Zone
from construction_zone.errors import SceneError
from construction_zone.seeding import Seed, sequence

FORMAT = 1


@dataclass(frozen=True)
class Merged:
    """How many atoms of a zone's fill there were, and how many went when the zones were merged."""

    filled: int
    overlapping: int
    too_close: int


def zone_record(
    zone: Zone,
    index: int,
    seed: Seed,
    merged: Merged,
    first_grain: int,
    left: Mapping[str, NDArray[Any]],
    fill: Mapping[str, Any],
) -> dict[str, Any]:
    """The record of one zone; `left` are the arrays of its atoms in the scene, `fill` what its generator wrote down.

    `first_grain` is the number in the scene of the generator's own grain 0.

    Raises `SceneError` if the generator's record holds what JSON cannot.
    """
    numbers = np.bincount(left["numbers"])
    record: dict[str, Any] = {
        "index": index,
        "priority": int(zone.priority),
        "phase": zone.generator.phase,
        "generator": type(zone.generator).__name__,
        "volume": {
            "kind": type(zone.volume).__name__,
            "bounds": zone.volume.bounds,
            "pose": getattr(zone.volume, "pose", None),
        },
        "pose": zone.generator.pose,
        "seed": seed_record(seed),
        "filled": merged.filled,
        "overlapping": merged.overlapping,
        "too_close": merged.too_close,
        "atoms": len(left["numbers"]),
        "elements": {chemical_symbols[z]: int(numbers[z]) for z in np.flatnonzero(numbers)},
        "grains": _present(left["grain"]),
        "first_grain": first_grain,
    }
    lattice = lattice_of(zone.generator)
    if lattice is not None:
        record["lattice"] = lattice
    if "defect" in left:
        record["defects"] = _present(left["defect"][left["defect"] >= 0])
    if fill:
        record["fill"] = dict(fill)
    try:
        return {key: plain(value, key) for key, value in record.items()}
    except TypeError as error:
        raise SceneError(f"zone {zone.name!r}: its generator's record cannot be kept: {error}") from error


def lattice_of(generator: Any) -> NDArray[np.float64] | None:
    """The lattice vectors (rows, Å) of a generator's crystal in the scene, before strain; None if it is no crystal."""
    crystal = generator
    while crystal is not None and getattr(crystal, "lattice", None) is None:
        crystal = getattr(crystal, "generator", None)  # of what wraps a generator, such as `Modified`
    return None if crystal is None else np.asarray(crystal.pose.apply_direction(crystal.lattice))


def _present(numbers: NDArray[np.int64]) -> NDArray[np.intp]:
    """The different values of `numbers`, none of which is negative."""
    if not len(numbers):
        return np.zeros(0, dtype=np.intp)
    first = int(numbers.min())
    return np.flatnonzero(np.bincount(numbers - first)) + first


def seed_record(seed: Seed) -> int | dict[str, Any]:
    """`seed` in plain values: an int, or what makes the same `SeedSequence` again."""
    if isinstance(seed, np.random.SeedSequence):
        return {"entropy": plain(seed.entropy, "entropy"), "spawn_key": plain(seed.spawn_key, "spawn_key")}
    sequence(seed)
    return int(seed)


def plain(value: Any, where: str) -> Any:
    """`value` in lists, dicts, text and numbers; numbers that are not finite become None.

    Raises `TypeError` for what has no such form, naming its place `where`.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.bool_, np.integer)):
        return value.item()
    if isinstance(value, int):
        return value
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Affine):
        return {"matrix": value.matrix.tolist(), "vector": value.vector.tolist()}
    if isinstance(value, np.ndarray) and value.dtype.kind in "iub":
        return value.tolist()
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{where} has keys that are not text")
        return {key: plain(entry, f"{where}.{key}") for key, entry in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    raise TypeError(f"{where} is a {type(value).__name__}; records hold text, numbers, lists and dicts")

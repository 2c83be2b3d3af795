"""g(r) of counted pairs, and where it has its first maxima."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import chemical_symbols
from numpy.typing import NDArray

from construction_zone.build import region
from construction_zone.build.distances import pair_name
from construction_zone.build.inputs import Floats

_PROMINENCE = 0.3
"""By how much g(r) falls between peaks: above the noise of a thousand atoms, below any peak of a solid."""


@dataclass(frozen=True, eq=False)
class PairDistribution:
    """g(r): the density of atoms at distance r from an atom, over the mean density.

    Parameters
    ----------
    r
        (n,) middle of each bin, Å.
    total
        (n,) g(r) of all atoms, whatever their elements.
    partial
        (n,) for each pair of elements, e.g. "C-C".
    counts
        (n,) neighbours that an atom has in each bin on average (not normalised).
    """

    r: Floats
    total: Floats
    partial: dict[str, Floats]
    counts: Floats


def normalised(
    counted: NDArray[np.int64],
    reach: float,
    space: region.Region,
    species: NDArray[np.int64],
    kinds: NDArray[np.int64],
) -> PairDistribution:
    """g(r) from the ordered pairs (s, s, bins) of the atoms of `species` (n,) in `space`.

    The equation stands in `checks.pair_distribution`.
    """
    edges = np.linspace(0, reach, counted.shape[2] + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    shells = 4 / 3 * np.pi * np.diff(edges**3) * space.overlap(middle) / space.size
    sizes = np.bincount(species)

    def normal(pairs: Floats, expected: float) -> Floats:
        ideal = shells * expected
        return np.divide(pairs, ideal, out=np.zeros_like(middle), where=ideal > 0)

    partial = {
        pair_name(chemical_symbols[a], chemical_symbols[b]): normal(
            counted[i, j].astype(float), float(sizes[i] * (sizes[j] - (i == j)))
        )
        for i, a in enumerate(kinds)
        for j, b in enumerate(kinds)
        if j >= i
    }
    whole = counted.sum(axis=(0, 1)).astype(float)
    total = len(species)
    return PairDistribution(middle, normal(whole, float(total * (total - 1))), partial, whole / total)


def first_peaks(found: PairDistribution) -> tuple[float, ...]:
    """The first two maxima of g(r) that stand out, after smoothing over five bins.

    A maximum stands out if between it and any higher one g(r) falls by `_PROMINENCE` or more.
    """
    smooth = np.convolve(found.total, np.array([1, 4, 6, 4, 1]) / 16, mode="same")
    inner = smooth[1:-1]
    peaks = []
    for k in np.flatnonzero((inner > smooth[:-2]) & (inner >= smooth[2:])) + 1:
        higher = np.flatnonzero(smooth > smooth[k])
        before, after = higher[higher < k], higher[higher > k]
        left = smooth[before[-1] if len(before) else 0 : k].min()
        right = smooth[k : (after[0] if len(after) else len(smooth) - 1) + 1].min()
        falls = [low for low, there in ((left, len(before)), (right, len(after))) if there] or [min(left, right)]
        if smooth[k] - max(falls) >= _PROMINENCE:
            peaks.append(float(found.r[k]))
    return tuple(peaks[:2])

"""The amorphous tiles against what diffraction found in the materials: density, distances, coordination.

Everything is computed here from the files, with numpy and scipy alone. The tiles are at rest and experiments are not:
g(r) is smoothed with 0.03 Å, below the thermal and instrumental width of any measured peak.
"""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

import construction_zone.build

FOLDER = Path(construction_zone.build.__file__).parent / "data" / "amorphous"
FILES = sorted(FOLDER.glob("*.npz"))
BIN, SMOOTH, REACH = 0.01, 0.03, 6.0
MASS = {6: 12.011, 8: 15.999, 14: 28.085}


@dataclass(frozen=True)
class Tile:
    positions: np.ndarray
    numbers: np.ndarray
    edge: float

    @classmethod
    def load(cls, path: Path) -> Tile:
        with np.load(path) as data:
            edge = float(data["edge"])
            return cls(data["positions"] * (edge / 65536), data["numbers"], edge)

    def pairs(self, first: int, second: int) -> np.ndarray:
        """Distances (Å) up to REACH from every atom of one element to those of the other, through the seams."""
        to = cKDTree(self.positions[self.numbers == second], boxsize=self.edge)
        near = cKDTree(self.positions[self.numbers == first], boxsize=self.edge)
        found = near.sparse_distance_matrix(to, REACH, output_type="ndarray")["v"]
        return found[found > 0]

    def g(self, first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
        """r (Å) and the partial g(r)."""
        edges = np.arange(0, REACH + BIN / 2, BIN)
        counts, _ = np.histogram(self.pairs(first, second), edges)
        ideal = 4 / 3 * np.pi * np.diff(edges**3) / self.edge**3
        ideal *= np.sum(self.numbers == first) * np.sum(self.numbers == second)
        return (edges[1:] + edges[:-1]) / 2, gaussian_filter1d(counts / ideal, SMOOTH / BIN)

    def peak(self, first: int, second: int, low: float, high: float) -> float:
        """Where g(r) is largest between two distances (Å)."""
        r, g = self.g(first, second)
        window = (r > low) & (r < high)
        return float(r[window][np.argmax(g[window])])

    def coordination(self, first: int, second: int, cutoff: float) -> float:
        """Mean number of neighbours of the second element around the first."""
        return float(np.sum(self.pairs(first, second) < cutoff) / np.sum(self.numbers == first))

    def density(self) -> float:
        """g/cm³."""
        return float(sum(MASS[z] for z in self.numbers.tolist()) * 1.66053907 / self.edge**3)


def tiles(name: str) -> list[Tile]:
    return [Tile.load(path) for path in FILES if path.stem.rpartition("_")[0] == name]


def looks_like_carbon(tile: Tile) -> None:
    """Evaporated carbon by neutrons: 1.43 and 2.52 Å, 3.3 neighbours: Li & Lannin, Phys. Rev. Lett. 65, 1905 (1990)."""
    assert tile.peak(6, 6, 1.2, 2.0) == pytest.approx(1.43, abs=0.03)
    assert tile.peak(6, 6, 2.2, 2.9) == pytest.approx(2.52, abs=0.05)
    assert tile.coordination(6, 6, 1.85) == pytest.approx(3.3, abs=0.2)
    r, g = tile.g(6, 6)
    assert g[(r > 1.8) & (r < 2.15)].max() < 0.1, "pairs at the cutoff of the melt's potential, where nature has none"
    assert tile.pairs(6, 6).min() > 1.2, "shorter than the triple bond of acetylene"


def looks_like_silicon(tile: Tile) -> None:
    """Implanted silicon by X-rays: 2.35 Å, 3.79 to 3.88 neighbours: Laaziri et al., Phys. Rev. Lett. 82, 3460 (1999).

    Models without vacancies have four; 3.84 Å = √(8/3) × 2.35 Å is the second distance of regular tetrahedra.
    """
    assert tile.peak(14, 14, 2.0, 2.8) == pytest.approx(2.35, abs=0.03)
    assert tile.peak(14, 14, 3.3, 4.3) == pytest.approx(3.84, abs=0.1)
    assert tile.coordination(14, 14, 2.85) == pytest.approx(4.0, abs=0.1)
    assert tile.pairs(14, 14).min() > 2.1


def looks_like_silica(tile: Tile) -> None:
    """Vitreous silica by X-rays: Mozzi & Warren, J. Appl. Cryst. 2, 164 (1969).

    Each silicon has four oxygens at 1.62 Å, each oxygen two silicons at an angle of 144°: in regular tetrahedra
    O–O is √(8/3) × 1.62 Å = 2.65 Å, and Si–Si is 2 × 1.62 Å × sin 72° = 3.08 Å.
    """
    assert tile.peak(14, 8, 1.3, 2.2) == pytest.approx(1.62, abs=0.02)
    assert tile.peak(8, 8, 2.3, 3.1) == pytest.approx(2.65, abs=0.04)
    assert tile.peak(14, 14, 2.7, 3.5) == pytest.approx(3.08, abs=0.06)
    assert tile.coordination(14, 8, 2.0) == pytest.approx(4.0, abs=0.06)
    assert tile.coordination(8, 14, 2.0) == pytest.approx(2.0, abs=0.03)
    assert tile.pairs(14, 8).min() > 1.45


CASES = {
    "C": (2.20, looks_like_carbon, 3),
    "Si": (2.29, looks_like_silicon, 2),
    "SiO2": (2.20, looks_like_silica, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_tiles_have_the_structure_that_diffraction_found(name: str) -> None:
    density, looks_right, least = CASES[name]
    found = tiles(name)
    assert len(found) >= least
    for tile in found:
        assert tile.edge == pytest.approx(128 / 3)
        assert tile.density() == pytest.approx(density, abs=0.002)
        looks_right(tile)


@pytest.mark.parametrize("name", CASES)
def test_the_check_would_notice_a_worse_structure(name: str) -> None:
    """Atoms displaced by 0.15 Å rms per axis, or put at random, do not pass."""
    _, looks_right, _ = CASES[name]
    tile, rng = tiles(name)[0], np.random.default_rng(1)
    shaken = (tile.positions + rng.normal(0, 0.15, tile.positions.shape)) % tile.edge
    for positions in (shaken, rng.uniform(0, tile.edge, tile.positions.shape)):
        with pytest.raises(AssertionError):
            looks_right(Tile(positions, tile.numbers, tile.edge))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_tile_is_small_and_says_where_it_comes_from(path: Path) -> None:
    assert path.stat().st_size < 200_000
    with np.load(path) as data:
        assert data["positions"].dtype == np.uint16
        assert data["numbers"].dtype == np.uint8
        assert len(data["positions"]) == len(data["numbers"])
        assert any(journal in str(data["source"]) for journal in ("Phys. Rev. B", "J. Non-Cryst. Solids"))
        assert "g/cm³" in str(data["source"])


def test_no_two_tiles_are_the_same() -> None:
    first = [tuple(np.load(path)["positions"][:2].ravel().tolist()) for path in FILES]
    assert len(set(first)) == len(first) > 0


@pytest.mark.parametrize("name", ["amorphous_g_of_r", "film_spectra"])
def test_the_figures_are_drawn(name: str, tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    example = runpy.run_path(str(root / "examples" / f"{name}.py"))
    example["main"](tmp_path / "figure.png")
    for picture in (tmp_path / "figure.png", root / "docs" / "images" / f"{name}.png"):
        assert 10_000 < picture.stat().st_size < 150_000

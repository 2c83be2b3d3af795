import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import cKDTree

from construction_zone.build import Amorphous, Ball, Block, Cylinder, HalfSpace, Scene, Zone
from construction_zone.build.generators import films, pieces, tiles
from construction_zone.build.generators.seams import WANDER, Seams
from construction_zone.errors import InvalidInput, SceneError

CARBON = Amorphous("C", density=2.20)
BOND = 1.85  # Å, between the first and the second shell of carbon


def spaced(positions, boxsize, reach):
    """Pairs and distances up to `reach`, by a k-d tree."""
    pairs = cKDTree(positions, boxsize=boxsize).query_pairs(reach, output_type="ndarray")
    delta = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    for axis in np.flatnonzero(boxsize):
        delta[:, axis] -= np.round(delta[:, axis] / boxsize[axis]) * boxsize[axis]
    return pairs, np.linalg.norm(delta, axis=1)


def closest(positions, boxsize):
    return spaced(positions, np.asarray(boxsize, dtype=float), 2.0)[1].min()


def coordination(positions, boxsize):
    pairs, lengths = spaced(positions, np.asarray(boxsize, dtype=float), BOND)
    return np.bincount(pairs[lengths < BOND].ravel(), minlength=len(positions))


def shortest_allowed():
    return pieces.SHORTEST * tiles.material("C").shortest[0, 0]


@pytest.fixture(scope="module")
def bulk():
    """A box that is periodic on all axes, in 2 × 2 × 1 parts about as large as those of a 128 Å film: no surface."""
    cell = (84.0, 82.0, 40.0)
    return CARBON.fill(Block.between((0, 0, 0), cell), cell=cell, seed=5, periodic=(True,) * 3), np.array(cell)


def test_carbon_is_relaxed_unless_a_distance_is_asked_for():
    assert CARBON.structure == "relaxed"
    assert Amorphous({"C": 2.0}, 2.2).structure == "relaxed"
    assert Amorphous("C", 2.2, min_distance=1.4).structure == "random"
    assert Amorphous("GeSe2", 4.2).structure == "random"
    assert Amorphous("C", 2.2, structure="random").min_distance == 1.4


@pytest.mark.parametrize(
    ("volume", "content"),
    [
        (Block.between((0, 0, 5), (50, 45, 25)), 50 * 45 * 20),
        (Block.between((3, 8, 5), (33, 21, 25)), 30 * 13 * 20),
        (Block.between((-5, -5, 3), (60, 60, 12)), 50 * 45 * 9),
        (Block.between((10, 0, 5), (59.8, 45, 15)), 49.8 * 45 * 10),  # ends 0.2 Å apart across the seam
        (HalfSpace((0, 0, 1), (0, 0, 12)), 50 * 45 * 12),
        (Ball(11, (25, 20, 30)), 4 / 3 * np.pi * 11**3),
        (Ball(11, (1, 44, 30)), 4 / 3 * np.pi * 11**3),  # through both seams
        (Cylinder(9, 24, (25, 20, 30), (1, 0, 1)), np.pi * 81 * 24),
    ],
)
def test_exact_count_inside_the_volume_and_apart_across_the_seams(volume, content):
    cell = (50.0, 45.0, 60.0)
    atoms = CARBON.fill(volume, cell=cell, seed=3)
    assert len(atoms) == pytest.approx(CARBON.number_density * content, abs=0.51)
    assert closest(atoms.positions, (50, 45, 0)) >= shortest_allowed() > 1.2
    assert ((atoms.positions[:, :2] >= 0) & (atoms.positions[:, :2] < cell[:2])).all()
    images = atoms.positions[:, None, :] + [[i * 50, j * 45, 0] for i in (-1, 0, 1) for j in (-1, 0, 1)]
    assert volume.contains(images.reshape(-1, 3)).reshape(len(atoms), 9).any(axis=1).all()


@pytest.mark.parametrize("periodic", [(True, False, False), (False, True, True), (True, True, True)])
def test_periodic_axes_have_no_surface(periodic):
    cell = (48.0, 44.0, 30.0)
    atoms = CARBON.fill(Block.between((0, 0, 0), cell), cell=cell, seed=1, periodic=periodic)
    boxsize = np.where(periodic, cell, 0.0)
    assert closest(atoms.positions, boxsize) >= shortest_allowed()
    around = coordination(atoms.positions, boxsize)
    for axis in range(3):
        outer = np.minimum(atoms.positions[:, axis], cell[axis] - atoms.positions[:, axis]) < 0.7
        inner = np.ones(len(atoms), dtype=bool)
        for other in {0, 1, 2} - {axis}:
            inner &= np.minimum(atoms.positions[:, other], cell[other] - atoms.positions[:, other]) > 3
        mean = around[outer & inner].mean()
        # half an atom's neighbours lie on either side of it: at a cut it lacks nearly half of 3.3
        assert mean > 2.9 if periodic[axis] else mean < 2.6


def g_of_r(positions, boxsize, density):
    """r (Å) and g(r), smoothed with 0.03 Å: less than the width of any measured peak."""
    edges = np.arange(0.0, 3.5, 0.01)
    r = (edges[1:] + edges[:-1]) / 2
    lengths = spaced(positions, np.asarray(boxsize, dtype=float), 3.5)[1]
    counts = np.histogram(lengths, edges)[0] * 2 / len(positions)
    return r, gaussian_filter1d(counts / (density * 4 / 3 * np.pi * np.diff(edges**3)), 3)


def test_distances_and_coordination_are_those_of_evaporated_carbon(bulk):
    atoms, cell = bulk
    r, g = g_of_r(atoms.positions, cell, CARBON.number_density)
    first, second = (r > 1.2) & (r < 1.8), (r > 2.2) & (r < 2.9)
    # Li & Lannin, Phys. Rev. Lett. 65, 1905 (1990)
    assert r[first][g[first].argmax()] == pytest.approx(1.43, abs=0.03)
    assert r[second][g[second].argmax()] == pytest.approx(2.52, abs=0.05)
    edge = tiles.material("C").edge
    for tile in tiles.material("C").tiles:
        _, own = g_of_r(tile.positions * (edge / tiles.STEPS), [edge] * 3, CARBON.number_density)
        for window in (first, second):
            assert r[window][g[window].argmax()] == pytest.approx(r[window][own[window].argmax()], abs=0.035)
    assert coordination(atoms.positions, cell).mean() == pytest.approx(3.3, abs=0.2)
    # between the shells there is nothing, where cuts left as they are would show up
    assert g[(r > 1.95) & (r < 2.15)].max() < 0.1


def test_motion_and_resolution_bring_the_second_distance_to_the_measured_one(bulk):
    """A film at rest has it a little too near; atoms that move by 0.087 Å rms, seen to 0.1 Å, have it where it was."""
    atoms, cell = bulk
    moved = atoms.positions + np.random.default_rng(0).normal(0, atoms.arrays["thermal_u"][:, None], (len(atoms), 3))
    r, g = g_of_r(moved % cell, cell, CARBON.number_density)
    second = (r > 2.2) & (r < 2.9)
    assert r[second][gaussian_filter1d(g, 10)[second].argmax()] == pytest.approx(2.52, abs=0.02)


@pytest.mark.parametrize(
    ("formula", "pair", "reach", "measured", "bonds", "neighbours"),
    [
        # Laaziri et al., Phys. Rev. Lett. 82, 3460 (1999); models without vacancies have four neighbours
        ("Si", ("Si", "Si"), 2.85, 2.35, 0.03, (3.9, 4.1)),
        # Mozzi & Warren, J. Appl. Cryst. 2, 164 (1969): four, of which silicon at a seam lacks one
        ("SiO2", ("Si", "O"), 2.0, 1.62, 0.02, (3.6, 4.0)),
    ],
)
def test_silicon_and_silica_films_have_the_measured_bonds(formula, pair, reach, measured, bonds, neighbours):
    material, cell = tiles.material(formula), (84.0, 82.0, 42.0)
    density = {"Si": 2.29, "SiO2": 2.20}[formula]
    whole = Amorphous(formula, density).fill(Block.between((0, 0, 0), cell), cell=cell, seed=3, periodic=(True,) * 3)
    one, other = (whole.positions[whole.symbols == symbol] for symbol in pair)
    trees = [cKDTree(points, boxsize=cell) for points in (one, other)]
    lengths = trees[0].sparse_distance_matrix(trees[1], reach, output_type="ndarray")["v"]
    lengths = lengths[lengths > 0]
    counts, edges = np.histogram(lengths, np.arange(1.3, reach, 0.01))
    middle = (edges[1:] + edges[:-1]) / 2
    assert middle[gaussian_filter1d(counts / middle**2, 3).argmax()] == pytest.approx(measured, abs=bonds)
    assert neighbours[0] < len(lengths) / len(one) < neighbours[1]
    assert lengths.min() >= pieces.SHORTEST * material.shortest.min() - 1e-9
    assert whole.get_masses().sum() / 0.602214076 / np.prod(cell) == pytest.approx(density, rel=1e-3)


def test_seams_are_like_the_rest(bulk):
    _, cell = bulk
    material = tiles.material("C")
    amounts = np.array([round(CARBON.number_density * cell.prod())])
    piece, record = films.film(material, cell, cell, CARBON.number_density, amounts, 5)
    # the same seed divides the box in the same way
    seams = films.assembled(material, cell, cell, 1.0, films.generator(5, "tiles"))[1]
    near = seams.distance(piece.points) < 1.5
    assert record["parts"] == [2, 2, 1]
    assert record["merged"] > 50  # of two random cuts, 0.0122 · π · 0.95⁴/4 atoms a square Å coincide: 120
    assert 0.1 < near.mean() < 0.3
    around = coordination(piece.points, cell)
    assert around[near].mean() == pytest.approx(around[~near].mean(), abs=0.3)
    assert (around == 0).sum() < 1e-3 * len(around)
    assert ((around >= 2) & (around <= 4))[near].mean() > 0.85
    pairs, lengths = spaced(piece.points, cell, 2.2)
    gap = ((lengths > 1.95) & (lengths < 2.15))[near[pairs].any(axis=1)].sum()
    expected = near.sum() * CARBON.number_density * 4 / 3 * np.pi * (2.15**3 - 1.95**3)
    assert gap < 0.1 * expected


def test_nothing_far_from_a_seam_has_moved():
    material = tiles.material("C")
    lengths, amounts = np.array([60.0, 30.0, 30.0]), np.array([round(CARBON.number_density * 60 * 30 * 30)])
    piece, _ = films.film(material, lengths, np.zeros(3), CARBON.number_density, amounts, 2)
    stretch = (material.number_density / CARBON.number_density) ** (1 / 3)
    cut, seams, _ = films.assembled(material, lengths, np.zeros(3), stretch, films.generator(2, "tiles"))
    far = seams.distance(cut.points) > 3.0
    assert far.mean() > 0.8
    assert cKDTree(piece.points).query(cut.points[far])[0].max() < 1e-9


@pytest.mark.parametrize("density", [1.98, 2.10, 2.30, 2.42])
def test_other_densities_are_kept_exactly(density):
    cell = (45.0, 45.0, 45.0)
    material = Amorphous("C", density)
    atoms = material.fill(Block.between((0, 0, 0), cell), cell=cell, seed=0, periodic=(True,) * 3)
    assert atoms.get_masses().sum() / 0.602214076 / 45**3 == pytest.approx(density, rel=1e-3)
    assert closest(atoms.positions, cell) >= shortest_allowed() * 0.9999
    assert 2.8 < coordination(atoms.positions, cell).mean() < 3.7
    assert abs(atoms.info["record"]["strain"]) <= films.STRAIN + 1e-12


def crowded(extra):
    """A cut from a tile, in a box that repeats along x, with `extra` atoms."""
    material, lengths = tiles.material("C"), np.array([30.0, 28.0, 26.0])
    boxsize = np.array([30.0, 0.0, 0.0])
    piece, _, _ = films.assembled(material, lengths, boxsize, 1.0, np.random.default_rng(0))
    clear = (np.abs(piece.points[:, None, 1:] - np.array(extra)[None, :, 1:]) > 3).any(axis=2).all(axis=1)
    points = np.concatenate([piece.points[clear], extra])
    return piece.replaced(points, np.zeros(len(points), dtype=int))


def test_atoms_that_coincide_meet_half_way_across_the_seam():
    piece = crowded([(0.2, 14.0, 13.0), (29.6, 14.3, 13.0), (15.0, 14.0, 13.0)])
    near = np.zeros(len(piece.points), dtype=bool)
    near[-3:] = True
    one, stays = pieces.merged(piece, near)
    assert stays.sum() == len(piece.points) - 1
    np.testing.assert_array_equal(one.points[:-2], piece.points[:-3])
    np.testing.assert_allclose(one.points[-2:], [(29.9, 14.15, 13.0), (15.0, 14.0, 13.0)], atol=1e-9)


def test_what_is_too_close_in_the_end_finds_another_place():
    piece = crowded([(0.2, 14.0, 13.0), (29.6, 14.7, 13.0), (15.0, 14.0, 13.0)])
    rng = np.random.default_rng(0)

    def inside(points):
        return ((points >= 0) & (points <= piece.lengths)).all(axis=1)

    # all of it: a cut from a tile meets itself at the seam too
    mended = films._apart(piece, np.ones(len(piece.points), dtype=bool), films.anywhere(rng, piece.lengths), inside)
    assert closest(piece.points, piece.boxsize) < 1.0
    assert closest(mended.points, mended.boxsize) >= shortest_allowed()
    assert len(mended.points) == len(piece.points)


def test_distances_are_kept_even_if_nothing_relaxes(monkeypatch):
    monkeypatch.setattr(pieces, "relaxed", lambda piece, *_, **__: piece)
    cell = (40.0, 40.0, 40.0)
    atoms = CARBON.fill(Block.between((0, 0, 0), cell), cell=cell, seed=0, periodic=(True,) * 3)
    assert len(atoms) == round(CARBON.number_density * 40**3)
    assert closest(atoms.positions, cell) >= shortest_allowed()


def test_every_part_is_cut_from_a_place_of_its_own(monkeypatch):
    from construction_zone.build.generators import _cutting

    offsets, turned = [], []
    cut = _cutting.cut

    def spy(steps, unit, offset, turn, flip, *rest):
        offsets.append(tuple(offset))
        turned.append((*turn, *flip))
        return cut(steps, unit, offset, turn, flip, *rest)

    monkeypatch.setattr(_cutting, "cut", spy)
    CARBON.fill(Block.between((0, 0, 0), (200, 200, 5)), cell=(200, 200, 10), seed=0)
    assert len(set(offsets)) == len(offsets) == 25
    assert np.ptp(offsets, axis=0).min() > tiles.STEPS / 2
    assert len(set(turned)) > 12  # of 48, in 25 draws


@pytest.fixture(scope="module")
def two_elements():
    """A made-up material of two elements: random packing, in which only unlike atoms come close."""
    distances = {("Si", "O"): 1.5, ("O", "O"): 2.2, ("Si", "Si"): 2.6}
    cell = (26.0, 26.0, 26.0)
    glass = Amorphous("SiO2", 2.20, structure="random", min_distance=distances)
    made = []
    for seed in range(2):
        atoms = glass.fill(Block.between((0, 0, 0), cell), cell=cell, seed=seed, periodic=(True,) * 3)
        steps = np.floor(atoms.positions / 26 * tiles.STEPS).astype(np.uint16)
        made.append(tiles.Tile(f"glass_{seed}", steps, atoms.numbers.astype(np.uint8), 26.0, "random packing"))
    return tiles.measured(tuple(made))


def test_two_elements_keep_their_numbers_and_distances(two_elements):
    assert two_elements.kinds.tolist() == [8, 14]
    np.testing.assert_allclose(two_elements.shortest, [[2.2, 1.5], [1.5, 2.6]], atol=0.05)
    assert (two_elements.bonds[[0, 1], [0, 1]] == 0).all()  # like atoms are not bonded
    lengths, boxsize = np.array([40.0, 36.0, 30.0]), np.array([40.0, 36.0, 0.0])
    density = 1.02 * two_elements.number_density
    amounts = np.array([2, 1]) * round(density * lengths.prod() / 3)
    piece, record = films.film(two_elements, lengths, boxsize, density, amounts, 4)
    assert piece.amounts.tolist() == amounts.tolist()
    assert record["strain"] == pytest.approx(1.02 ** (-1 / 3) - 1)
    pairs, apart = spaced(piece.points, boxsize, 3.0)
    kinds = np.sort(piece.species[pairs], axis=1)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        found = apart[(kinds == (i, j)).all(axis=1)].min()
        assert found >= pieces.SHORTEST * two_elements.shortest[i, j]


def test_where_nothing_fits_the_error_says_how_far_it_got(two_elements):
    lengths = np.array([26.0, 26.0, 26.0])
    amounts = np.array([2, 1]) * 800  # nearly twice as many
    with pytest.raises(SceneError, match=r"takes only \d+ of 1600 O, \d+ of 800 Si atoms.*structure='random'"):
        films.film(two_elements, lengths, lengths, amounts.sum() / lengths.prod(), amounts, 0)


def test_seeds():
    volume, cell = Block.between((0, 0, 0), (50, 50, 20)), (50, 50, 30)
    one, again, other = (CARBON.fill(volume, cell=cell, seed=s).positions for s in (1, 1, 2))
    assert one.tobytes() == again.tobytes()
    near = cKDTree(one).query(other)[0]
    assert (near < 0.1).mean() < 0.01


def test_a_film_is_the_same_wherever_it_lies_along_the_beam():
    low = CARBON.fill(Block.between((0, 0, 0), (50, 50, 20)), cell=(50, 50, 30), seed=1)
    high = CARBON.fill(Block.between((0, 0, 10), (50, 50, 30)), cell=(50, 50, 90), seed=1)
    np.testing.assert_allclose(high.positions, low.positions + np.array([0, 0, 10]), atol=1e-9)


def test_seams_wander_off_their_planes():
    lengths = np.array([128.0, 128.0, 50.0])
    seams = Seams.drawn(lengths, np.array([128.0, 128.0, 0.0]), 128 / 3, np.random.default_rng(0))
    assert seams.parts.tolist() == [3, 3, 2]
    assert (seams.size <= 128 / 3 + 1e-9).all()
    for heights in seams.heights:
        assert np.abs(heights).max() <= WANDER
        assert 1.5 < heights.std() < 2.5
        assert abs(heights.mean()) < 0.5
    # a cut through the middle of a part along x sees no seam across x
    points = np.column_stack([np.full(200, seams.first[0] + 64 / 3), *np.random.default_rng(1).random((2, 200)) * 20])
    assert (Seams.distance(seams, points) <= 64 / 3).all()


def test_the_record_says_how_it_was_made():
    atoms = CARBON.fill(Block.between((0, 0, 0), (50, 50, 20)), cell=(50, 50, 30), seed=1)
    record = atoms.info["record"]
    assert record["structure"] == "relaxed"
    assert record["tiles"] == [tile.name for tile in tiles.material("C").tiles]
    assert "Phys. Rev." in record["source"]
    assert record["parts"] == [2, 2, 1]
    assert abs(record["strain"]) < 1e-3  # the tiles have this density
    assert set(atoms.arrays["thermal_u"]) == {0.087}
    scene = Scene([Zone(Block.between((0, 0, 0), (50, 50, 20)), CARBON, "film")], (50, 50, 30))
    assert scene.atoms(seed=1).info["record"]["zones"]["film"]["fill"]["structure"] == "relaxed"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Amorphous("C", 3.1), r"3.1 g/cm³; relaxed amorphous C comes with 1.98 to 2.42.*structure='random'"),
        (lambda: Amorphous("C", 1.5), "density is 1.5 g/cm³; relaxed"),
        (lambda: Amorphous("GeSe2", 4.2, structure="relaxed"), r"no relaxed tiles of amorphous GeSe2 \(only of C"),
        (lambda: Amorphous("C", 2.2, structure="relaxed", min_distance=1.3), "min_distance is 1.3, but relaxed"),
    ],
)
def test_what_relaxed_material_cannot_be(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


def test_a_period_too_short_to_relax_in_is_refused():
    with pytest.raises(SceneError, match=r"shorter than 6.* Å along x, a periodic axis.*structure='random'"):
        CARBON.fill(HalfSpace((0, 0, 1), (0, 0, 10)), cell=(5.0, 40, 20))
    atoms = CARBON.fill(HalfSpace((0, 0, 1), (0, 0, 10)), cell=(6.5, 7, 20))
    assert closest(atoms.positions, (6.5, 7, 0)) >= shortest_allowed()

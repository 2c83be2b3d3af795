"""Strained crystals: the lattice that comes out, in the right frame, filling the whole volume."""

import numpy as np
import pytest

from construction_zone.build import Amorphous, Ball, Block, Crystal, Cylinder, HalfSpace, Scene, Zone, transforms
from construction_zone.build.modifiers import (
    Bending,
    Deformation,
    Displacement,
    Interstitials,
    Misfit,
    Modified,
    ShapeFollows,
    Strain,
    StrainGradient,
    Vacancies,
)
from construction_zone.errors import InvalidInput, SceneError

HUGE = (1e3, 1e3, 1e3)
GOLD = Crystal.fcc("Au", a=4.0)
TURN = transforms.rotation((1, 2, 3), 50)
EPS = np.array([[0.02, 0.01, 0.0], [0.01, -0.03, 0.005], [0.0, 0.005, 0.04]])


def as_set(points):
    return {tuple(row) for row in np.round(points, 4) + 0.0}


def clear(points, volume):
    """Points that rounding does not put to one side of the boundary or the other."""
    return points[np.abs(volume.signed_distance(points)) > 1e-3]


def strained_crystal(gradient, pose=transforms.IDENTITY):
    """The reference: a crystal whose lattice vectors were deformed by hand, in its own frame."""
    return Crystal(GOLD.lattice @ np.array(gradient).T, GOLD.fractional, GOLD.numbers, "fcc Au", pose=pose)


def test_strain_in_the_crystals_frame_turns_with_it():
    volume = Ball(20, (1, 2, 3))
    ours = Modified(GOLD.moved(TURN), [Strain(EPS, frame="crystal")]).fill(volume, cell=HUGE)
    reference = strained_crystal(np.eye(3) + EPS, TURN).fill(volume, cell=HUGE)
    assert len(ours) == len(reference) > 1000
    assert as_set(clear(ours.positions, volume)) == as_set(clear(reference.positions, volume))


def test_strain_in_the_labs_frame_stays_when_the_crystal_turns():
    volume = Ball(20, (1, 2, 3))
    ours = Modified(GOLD.moved(TURN), [Strain(EPS, frame="lab")]).fill(volume, cell=HUGE)
    in_lab = transforms.affine(np.eye(3) + EPS)
    reference = GOLD.moved(in_lab @ TURN).fill(volume, cell=HUGE)
    assert as_set(clear(ours.positions, volume)) == as_set(clear(reference.positions, volume))
    record = ours.info["record"]["modifiers"][0]
    np.testing.assert_allclose(record["gradient_lab"], np.eye(3) + EPS, atol=1e-12)
    # the same map seen from the crystal, whose axes are turned
    np.testing.assert_allclose(record["gradient_crystal"], TURN.matrix.T @ (np.eye(3) + EPS) @ TURN.matrix, atol=1e-12)
    other = Modified(GOLD.moved(TURN), [Strain(EPS, frame="crystal")]).fill(volume, cell=HUGE)
    assert as_set(clear(ours.positions, volume)) != as_set(clear(other.positions, volume))


@pytest.mark.parametrize("frame", ["crystal", "lab"])
def test_turning_a_modified_generator(frame):
    # after the strain was stated, the crystal is turned: only a strain in its own frame goes with it
    before = Modified(GOLD, [Strain(EPS, frame=frame)])
    volume = Ball(15)
    atoms, turned = before.fill(volume, cell=HUGE), before.moved(TURN).fill(volume, cell=HUGE)
    went_with_it = as_set(clear(TURN.apply(atoms.positions), volume)) == as_set(clear(turned.positions, volume))
    assert went_with_it is (frame == "crystal")


def test_the_frames_agree_without_rotation_and_for_a_pressure():
    volume = Ball(15, (0.3, 0.2, 0.1))
    a, b = (Modified(GOLD, [Strain(EPS, frame=f)]).fill(volume, cell=HUGE) for f in ("crystal", "lab"))
    np.testing.assert_allclose(a.positions, b.positions, atol=1e-9)
    a, b = (
        Modified(GOLD.moved(TURN), [Strain([0.02] * 3, frame=f)]).fill(volume, cell=HUGE) for f in ("crystal", "lab")
    )
    np.testing.assert_allclose(a.positions, b.positions, atol=1e-9)


def test_a_gradient_with_rotation():
    gradient = transforms.rotation((0, 0, 1), 10).matrix @ np.diag([1.02, 0.99, 1.0])
    volume = Ball(15, (0.3, 0.2, 0.1))
    ours = Modified(GOLD, [Deformation(gradient, frame="crystal")]).fill(volume, cell=HUGE)
    reference = strained_crystal(gradient).fill(volume, cell=HUGE)
    assert as_set(clear(ours.positions, volume)) == as_set(clear(reference.positions, volume))
    record = ours.info["record"]["modifiers"][0]
    np.testing.assert_allclose(record["green_strain_crystal"], (gradient.T @ gradient - np.eye(3)) / 2, atol=1e-12)


def test_the_strained_lattice_fills_the_volume():
    # stretched by a tenth there are fewer atoms, but the block is as full at its ends as in the middle
    volume = Block.between((0, 0, 0), (80, 40, 40))
    atoms = Modified(GOLD, [Strain([0.1, 0, 0], frame="lab", origin=(0, 0, 0))]).fill(volume, cell=HUGE)
    assert len(atoms) == pytest.approx(80 * 40 * 40 / 16 / 1.1, rel=0.03)
    assert atoms.positions[:, 0].max() > 77.5
    assert atoms.positions[:, 0].min() < 0.01


def test_ideal_positions_are_those_before():
    atoms = Modified(GOLD, [Strain(EPS, frame="lab", origin=(1, 2, 3))]).fill(Ball(12), cell=HUGE)
    back = (atoms.positions - [1, 2, 3]) @ np.linalg.inv(np.eye(3) + EPS).T + [1, 2, 3]
    np.testing.assert_allclose(atoms.arrays["ideal"], back, atol=1e-9)
    assert "ideal" not in Modified(GOLD, [Vacancies(0.1)]).fill(Ball(12), cell=HUGE).arrays


def test_ideal_positions_in_a_scene_are_in_the_same_image():
    film = Modified(GOLD, [Strain([0.0, 0.0, 0.05], frame="lab")])
    zones = [Zone(HalfSpace((0, 0, 1), (0, 0, 10)), film, "film"), Zone(Ball(6, (0, 0, 19)), Crystal.fcc("Cu"), "dot")]
    atoms = Scene(zones, (40, 40, 40)).atoms()
    shift = atoms.positions - atoms.arrays["ideal"]
    dot = atoms.arrays["zone"] == 1
    np.testing.assert_allclose(shift[dot], 0, atol=1e-9)
    np.testing.assert_allclose(shift[~dot][:, 2], atoms.positions[~dot][:, 2] * (1 - 1 / 1.05), atol=1e-9)


def test_a_film_strained_to_fit_the_cell_is_seamless():
    cell = (41.0, 41.0, 30.0)
    film = Modified(GOLD, [Strain([0.025, 0.025, 0], frame="lab", origin=(0, 0, 0))])
    atoms = Scene([Zone(HalfSpace((0, 0, 1), (0, 0, 11)), film, "film")], cell).atoms()
    assert len(atoms) == 100 * 2 * 6
    assert atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), 1)].min() > 2.8


def test_a_displacement_field_in_both_frames():
    def wave(points):
        return 0.2 * np.sin(points[:, [0]] / 5) * np.array([[0, 1.0, 0]])

    volume = Ball(12, (0.3, 0.1, 0.2))
    atoms = Modified(GOLD.moved(TURN), [Displacement(wave, frame="lab")]).fill(volume, cell=HUGE)
    ideal = atoms.arrays["ideal"]
    np.testing.assert_allclose(atoms.positions, ideal + wave(ideal), atol=1e-12)
    # nothing is missing at the rim: the same set by hand, from a larger ball
    wide = GOLD.moved(TURN).fill(Ball(16), cell=HUGE).positions
    by_hand = wide + wave(wide)
    assert as_set(clear(by_hand[volume.contains(by_hand)], volume)) == as_set(clear(atoms.positions, volume))

    atoms = Modified(GOLD.moved(TURN), [Displacement(wave, frame="crystal")]).fill(volume, cell=HUGE)
    own, moved = (TURN.inverse.apply(x) for x in (atoms.arrays["ideal"], atoms.positions))
    np.testing.assert_allclose(moved, own + wave(own), atol=1e-12)


def test_strains_compose_in_the_order_of_the_list():
    one, two = (
        Deformation(np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1.0]]), frame="lab"),
        Strain([0.1, 0, 0], frame="lab"),
    )
    both = Modified(GOLD, [one, two]).fill(Ball(15, (0.3, 0.2, 0.1)), cell=HUGE)
    gradient = np.diag([1.1, 1, 1]) @ np.array([[1, 0.1, 0], [0, 1, 0], [0, 0, 1.0]])
    np.testing.assert_allclose(both.positions, both.arrays["ideal"] @ gradient.T, atol=1e-9)
    kinds = [entry["kind"] for entry in both.info["record"]["modifiers"]]
    assert kinds == ["deformation", "strain"]


def test_bending_keeps_the_neutral_plane_and_stretches_the_outside():
    bend = Bending(100, along=(1, 0, 0), toward=(0, 0, 1))
    line = np.linspace(-20, 20, 41)[:, None] * [1, 0, 0]
    bent = line + bend(line)
    np.testing.assert_allclose(np.linalg.norm(bent - (0, 0, -100), axis=1), 100, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(np.diff(bent, axis=0), axis=1), 2 * 100 * np.sin(1 / 200), atol=1e-9)
    outside = line - (0, 0, -10)
    arc = outside + bend(outside)
    np.testing.assert_allclose(np.linalg.norm(np.diff(arc, axis=0), axis=1), 2 * 110 * np.sin(1 / 200), atol=1e-9)


def test_a_strain_gradient():
    rate = 1e-3
    atoms = Modified(GOLD, [Displacement(StrainGradient(rate, (1, 0, 0)), frame="lab")]).fill(
        Block((60, 6, 6), (0, 0, 0)), cell=HUGE
    )
    x, ideal = atoms.positions[:, 0], atoms.arrays["ideal"][:, 0]
    np.testing.assert_allclose(x, ideal + rate * ideal**2 / 2, atol=1e-9)
    assert x.max() > 27.5
    strain = atoms.info["record"]["modifiers"][0]["green_strain_max"][0][0]
    assert strain == pytest.approx(rate * ideal.max() + (rate * ideal.max()) ** 2 / 2, rel=1e-3)


def test_misfit_relaxes_with_height():
    field = Misfit(0.03, normal=(0, 0, 1), decay=20, poisson=0.3)
    height = np.array([0.0, 20.0, 200.0])
    points = np.stack([np.ones(3), np.zeros(3), height], axis=1)
    in_plane = field(points)[:, 0]
    np.testing.assert_allclose(in_plane, 0.03 * np.exp([0, -1, -10]), atol=1e-12)
    coherent = Misfit(0.03, normal=(0, 0, 1))
    lift = np.diff(coherent(points)[:, 2]) / np.diff(height)
    np.testing.assert_allclose(lift, -2 * 0.3 / 0.7 * 0.03)


def test_amorphous_material_can_be_strained():
    film = Modified(Amorphous("C", 2.0), [Strain([0.0, 0.0, 0.1], frame="lab")])
    atoms = film.fill(Ball(12, (20, 20, 20)), cell=(40, 40, 40))
    density = 2.0 / 1.994e-23 / 1e24  # atoms per Å³
    assert len(atoms) == pytest.approx(4 / 3 * np.pi * 12**3 * density / 1.1, rel=0.01)


def tear(points):
    return np.where(points[:, [0]] > 0, 1.0, 0.0) * np.array([[0, 1.0, 0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Strain(EPS, frame="sample"), "frame is 'sample'"),
        (lambda: Strain(np.triu(np.ones((3, 3))) * 0.01, frame="lab"), "not symmetric"),
        (lambda: Strain([-1.5, 0, 0], frame="lab"), "folds space"),
        (lambda: Strain(np.zeros((2, 2)), frame="lab"), "shape"),
        (lambda: Deformation(np.diag([1, 1, -1]), frame="lab"), "folds or flattens"),
        (lambda: Deformation(np.full((3, 3), np.nan), frame="lab"), "not finite"),
        (lambda: Displacement(lambda p: p[:, 0], frame="lab"), r"shape \(2,\) for points of shape \(2, 3\)"),
        (lambda: Displacement(lambda p: p * np.nan, frame="lab"), "not finite"),
        (lambda: Displacement("sin", frame="lab"), "give a function"),
        (lambda: Bending(-5, (1, 0, 0), (0, 0, 1)), "radius is -5"),
        (lambda: Bending(5, (1, 0, 0), (1, 0, 1)), "right angles"),
        (lambda: Misfit(-2, (0, 0, 1)), "mismatch"),
        (lambda: Misfit(0.1, (0, 0, 1), poisson=0.7), "poisson"),
        (lambda: Modified("gold", []), "give a generator"),
        (lambda: Modified(GOLD, ["strain"]), "is no modifier"),
        (lambda: Modified(GOLD, [Vacancies]), "is no modifier"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (lambda p: np.stack([2 * np.sin(p[:, 0]), 0 * p[:, 0], 0 * p[:, 0]], axis=1), "folds space: det F"),
        (Bending(8, (1, 0, 0), (0, 0, 1)), "folds space|grows so fast"),
        (StrainGradient(0.2, (1, 0, 0)), "folds space|grows so fast"),
        (tear, r"jumps at .*slips=True"),
        (lambda p: tear(p - 1.1), r"jumps at \(1.10, .*slips=True"),  # between planes of atoms
        (lambda p: -1.5 * p, r"folds space: det F = -0.125 .*places"),
        (lambda p: np.arctan(p) - p, "grows so fast"),  # nothing ends up as far out as the ball reaches
    ],
)
def test_fields_that_fold_or_tear_are_refused(field, message):
    with pytest.raises(InvalidInput, match=message):
        Modified(GOLD, [Displacement(field, frame="lab")]).fill(Ball(12), cell=HUGE)


def test_material_that_comes_from_far_away_is_found():
    ball = Ball(12, (3, 2, 1))
    for field, inverse in (
        (lambda p: 5 * p, lambda x: x / 6),
        (lambda p: np.broadcast_to([900.0, 0, 0], p.shape), lambda x: x - [900, 0, 0]),
        (lambda p: 0.01 * p**3, None),
    ):
        atoms = Modified(GOLD, [Displacement(field, frame="lab")]).fill(ball, cell=HUGE)
        assert ball.contains(atoms.positions).all()
        ideal = atoms.arrays["ideal"]
        np.testing.assert_allclose(ideal + field(ideal), atoms.positions, atol=1e-9)
        reach = np.array(np.meshgrid(*[np.arange(-12, 13)] * 3)).reshape(3, -1).T * 2.0
        sites = reach[(np.rint(reach / 2).sum(axis=1) % 2) == 0]  # gold, a = 4 Å
        if inverse is None:
            assert ball.contains(sites + field(sites)).sum() == len(atoms)
        else:
            expected = ball.measure * abs(np.linalg.det(inverse(np.eye(3)) - inverse(np.zeros((3, 3))))) * 4 / 64
            assert len(atoms) == pytest.approx(expected, rel=0.1, abs=8)


def test_a_strongly_bent_block_is_filled():
    """The centre of curvature is near, so that the field grows fast away from the block."""
    bending = Bending(60, (1, 0, 0), (0, -1, 0), point=(0, -10, 0))
    arc = (Cylinder(66, 8, center=(0, 50, 0)) - Cylinder(54, 9, center=(0, 50, 0))) & Block((60, 60, 8))
    atoms = Modified(GOLD, [Displacement(bending, frame="lab")]).fill(arc, cell=HUGE)
    assert arc.contains(atoms.positions).all()
    radius = np.hypot(atoms.positions[:, 0], atoms.positions[:, 1] - 50)
    # heights above the neutral line are those of the flat layers
    np.testing.assert_allclose(radius - 60, -10 - atoms.arrays["ideal"][:, 1], atol=1e-9)
    points = np.random.default_rng(0).uniform(arc.bounds[0], arc.bounds[1], (400_000, 3))
    held = points[arc.contains(points)]
    # a layer bent to the radius r is denser or thinner by 60/r
    density = (60 / np.hypot(held[:, 0], held[:, 1] - 50)).mean() * 4 / 64
    content = len(held) / len(points) * np.prod(arc.bounds[1] - arc.bounds[0])
    assert len(atoms) == pytest.approx(density * content, rel=0.04)


def test_the_shape_follows_where_it_is_asked_to():
    cube = Block.between((-0.5, -0.5, -0.5), (19.5, 19.5, 19.5))  # five cells along each edge
    stretch = Strain([0.1, 0, 0], frame="lab", origin=(0, 0, 0))
    plain = GOLD.fill(cube, cell=HUGE)
    atoms = Modified(GOLD, [ShapeFollows(stretch)]).fill(cube, cell=HUGE)
    assert len(atoms) == len(plain) == 500
    np.testing.assert_allclose(atoms.positions, plain.positions * [1.1, 1, 1], atol=1e-9)
    np.testing.assert_array_equal(atoms.arrays["ideal"], plain.positions)
    record = atoms.info["record"]["modifiers"][0]
    assert (record["kind"], record["shape"]) == ("strain", "follows")
    np.testing.assert_allclose(record["gradient_lab"], np.diag([1.1, 1, 1]))
    inside = Modified(GOLD, [stretch]).fill(cube, cell=HUGE)
    assert len(inside) < 500
    # interstitial sites move like the atoms
    sites = [[0.5, 0.5, 0.5]]
    carbon = Modified(GOLD, [ShapeFollows(stretch), Interstitials("C", 1.0, sites=sites)]).fill(cube, cell=HUGE)
    added = carbon.positions[carbon.numbers == 6]
    assert len(added) == 125
    np.testing.assert_allclose(np.unique(np.round(added[:, 0], 6)), 1.1 * (2 + 4 * np.arange(5)), atol=1e-6)
    with pytest.raises(InvalidInput, match="moves no space"):
        ShapeFollows(Vacancies(0.1))


def test_material_that_is_bent_into_itself_is_refused():
    wire = Block((160, 8, 8), (0.3, 0.2, 0.1))

    def bent(radius):
        bending = Displacement(Bending(radius, (1, 0, 0), (0, 1, 0)), frame="lab")
        return Modified(GOLD, [ShapeFollows(bending)]).fill(wire, cell=HUGE)

    # 160 Å go once around a radius of 25.5 Å; below, the ends meet although no gradient shows it
    assert len(bent(30)) == len(GOLD.fill(wire, cell=HUGE))
    with pytest.raises(InvalidInput, match=r"folds space: it brings atoms from .* within 0\.\d+ Å"):
        bent(18)


def test_a_slip_is_allowed_where_it_is_meant():
    slipped = Modified(GOLD, [Displacement(tear, frame="lab", slips=True)]).fill(Ball(12, (0.5, 0.5, 0.5)), cell=HUGE)
    right = slipped.positions[:, 0] > 0.1
    shift = slipped.positions - slipped.arrays["ideal"]
    np.testing.assert_allclose(shift[right], np.broadcast_to([0, 1, 0], shift[right].shape))
    assert not shift[~right].any()


def test_errors_name_the_zone():
    bad = Modified(GOLD, [Displacement(lambda p: 2 * np.sin(p) * [1, 0, 0], frame="lab")])
    with pytest.raises(SceneError, match=r"zone 'dot': the displacement field folds space"):
        Scene([Zone(Ball(8, (20, 20, 20)), bad, "dot")], (40, 40, 40)).atoms()

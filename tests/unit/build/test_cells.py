"""Compiled cell lists against all pairs, and against the k-d tree."""

import numpy as np
import pytest

from construction_zone.build import cells, neighbours

SPECIES = 3


def scene(count, box, rng):
    return rng.uniform(0, 1, (count, 3)) * box, rng.integers(0, SPECIES, count), rng.integers(0, 4, count)


def all_pairs(points, boxsize, images=2):
    """(n, n, images) distances of every pair in every image."""
    ranges = [range(-images, images + 1) if period else (0,) for period in boxsize]
    shifts = np.array([(i, j, k) for i in ranges[0] for j in ranges[1] for k in ranges[2]], dtype=float) * boxsize
    delta = points[:, None, None] - points[None, :, None] + shifts
    distance = np.sqrt((delta**2).sum(axis=-1))
    distance[distance == 0] = np.inf
    return distance


@pytest.mark.parametrize("periodic", [(0, 0, 0), (1, 1, 0), (1, 0, 1), (1, 1, 1)])
@pytest.mark.parametrize("box", [(12.0, 9.0, 7.0), (3.0, 14.0, 5.0)])
@pytest.mark.parametrize("span", [1, 2])
def test_against_all_pairs(periodic, box, span):
    rng = np.random.default_rng(5)
    points, species, group = scene(120, box, rng)
    boxsize = np.where(periodic, box, 0.0)
    distance = all_pairs(points, boxsize)
    reach = 2.6
    found = cells.sort(points, reach, boxsize, span)

    survey = cells.survey(found, species, SPECIES, reach, group=group, reach=2.1, bins=13)
    for p in range(SPECIES):
        for q in range(SPECIES):
            expected = distance[species == p][:, species == q].min()
            assert survey.closest[p, q] == pytest.approx(expected if expected < reach else np.inf, abs=1e-12)
            if np.isfinite(survey.closest[p, q]):
                i, j = survey.pairs[p, q]
                assert {species[i], species[j]} == {p, q}
                assert distance[i, j].min() == pytest.approx(survey.closest[p, q], abs=1e-12)
            others = distance.min(axis=2)[species == p][:, species == q]
            others = others[group[species == p][:, None] != group[species == q]].min()
            assert survey.contacts[p, q] == pytest.approx(others if others < reach else np.inf, abs=1e-12)
            here = distance[species == p][:, species == q].ravel()
            expected, _ = np.histogram(here[here < 2.1], bins=13, range=(0, 2.1))
            np.testing.assert_array_equal(survey.histogram[p, q], expected)

    cutoffs = np.array([[2.6, 1.0, 2.0], [1.0, 0.0, 1.5], [2.0, 1.5, 0.7]])
    pairs, _ = cells.pairs_between(found, group, species, cutoffs)
    near = distance.min(axis=2) < cutoffs[species[:, None], species]
    near &= group[:, None] != group
    assert {tuple(pair) for pair in pairs.tolist()} == {(i, j) for i, j in np.argwhere(near).tolist() if i < j}

    limits = np.maximum(cutoffs, 0.5)
    counts = cells.survey(found, species, SPECIES, reach, cutoffs=limits).neighbours
    for p in range(SPECIES):
        for q in range(SPECIES):
            assert counts[p, q] == (distance[species == p][:, species == q] < limits[p, q]).sum()


@pytest.mark.parametrize("boxsize", [(0.0, 0.0, 0.0), (20.0, 15.0, 0.0), (20.0, 15.0, 25.0)])
def test_the_tree_and_the_cells_agree(boxsize):
    rng = np.random.default_rng(6)
    points, species, group = scene(3000, (20, 15, 25), rng)
    boxsize = np.asarray(boxsize)
    cutoffs = np.array([[2.0, 1.2, 0.4], [1.2, 0.0, 1.5], [0.4, 1.5, 1.0]])
    few, many = (
        neighbours.pairs_between(points, group, species, cutoffs, boxsize, large=large) for large in (10**9, 0)
    )
    assert {tuple(pair) for pair in few.tolist()} == {tuple(pair) for pair in many.tolist()} != set()
    small, large = (neighbours.closest(points, species, SPECIES, 0.5, boxsize, large=n) for n in (10**9, 0))
    np.testing.assert_allclose(small[0], large[0], atol=1e-12)
    np.testing.assert_array_equal(small[1], large[1])


def test_a_few_atoms_in_a_vast_space_need_little_memory():
    points = np.array([[0.0, 0, 0], [1e6, 1e6, 1e6], [1e6, 1e6, 1e6 + 1.5]])
    found = cells.sort(points, 2.0, np.zeros(3))
    assert np.prod(found.shape) < 1e5
    survey = cells.survey(found, np.zeros(3, dtype=np.int64), 1, 2.0)
    assert survey.closest[0, 0] == pytest.approx(1.5)
    assert survey.pairs[0, 0].tolist() == [1, 2]


def test_more_pairs_than_expected_are_all_found():
    points = np.random.default_rng(0).uniform(0, 1, (200, 3))
    group = np.arange(200)
    pairs, _ = cells.pairs_between(
        cells.sort(points, 3.0, np.zeros(3)), group, np.zeros(200, dtype=np.int64), np.array([[3.0]])
    )
    assert len(pairs) == 200 * 199 // 2

import numpy as np
import pytest

from construction_zone import seeding
from construction_zone.errors import InvalidInput


def test_a_child_depends_on_its_path_alone() -> None:
    root = seeding.sequence(7)
    root.spawn(3)  # siblings made elsewhere
    path = seeding.child(seeding.child(7, "structure", 4), "phonons", 2)
    assert np.array_equal(seeding.child(root, "structure", 4, "phonons", 2).generate_state(8), path.generate_state(8))


def test_paths_do_not_collide() -> None:
    paths = [("a",), ("b",), ("a", 1), (1,), ("1",), ("a", "1"), (12,), (1, 2), ("a", 0), (0,), ()]
    states = {seeding.child(0, *path).generate_state(4).tobytes() for path in paths}
    assert len(states) == len(paths)


def test_children_are_not_sums_of_seeds() -> None:
    assert seeding.integer(1, "x", 2) != seeding.integer(2, "x", 1)


@pytest.mark.parametrize("seed", [-1, 1.5, "7", None, True])
def test_bad_seeds(seed: object) -> None:
    with pytest.raises(InvalidInput, match="non-negative whole number"):
        seeding.sequence(seed)  # type: ignore[arg-type]


def test_numpy_integers_are_seeds() -> None:
    assert seeding.integer(np.int64(5), "x") == seeding.integer(5, "x")

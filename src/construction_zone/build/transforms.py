"""Affine maps of space: rotations, reflections, translations and what they compose to.

Rotations are in degrees and right-handed: a positive turn about z takes x to y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import inputs
from construction_zone.build.inputs import Floats
from construction_zone.errors import InvalidInput

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

_PARALLEL = 1e-9
"""Sine of the angle below which two directions count as parallel."""


@dataclass(frozen=True, eq=False)
class Affine:
    """The map x' = M x + t of space onto itself.

    Parameters
    ----------
    matrix
        (3, 3) M, which must not be singular.
    vector
        (3,) t in Å.

    ``a @ b`` applies b first, then a.
    """

    matrix: Floats = field(default_factory=lambda: np.eye(3))
    vector: Floats = field(default_factory=lambda: np.zeros(3))

    def __post_init__(self) -> None:
        try:
            matrix = inputs.frozen(self.matrix)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"matrix is {self.matrix!r}; give a 3 × 3 matrix of numbers") from error
        if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
            raise InvalidInput(f"matrix is {matrix.tolist()}; give a 3 × 3 matrix of finite numbers")
        # the scale-free condition number tells a flattening map from a merely small one
        if not np.any(matrix) or np.linalg.cond(matrix) > 1e12:
            raise InvalidInput(f"matrix {matrix.tolist()} is singular: it flattens space and has no inverse")
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "vector", inputs.frozen(inputs.point(self.vector, "vector")))

    def __matmul__(self, other: Affine) -> Affine:
        if not isinstance(other, Affine):
            return NotImplemented
        return Affine(self.matrix @ other.matrix, self.matrix @ other.vector + self.vector)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Affine):
            return NotImplemented
        return bool(np.array_equal(self.matrix, other.matrix) and np.array_equal(self.vector, other.vector))

    def __hash__(self) -> int:
        return hash((*self.matrix.ravel().tolist(), *self.vector.tolist()))

    @property
    def inverse(self) -> Affine:
        """The map that undoes this one."""
        matrix: Floats = self.matrix.T if self.is_rigid else np.asarray(np.linalg.inv(self.matrix))
        return Affine(matrix, -matrix @ self.vector)

    @property
    def is_rigid(self) -> bool:
        """Whether all distances stay what they are (rotations, reflections and translations)."""
        return bool(np.allclose(self.matrix.T @ self.matrix, np.eye(3), rtol=0, atol=1e-10))

    @property
    def is_identity(self) -> bool:
        """Whether nothing moves."""
        return bool(np.array_equal(self.matrix, np.eye(3)) and not self.vector.any())

    def apply(self, points: ArrayLike) -> Floats:
        """The images of `points` (..., 3)."""
        array = np.asarray(points, dtype=np.float64)
        return np.asarray(array @ self.matrix.T + self.vector)

    def apply_direction(self, vectors: ArrayLike) -> Floats:
        """The images of difference vectors (..., 3): the translation does not act on them."""
        return np.asarray(np.asarray(vectors, dtype=np.float64) @ self.matrix.T)


IDENTITY = Affine()


def affine(matrix: ArrayLike, vector: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """The map x' = M x + t of a (3, 3) `matrix` and a (3,) `vector` in Å."""
    return Affine(np.asarray(matrix), np.asarray(vector))


def translation(vector: ArrayLike) -> Affine:
    """A shift by `vector` (Å)."""
    return Affine(np.eye(3), np.asarray(inputs.point(vector, "translation")))


def rotation(axis: ArrayLike, degrees: float, origin: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """A right-handed turn by `degrees` about the line through `origin` (Å) along `axis` (Rodrigues' formula)."""
    unit = inputs.direction(axis, "axis")
    if not math.isfinite(degrees):
        raise InvalidInput(f"degrees is {degrees}; give a finite angle")
    angle = math.radians(degrees)
    return _about(_rodrigues(unit, math.cos(angle), math.sin(angle)), origin)


def from_rotation(rotation: Rotation, origin: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """A scipy `Rotation` about `origin` (Å): Euler angles, quaternions and the like come in this way."""
    matrix = np.asarray(rotation.as_matrix())
    if matrix.shape != (3, 3):
        raise InvalidInput(f"the Rotation holds {matrix.shape[0]} rotations; give one, e.g. rotations[0]")
    return _about(matrix, origin)


def reflection(normal: ArrayLike, point: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """The mirror image in the plane through `point` (Å) with the given `normal`."""
    unit = inputs.direction(normal, "normal")
    return _about(np.eye(3) - 2 * np.outer(unit, unit), point)


def inversion(point: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """The inversion x' = 2p − x through `point` p (Å)."""
    return _about(-np.eye(3), point)


def euler(convention: str, angles: ArrayLike, origin: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """Three turns about coordinate axes through `origin` (Å).

    Parameters
    ----------
    convention
        Three of the letters x, y, z, in the order of the turns. Capitals turn about the object's own axes, which have
        moved with it ("ZXZ", intrinsic); small letters about those of the scene ("zxz", extrinsic).
    angles
        (3,) in degrees, in the order of the letters. Bunge's (φ1, Φ, φ2) orient a crystal by
        ``euler("ZXZ", (φ1, Φ, φ2))``, which turns the axes of the sample into those of the crystal; its matrix is the
        transpose of his g.
    """
    from scipy.spatial.transform import Rotation

    letters = str(convention)
    known = len(letters) == 3 and (set(letters) <= set("xyz") or set(letters) <= set("XYZ"))
    if not known or letters[0] == letters[1] or letters[1] == letters[2]:
        raise InvalidInput(
            f"convention is {convention!r}; give three axes, neighbours different, such as 'ZXZ' (about the "
            "object's own axes) or 'zyx' (about those of the scene)"
        )
    return from_rotation(Rotation.from_euler(letters, inputs.point(angles, "angles"), degrees=True), origin)


def quaternion(w: float, x: float, y: float, z: float, *, origin: ArrayLike = (0.0, 0.0, 0.0)) -> Affine:
    """The rotation about `origin` (Å) of the quaternion w + xi + yj + zk, whose length does not matter."""
    values = np.array([w, x, y, z], dtype=np.float64)
    length = float(np.linalg.norm(values))
    if not math.isfinite(length) or length == 0:
        raise InvalidInput(f"the quaternion is {values.tolist()}; give four finite numbers that are not all zero")
    return _about(_quaternion_matrix(values / length), origin)


def composed(*affines: Affine) -> Affine:
    """The map that applies `affines` one after the other, the first one first."""
    whole = IDENTITY
    for step in affines:
        whole = step @ whole
    return whole


def align(
    direction: ArrayLike,
    to: ArrayLike,
    second: ArrayLike | None = None,
    second_to: ArrayLike | None = None,
    *,
    origin: ArrayLike = (0.0, 0.0, 0.0),
) -> Affine:
    """The rotation about `origin` that takes `direction` to `to`.

    Without `second` it is the shortest such rotation (for opposite directions: half a turn about a fixed
    perpendicular axis). With `second` and `second_to` the spin about `to` is fixed too: the part of `second` that is
    perpendicular to `direction` ends up along the part of `second_to` that is perpendicular to `to`.
    """
    start, end = inputs.direction(direction, "direction"), inputs.direction(to, "to")
    if (second is None) != (second_to is None):
        raise InvalidInput(
            "a spin takes two directions: second, which is turned, and the one that it turns to (second_to, or "
            "second_along of a crystal); give them together, or neither"
        )
    if second is not None and second_to is not None:
        before = _frame(start, inputs.direction(second, "second"), "second is parallel to the first direction")
        after = _frame(
            end, inputs.direction(second_to, "second_to"), "what second turns to is parallel to what the first turns to"
        )
        return _about(after @ before.T, origin)
    axis = np.cross(start, end)
    sine, cosine = float(np.linalg.norm(axis)), float(start @ end)
    if sine < _PARALLEL:
        if cosine > 0:
            return IDENTITY
        perpendicular = np.cross(start, np.eye(3)[int(np.argmin(np.abs(start)))])
        return _about(_rodrigues(perpendicular / np.linalg.norm(perpendicular), -1.0, 0.0), origin)
    return _about(_rodrigues(axis / sine, cosine, sine), origin)


def random_rotation(rng: np.random.Generator) -> Affine:
    """A rotation drawn uniformly from SO(3): a unit quaternion with four normal components (Muller, 1959)."""
    q = rng.normal(size=4)
    return Affine(_quaternion_matrix(q / np.linalg.norm(q)))


def mistilt(
    rms: float, rng: np.random.Generator, beam: ArrayLike = (0.0, 0.0, 1.0), origin: ArrayLike = (0.0, 0.0, 0.0)
) -> Affine:
    """A small random tilt away from `beam`, about a line through `origin` (Å) across it.

    The axis is uniform among all directions across the beam. The angle has a Rayleigh distribution whose root mean
    square is `rms` (degrees): the two components of the tilt are normal with rms/√2 each. There is no spin.
    """
    unit = inputs.direction(beam, "beam")
    first, second = rng.normal(scale=inputs.not_negative(rms, "rms", "degrees") / math.sqrt(2), size=2)
    across = np.cross(unit, np.eye(3)[int(np.argmin(np.abs(unit)))])
    across /= np.linalg.norm(across)
    axis = first * across + second * np.cross(unit, across)
    angle = math.hypot(first, second)
    return IDENTITY if angle == 0 else rotation(axis, angle, origin)


def _quaternion_matrix(q: Floats) -> Floats:
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _rodrigues(unit: Floats, cosine: float, sine: float) -> Floats:
    x, y, z = unit
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(cosine * np.eye(3) + sine * cross + (1 - cosine) * np.outer(unit, unit))


def _about(matrix: Floats, origin: ArrayLike) -> Affine:
    fixed = np.asarray(inputs.point(origin, "origin"))
    return Affine(matrix, fixed - matrix @ fixed)


def _frame(first: Floats, second: Floats, complaint: str) -> Floats:
    """Columns: `first`, the perpendicular part of `second`, and their cross product."""
    rest = second - (second @ first) * first
    length = float(np.linalg.norm(rest))
    if length < _PARALLEL:
        raise InvalidInput(f"{complaint}: it cannot fix the spin; give a direction with another line")
    return np.stack([first, rest / length, np.cross(first, rest / length)], axis=1)

"""Strain: homogeneous, or any field of displacements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import cKDTree

from construction_zone.build import inputs
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.modifiers.base import Record
from construction_zone.build.modifiers.mapped import Preimage, grid
from construction_zone.build.transforms import Affine
from construction_zone.build.volumes import Volume
from construction_zone.errors import InvalidInput

Frame = Literal["crystal", "lab"]
FRAMES = ("crystal", "lab")

_STEP = 1e-4
"""Å over which a displacement field is differentiated."""

_OVERLAP = 0.7
"""Å. No two atoms of a material are as close as this: the bond of H₂ is 0.74 Å."""

_JUMP = 0.1
"""Å. A displacement that changes by more within a step jumps there."""

_NEIGHBOURS = 12
"""How many of an atom's nearest neighbours a field is followed to, in search of jumps between them."""


@dataclass(frozen=True)
class Deformation:
    """A homogeneous deformation x' = o + F(x − o).

    Parameters
    ----------
    gradient
        (3, 3) deformation gradient F, with a determinant above zero.
    frame
        In which axes F is written. "crystal": the Cartesian axes in which the crystal's lattice vectors are written;
        F turns with the crystal. "lab": the axes of the scene; F stays when the crystal turns.
    origin
        Å, in the same frame: the point o that stays. Default: the origin of the crystal.
    """

    gradient: Any
    frame: Frame
    origin: Point | None = None

    def __post_init__(self) -> None:
        gradient = _matrix(self.gradient, "gradient")
        determinant = float(np.linalg.det(gradient))
        if determinant <= 1e-9:
            raise InvalidInput(
                f"gradient {gradient.tolist()} has the determinant {determinant:.3g}: it folds or flattens space; "
                "give a deformation gradient near the unit matrix (a small strain ε belongs into Strain)"
            )
        object.__setattr__(self, "gradient", _rows(gradient))
        _checked_frame(self.frame)
        if self.origin is not None:
            object.__setattr__(self, "origin", inputs.point(self.origin, "origin"))

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "deformation"

    def mapping(self, pose: Affine) -> HomogeneousMap:
        """The deformation in the scene."""
        return _homogeneous(np.array(self.gradient), self.frame, self.origin, pose)


@dataclass(frozen=True)
class Strain:
    """A small homogeneous strain x' = o + (1 + ε)(x − o).

    Parameters
    ----------
    tensor
        (3, 3) symmetric ε with tensor (not engineering) shears, or its three principal values.
    frame, origin
        As in `Deformation`.
    """

    tensor: Any
    frame: Frame
    origin: Point | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tensor", _rows(small_strain(self.tensor)))
        _checked_frame(self.frame)
        if self.origin is not None:
            object.__setattr__(self, "origin", inputs.point(self.origin, "origin"))

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "strain"

    def mapping(self, pose: Affine) -> HomogeneousMap:
        """The strain in the scene."""
        return _homogeneous(np.eye(3) + np.array(self.tensor), self.frame, self.origin, pose)


@dataclass(frozen=True)
class Displacement:
    """An inhomogeneous displacement x' = x + u(x).

    Parameters
    ----------
    field
        Function of coordinates (n, 3) in Å of the unmoved material that returns u (n, 3) in Å.
    frame
        "crystal": coordinates and u are in the crystal's own frame, and the field moves with it. "lab": both are in
        the scene, and the field stays.
    slips
        Whether the field may jump, as that of a dislocation does across its cut. Else a jump is an error.

    Raises `InvalidInput`, now or when filling, if the field returns another shape or numbers that are not finite, or
    folds space where there are atoms: det(1 + ∂u/∂x) ≤ 0, or atoms from different places end up in one.
    """

    field: Callable[[Any], ArrayLike]
    frame: Frame
    slips: bool = False

    def __post_init__(self) -> None:
        _checked_frame(self.frame)
        if not callable(self.field):
            raise InvalidInput(f"field is {self.field!r}; give a function of coordinates (n, 3)")
        displacements(self.field, np.array([[0.1, 0.2, 0.3], [1.0, -1.0, 2.0]]))

    @property
    def kind(self) -> str:
        """Names the modifier."""
        return "displacement"

    def mapping(self, pose: Affine) -> FieldMap:
        """The displacement in the scene."""
        return FieldMap(self.field, pose if self.frame == "crystal" else Affine(), self.frame, self.slips)


@dataclass(frozen=True)
class HomogeneousMap:
    """An affine map that came from a strain."""

    affine: Affine
    frame: Frame
    in_crystal: Floats

    def before(self, volume: Volume) -> Volume:
        """The region that is deformed to `volume`."""
        return volume.moved(self.affine.inverse)

    def after(self, points: Floats) -> tuple[Floats, Record]:
        """Where `points` (n, 3) end up; the gradient in both frames and the Green–Lagrange strain (FᵀF − 1)/2."""
        green = (self.in_crystal.T @ self.in_crystal - np.eye(3)) / 2
        return self.affine.apply(points), {
            "frame": self.frame,
            "gradient_lab": self.affine.matrix.tolist(),
            "gradient_crystal": self.in_crystal.tolist(),
            "green_strain_crystal": green.tolist(),
        }


@dataclass(frozen=True)
class FieldMap:
    """A displacement field in the scene; `pose` leads from the frame of the field to it."""

    field: Callable[[Any], ArrayLike]
    pose: Affine
    frame: Frame
    slips: bool

    def displacement(self, points: Floats) -> Floats:
        """u (n, 3) in Å at `points` (n, 3) of the scene."""
        if self.pose.is_identity:
            return displacements(self.field, points)
        return self.pose.apply_direction(displacements(self.field, self.pose.inverse.apply(points)))

    def before(self, volume: Volume) -> Volume:
        """The region whose material ends up in `volume`; `InvalidInput` where no such region can be found."""
        try:
            return Preimage(volume, self.displacement)
        except InvalidInput:
            # a field that folds space is the likeliest reason, and the better thing to say
            self._refuse_folds(grid(volume.bounds, 9).reshape(-1, 3), "places")
            raise

    def after(self, points: Floats) -> tuple[Floats, Record]:
        """Where `points` (n, 3) end up; largest displacement (Å) and range of the Green–Lagrange strain there.

        The strain is in the axes of the scene.
        """
        moved = points + self.displacement(points)
        gradient, jumps = self._refuse_folds(points, "atoms")
        if not self.slips:
            self._refuse_cuts(points, moved - points, gradient)
            _refuse_overlap(points, moved)
        strain = (np.swapaxes(gradient, 1, 2) @ gradient - np.eye(3))[~jumps] / 2
        described = repr(self.field) if hasattr(self.field, "__dataclass_fields__") else _name(self.field)
        return moved, {
            "field": described,
            "frame": self.frame,
            "largest_displacement": float(np.linalg.norm(moved - points, axis=1).max(initial=0.0)),
            "green_strain_min": strain.min(axis=0, initial=0.0).tolist(),
            "green_strain_max": strain.max(axis=0, initial=0.0).tolist(),
        }

    def _refuse_folds(self, points: Floats, what: str) -> tuple[Floats, Bools]:
        """F at `points` (n, 3) and where the field jumps; `InvalidInput` where it folds space, or tears it unasked."""
        gradient, jumps = self._gradients(points)
        if jumps.any() and not self.slips:
            raise _torn(points[int(np.argmax(jumps))])
        determinant = np.where(jumps, 1.0, np.linalg.det(gradient))
        folded = determinant <= 0
        if folded.any():
            worst = int(np.argmin(determinant))
            raise InvalidInput(
                f"the displacement field folds space: det F = {determinant[worst]:.3g} at {_place(points[worst])} (at "
                f"{int(folded.sum())} of {len(points)} {what}); make its gradient smaller than 1, or the volume smaller"
            )
        return gradient, jumps

    def _refuse_cuts(self, points: Floats, moves: Floats, gradient: Floats) -> None:
        """Raise if the field, u and F at `points` (n, 3), jumps between neighbours: a cut seldom goes through atoms."""
        count = min(_NEIGHBOURS + 1, len(points))
        near = cKDTree(points).query(points, k=range(2, count + 1))[1] if count > 1 else np.empty((len(points), 0), int)
        for other in near.T:
            step = points[other] - points
            # of a smooth field the mean of F − 1 at both ends tells the change from one to the other
            smooth = np.einsum("nij,nj->ni", (gradient + gradient[other]) / 2 - np.eye(3), step)
            doubtful = np.abs(moves[other] - moves - smooth).max(axis=1) > _JUMP
            if not doubtful.any():
                continue
            low, high = points[doubtful], points[other][doubtful]
            at_low, at_high = moves[doubtful], moves[other][doubtful]
            # follow the half with more of the change down to the step that tells a jump at an atom
            while np.linalg.norm(high - low, axis=1).max() > _STEP:
                middle = (low + high) / 2
                at_middle = self.displacement(middle)
                below = np.abs(at_middle - at_low).max(axis=1) > np.abs(at_high - at_middle).max(axis=1)
                lower, upper = below[:, None], ~below[:, None]
                low, at_low = np.where(upper, middle, low), np.where(upper, at_middle, at_low)
                high, at_high = np.where(lower, middle, high), np.where(lower, at_middle, at_high)
            jumps = np.abs(at_high - at_low).max(axis=1) > _JUMP
            if jumps.any():
                raise _torn(low[int(np.argmax(jumps))])

    def _gradients(self, points: Floats) -> tuple[Floats, Bools]:
        """F = 1 + ∂u/∂x (n, 3, 3) at `points`, and where the field jumps instead."""
        middle = self.displacement(points)
        gradient = np.empty((len(points), 3, 3))
        jumps = np.zeros(len(points), dtype=bool)
        for axis in range(3):
            change = self.displacement(points + _STEP * np.eye(3)[axis]) - middle
            jumps |= np.abs(change).max(axis=1) > _JUMP
            gradient[:, :, axis] = change / _STEP + np.eye(3)[axis]
        return gradient, jumps


def _torn(point: Floats) -> InvalidInput:
    return InvalidInput(
        f"the displacement field jumps at {_place(point)}: it tears the material; make it continuous, or allow it with "
        "slips=True (for the cut of a dislocation)"
    )


def _refuse_overlap(points: Floats, moved: Floats) -> None:
    """Raise if atoms from different places, `points` (n, 3), end up in one place: no gradient tells that."""
    from construction_zone.build.neighbours import closest

    species, open_axes = np.zeros(len(moved), dtype=np.int64), np.zeros(3)
    after, pair = closest(moved, species, 1, _OVERLAP, open_axes)
    if np.isfinite(after[0, 0]) and not np.isfinite(closest(points, species, 1, _OVERLAP, open_axes)[0][0, 0]):
        one, other = (_place(points[index]) for index in pair[0, 0])
        raise InvalidInput(
            f"the displacement field folds space: it brings atoms from {one} and {other} within {after[0, 0]:.2g} Å of "
            "each other; make the displacement smaller, or the volume"
        )


def small_strain(tensor: ArrayLike) -> Floats:
    """A (3, 3) symmetric strain, from one or from its three principal values; refused if it folds space."""
    try:
        given = np.asarray(tensor, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"tensor is {tensor!r}; give a symmetric 3 × 3 strain") from error
    strain = np.diag(given) if given.shape == (3,) else _matrix(given, "tensor")
    if not np.allclose(strain, strain.T, rtol=0, atol=1e-12):
        raise InvalidInput(
            f"strain {strain.tolist()} is not symmetric; give ε = (H + Hᵀ)/2, or use Deformation for a gradient with "
            "rotation"
        )
    if np.linalg.eigvalsh(strain)[0] <= -1:
        raise InvalidInput(f"strain {strain.tolist()} folds space: a principal strain is −1 or less; give fractions")
    return strain


def displacements(field: Callable[[Any], ArrayLike], points: Floats) -> Floats:
    """What `field` returns for `points` (n, 3), checked."""
    values = np.asarray(field(points.copy()))
    if values.shape != points.shape or values.dtype.kind not in "fiu":
        raise InvalidInput(
            f"the displacement field returned {values.dtype} of shape {values.shape} for points of shape "
            f"{points.shape}; it must return displacements (Å) of the same shape"
        )
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        raise InvalidInput(
            f"the displacement field is not finite at {_place(points[int(np.argmax(bad))])} (its own frame); give a "
            "field that is defined everywhere"
        )
    return values.astype(np.float64)


def _homogeneous(gradient: Floats, frame: Frame, origin: Point | None, pose: Affine) -> HomogeneousMap:
    turn = pose.matrix
    if frame == "crystal":
        in_crystal, in_lab = gradient, turn @ gradient @ np.linalg.inv(turn)
        fixed = pose.vector if origin is None else pose.apply(origin)
    else:
        in_crystal, in_lab = np.linalg.inv(turn) @ gradient @ turn, gradient
        fixed = pose.vector if origin is None else np.array(origin)
    return HomogeneousMap(Affine(in_lab, fixed - in_lab @ fixed), frame, in_crystal)


def _checked_frame(frame: Any) -> None:
    if frame not in FRAMES:
        raise InvalidInput(f"frame is {frame!r}; give 'crystal' (turns with the crystal) or 'lab' (the scene's axes)")


def _matrix(values: ArrayLike, what: str) -> Floats:
    matrix = inputs.points(values, what)
    if matrix.shape != (3, 3):
        raise InvalidInput(f"{what} has shape {matrix.shape}; give a 3 × 3 matrix")
    return matrix


def _rows(matrix: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in matrix.tolist())


def _place(point: Floats) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in point) + ") Å"


def _name(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__name__))

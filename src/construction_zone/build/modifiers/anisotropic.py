"""The displacement field of straight dislocations in an anisotropic elastic medium, as matscipy computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build.inputs import Floats
from construction_zone.build.modifiers.dislocations import Dislocation
from construction_zone.errors import InvalidInput, missing_extra

_ON_THE_LINE = 1e-6
"""Å from the line at which the field is taken for points nearer than that."""

Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class AnisotropicDislocation:
    """A straight dislocation in a medium of any stiffness, by the sextic formalism of Stroh.

    The solution is that of ``matscipy.dislocation.AnisotropicDislocation`` (Hirth & Lothe, *Theory of Dislocations*,
    2nd ed. (1982), p. 467), which needs the extra "anisotropic"; matscipy is under the LGPL. The cut lies as in
    `Dislocation`.

    Parameters
    ----------
    straight
        Burgers vector, line and point; its Poisson's ratio is not used.
    stiffness
        Elastic constants as `stiffness_matrix` takes them, in the axes of the displacement.
    """

    straight: Dislocation
    stiffness: Any
    solution: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        matrix = stiffness_matrix(self.stiffness)
        object.__setattr__(self, "stiffness", tuple(tuple(row) for row in matrix.tolist()))
        object.__setattr__(self, "solution", _solved(self.straight, matrix))

    def __call__(self, points: Floats) -> Floats:
        """Displacement (n, 3) in Å."""
        axes = self.straight.axes
        local = (points - np.array(self.straight.point)) @ axes.T
        radius = np.hypot(local[:, 0], local[:, 1])
        local[radius < _ON_THE_LINE, 0] = _ON_THE_LINE
        found: Floats = np.real(self.solution.displacement(local))
        return np.asarray(found @ axes)


def stiffness_matrix(constants: ArrayLike | Sequence[float]) -> Floats:
    """The (6, 6) stiffness in Voigt's order xx, yy, zz, yz, xz, xy, in the units that were given.

    `constants` are (C11, C12, C44) of a cubic crystal, (C11, C12, C13, C33, C44) of a hexagonal one with c along z, or
    the matrix itself. Raises `InvalidInput` for others, and where a strain would cost no energy.
    """
    try:
        given = np.asarray(constants, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"stiffness is {constants!r}; give numbers in GPa") from error
    if given.shape == (6, 6):
        matrix = given
    elif given.shape == (3,):
        c11, c12, c44 = given
        matrix = np.diag([c11 - c12] * 3 + [c44] * 3)
        matrix[:3, :3] += c12
    elif given.shape == (5,):
        c11, c12, c13, c33, c44 = given
        matrix = np.diag([c11, c11, c33, c44, c44, (c11 - c12) / 2])
        matrix[0, 1] = matrix[1, 0] = c12
        matrix[:2, 2] = matrix[2, :2] = c13
    else:
        raise InvalidInput(
            f"stiffness has shape {given.shape}; give (C11, C12, C44) of a cubic crystal, (C11, C12, C13, C33, C44) of "
            "a hexagonal one, or a 6 × 6 matrix, in GPa"
        )
    if not np.isfinite(matrix).all() or not np.allclose(matrix, matrix.T, rtol=0, atol=1e-6 * np.abs(matrix).max()):
        raise InvalidInput("stiffness is not a symmetric matrix of finite numbers")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least <= 0:
        raise InvalidInput(
            f"stiffness {given.tolist()} is not stable: a strain of it would cost the energy {least:.3g}; check the "
            "constants (of a cubic crystal C11 > |C12| and C44 > 0)"
        )
    return matrix


def _solved(straight: Dislocation, matrix: Floats) -> Any:
    """matscipy's solution in the axes of the dislocation."""
    try:
        from matscipy.dislocation import AnisotropicDislocation as Solution
        from matscipy.elasticity import Voigt_6x6_to_full_3x3x3x3
    except ImportError as error:
        raise missing_extra("matscipy", "anisotropic") from error
    axes = straight.axes
    # Stroh's eigenvectors coincide in an isotropic medium, where this formalism has no solution; next to it it has
    full = Voigt_6x6_to_full_3x3x3x3(_split(matrix))
    turned = np.einsum("ai,bj,ck,dl,ijkl->abcd", axes, axes, axes, axes, full)
    burgers = axes @ np.array(straight.burgers)
    return Solution(axes=np.eye(3), slip_plane=[0, 1, 0], disloc_line=[0, 0, 1], burgers=burgers, C=_voigt(turned))


def _split(matrix: Floats) -> Floats:
    """`matrix` with its shear constants changed by a few parts in 10⁶, so that no two eigenvalues coincide."""
    return matrix * (1 + 1e-6 * np.diag([0.0, 1.0, 2.0, 5.0, 3.0, 4.0]))


def _voigt(full: Floats) -> Floats:
    pairs = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
    return np.array([[full[i, j, k, m] for k, m in pairs] for i, j in pairs])

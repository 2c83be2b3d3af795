"""Tilting the specimen: its atoms are turned, the beam stays along +z."""

from __future__ import annotations

import ase
import numpy as np

from construction_zone.errors import InvalidInput, SceneError


def tilted(atoms: ase.Atoms, tilt: tuple[float, float]) -> ase.Atoms:
    """`atoms` turned about the middle of their cell until what lay along +z leans by `tilt` = (x, y) degrees.

    The axis of rotation lies in the x-y plane, so the picture does not spin. The cell is kept in x and y and made
    higher or lower to fit. A specimen that fills its cell is no longer periodic after that: for such a film use
    `tilts=` of `exit_waves`, or `pad=`. Ideal positions (array ``ideal``) and anisotropic
    displacements (``thermal_u``, which become tensors U in Å²) turn along. The record of a scene, whose frames would be
    those of the specimen before it was tilted, is left out: labels that need it say so.

    Raises
    ------
    InvalidInput
        if `tilt` is not two finite angles below 90 degrees.
    SceneError
        if atoms would leave the cell in x or y.
    """
    angles = np.asarray(tilt, dtype=np.float64)
    if angles.shape != (2,) or not np.all(np.isfinite(angles)) or np.hypot(*angles) >= 90:
        raise InvalidInput(f"tilt is {tilt!r}; give two angles (towards x, towards y) in degrees")
    turned = atoms.copy()
    size = float(np.hypot(*angles))
    if size > 0:
        centre = np.asarray(atoms.cell).sum(axis=0) / 2
        # a rotation about (−y, x, 0) takes +z towards (x, y, 0)
        axis = (-angles[1], angles[0], 0.0)
        turned.rotate(size, axis, center=centre)
        if "ideal" in atoms.arrays:
            sites = ase.Atoms(numbers=atoms.numbers, positions=atoms.arrays["ideal"])
            sites.rotate(size, axis, center=centre)
            turned.arrays["ideal"][:] = sites.positions
        _turn_displacements(turned, size, axis)
        turned.info.pop("record", None)
    lengths = atoms.cell.lengths()
    positions = turned.get_positions()
    out = np.flatnonzero(np.any((positions[:, :2] < 0) | (positions[:, :2] > lengths[:2]), axis=1))
    if len(out):
        raise SceneError(
            f"{len(out)} of {len(atoms)} atoms leave the cell in x or y by this tilt (first: atom {out[0]}); make the "
            "cell wider, or tilt the beam with tilts="
        )
    low, high = positions[:, 2].min(), positions[:, 2].max()
    margin = max(0.0, min(atoms.get_positions()[:, 2].min(), lengths[2] - atoms.get_positions()[:, 2].max()))
    turned.positions[:, 2] += margin - low
    if "ideal" in turned.arrays:
        turned.arrays["ideal"][:, 2] += margin - low
    turned.set_cell([lengths[0], lengths[1], high - low + 2 * margin])
    return turned


def _turn_displacements(atoms: ase.Atoms, angle: float, axis: tuple[float, float, float]) -> None:
    """Turn the anisotropic displacements of `atoms`: rms values along x, y, z (n, 3) or tensors U (n, 3, 3)."""
    own = atoms.arrays.get("thermal_u")
    if own is None or own.ndim < 2:
        return
    axes = ase.Atoms(numbers=[0] * 3, positions=np.eye(3))
    axes.rotate(angle, axis)
    rotation = axes.positions.T
    tensors = own if own.ndim == 3 else own[:, :, None] ** 2 * np.eye(3)
    del atoms.arrays["thermal_u"]
    atoms.set_array("thermal_u", rotation @ tensors @ rotation.T)

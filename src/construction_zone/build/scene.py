"""Zones in a cell, and the atoms that they make together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from construction_zone.build import distances, inputs
from construction_zone.build.distances import CONTACT, PairDistances
from construction_zone.build.inputs import Bools, Floats, Point
from construction_zone.build.torus import Periodic
from construction_zone.build.transforms import Affine, translation
from construction_zone.build.volumes.base import is_empty
from construction_zone.build.zone import Zone
from construction_zone.errors import InvalidInput, SceneError
from construction_zone.seeding import Seed

if TYPE_CHECKING:
    from ase import Atoms

VACUUM = 5.0
"""Å left free around the zones of a fitted cell where nothing else is asked."""


@dataclass(frozen=True)
class Scene:
    """Zones in an orthogonal cell.

    Parameters
    ----------
    zones
        In the order in which their atoms are listed.
    cell
        Edge lengths (Lx, Ly, Lz) in Å; the cell starts at the origin and the beam runs along z.
    periodic
        Along which axes the cell repeats.
    min_distance
        Å; atoms of different zones are kept at least this far apart, after overlaps have gone to the zone of lower
        priority number. Of two atoms that are closer, the one of the zone with the higher number goes (equal numbers:
        of the zone later in the list). One distance, or one a pair of elements, such as
        ``{("C", "Au"): 2.2, "default": 2.0}``. The default, 2.0 Å, is below every metal–carbon and metal–metal bond,
        and above every distance at which two atoms sit on top of each other.
    """

    zones: Sequence[Zone]
    cell: Point
    periodic: Periodic = (True, True, False)
    min_distance: distances.Given = CONTACT

    def __post_init__(self) -> None:
        object.__setattr__(self, "zones", _zones(self.zones))
        object.__setattr__(self, "cell", inputs.cell(self.cell))
        object.__setattr__(self, "periodic", inputs.periodic(self.periodic))
        given = PairDistances.of(self.min_distance)
        object.__setattr__(self, "min_distance", given if given.pairs else given.default)

    @classmethod
    def fitted(
        cls,
        zones: Sequence[Zone],
        *,
        padding: ArrayLike = VACUUM,
        cell: Sequence[float | None] = (None, None, None),
        centre: bool = True,
        periodic: Periodic = (True, True, False),
        min_distance: distances.Given = CONTACT,
    ) -> Self:
        """The scene of `zones` in a cell that fits them; they are moved into it together.

        Parameters
        ----------
        zones
            As of a scene; placed relative to each other.
        padding
            Å to leave free beside the bounds of the volumes: one number, one an axis (3,), or below and above on each
            axis (3, 2).
        cell
            Edge lengths in Å that are given; None where the cell is to fit.
        centre
            Whether the zones are moved to the middle (between the paddings) of the edges that are given too.

        Raises `InvalidInput` if a volume is unbounded along an edge that has to fit, `SceneError` if the zones are
        longer than an edge that does not repeat.
        """
        known, repeats = _zones(zones), inputs.periodic(periodic)
        low, high = _extent(known)
        below, above = _padding(padding).T
        if len(tuple(cell)) != 3:
            raise InvalidInput(f"cell is {cell!r}; give three edge lengths in Å, None where the cell is to fit")
        edges, shift = [], np.zeros(3)
        for axis, edge in enumerate(cell):
            bounded = bool(np.isfinite([low[axis], high[axis]]).all())
            if edge is None:
                if not bounded:
                    raise InvalidInput(
                        f"the zones have no end along {'xyz'[axis]}; give that edge of the cell or bound their volumes"
                    )
                edge = float(high[axis] - low[axis] + below[axis] + above[axis])
                shift[axis] = below[axis] - low[axis]
            elif bounded:
                room = edge - below[axis] - above[axis]
                if not repeats[axis] and high[axis] - low[axis] > room + 1e-9:
                    raise SceneError(
                        f"the zones are {high[axis] - low[axis]:g} Å long along {'xyz'[axis]}, which does not fit an "
                        f"edge of {edge:g} Å with {below[axis] + above[axis]:g} Å of padding; enlarge the cell"
                    )
                shift[axis] = (below[axis] + room / 2 - (low[axis] + high[axis]) / 2) if centre else 0.0
            edges.append(float(edge))
        moved = [zone.moved(translation(shift)) for zone in known]
        return cls(moved, (edges[0], edges[1], edges[2]), repeats, min_distance)

    @property
    def distances(self) -> PairDistances:
        """`min_distance` for each pair of elements."""
        return PairDistances.of(self.min_distance)

    def moved(self, affine: Affine) -> Self:
        """This scene with all zones after the map `affine`, volumes and generators; the cell stays."""
        return replace(self, zones=[zone.moved(affine) for zone in self.zones])

    def centred(self, axes: Sequence[bool] = (True, True, True)) -> Self:
        """This scene with the middle of all bounded volumes brought to the middle of the cell along `axes`."""
        low, high = _extent(self.zones)
        wanted = np.asarray(inputs.periodic(axes))
        shift = np.zeros(3)
        for axis in np.flatnonzero(wanted):
            if not np.isfinite([low[axis], high[axis]]).all():
                raise InvalidInput(
                    f"the zones have no end along {'xyz'[axis]} and so no middle; leave that axis out of axes={axes!r}"
                )
            shift[axis] = (self.cell[axis] - low[axis] - high[axis]) / 2
        return self.moved(translation(shift))

    def atoms(self, seed: Seed = 0, *, surface: bool = False) -> Atoms:
        """The atoms of the scene: zones in list order, each in the fixed order of its generator.

        Zone `name` draws from the child ("build", name) of `seed`, so that zones do not disturb each other.

        Per atom: `id` (0 … N−1), `zone` (index), `grain`, `phase` (index), `thermal_u` (rms displacement per axis in
        Å, 0 = not known), and whatever the generators know besides; `construction_zone.build.arrays` lists them.
        `info["zones"]` and `info["phases"]` hold the names, `info["record"]` what `construction_zone.build.record`
        describes. With `surface` each atom also tells whether it lies at a surface of the whole
        (`construction_zone.build.surfaces.exposed`), which takes some 6 µs an atom.

        Raises `SceneError` if a zone holds no atoms, if atoms leave the cell along an axis that does not repeat, or if
        two atoms end up closer than 0.5 Å.
        """
        from construction_zone.build.realise import realised

        return realised(self, seed, surface)

    def variants(
        self, *, without: Sequence[str | Sequence[str]], seed: Seed = 0, surface: bool = False
    ) -> dict[str, Atoms]:
        """The realised atoms, whole and without some zones: {"all": …, "without film": …}.

        One variant for each entry of `without`, which names a zone or several. All are subsets of the same atoms:
        nothing is merged again, and `id`, cell and arrays stay. Merge once and leave out, never the other way round,
        or the ground truth is of other atoms than the image. The array `surface` stays that of the whole too.
        """
        entries = [without] if isinstance(without, str) else list(without)
        atoms = self.atoms(seed, surface=surface)
        found = {"all": atoms}
        for entry in entries:
            names = [entry] if isinstance(entry, str) else list(entry)
            found[f"without {', '.join(names)}"] = variant(atoms, without=names)
        return found


def variant(atoms: Atoms, *, only: Sequence[str] | None = None, without: Sequence[str] | None = None) -> Atoms:
    """The realised atoms of `only` some zones, or of all `without` some; `id`, cell and everything else stay.

    Raises `InvalidInput` for names that are no zones of `atoms`, or if both or neither of the two are given.
    """
    if (only is None) == (without is None):
        raise InvalidInput("give only=[names] or without=[names], one of the two")
    if "zones" not in atoms.info or "zone" not in atoms.arrays:
        raise InvalidInput("these atoms do not say which zone they are of; take them from Scene.atoms()")
    names = list(atoms.info["zones"])
    chosen = only if only is not None else without
    asked = [chosen] if isinstance(chosen, str) else list(chosen or [])
    unknown = [name for name in asked if name not in names]
    if unknown:
        raise InvalidInput(
            f"no zone is called {', '.join(map(repr, unknown))}; the zones are {', '.join(map(repr, names))}"
        )
    inside: Bools = np.isin(atoms.arrays["zone"], [names.index(name) for name in asked])
    return atoms[inside if only is not None else ~inside]


def _zones(given: Sequence[Zone]) -> tuple[Zone, ...]:
    zones = tuple(given) if isinstance(given, Iterable) else (given,)
    if not zones or not all(isinstance(zone, Zone) for zone in zones):
        raise InvalidInput(f"zones is {given!r}; give a list of at least one Zone")
    names = [zone.name for zone in zones]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"several zones are called {', '.join(map(repr, twice))}; give each a name of its own")
    return zones


def _extent(zones: Sequence[Zone]) -> Floats:
    """Corners (2, 3) in Å of the box around the volumes; raises `SceneError` for an empty one."""
    for zone in zones:
        if is_empty(zone.volume.bounds):
            raise SceneError(f"the volume of zone {zone.name!r} is empty: its parts do not meet; check their positions")
    bounds = np.stack([zone.volume.bounds for zone in zones])
    return np.stack([bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0)])


def _padding(given: ArrayLike) -> Floats:
    array = np.asarray(given, dtype=np.float64)
    if array.shape not in ((), (3,), (3, 2)) or not np.isfinite(array).all() or (array < 0).any():
        raise InvalidInput(f"padding is {given!r}; give Å ≥ 0: one number, one an axis (3,), or (3, 2) below and above")
    return np.broadcast_to(array if array.ndim == 2 else np.broadcast_to(array, 3)[:, None], (3, 2))

"""Detectors by name, from published curves, and detectors from a user's own file.

The MTF is tabulated at ¼, ½, ¾ and 1 Nyquist; between the points it is a monotone cubic (see `curves.Curve`). Of the
DQE, DQE(0) and its value at Nyquist are tabulated; between them the noise is taken as NNPS = MTFᵖ with the p that
joins both, the form that the simulator of M. Vulović et al. (J. Struct. Biol. 183, 19 (2013)) uses.
"""

from __future__ import annotations

import csv
import functools
import math
import os
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np

from construction_zone.errors import InvalidInput
from construction_zone.image.curves import Curve, read_csv
from construction_zone.image.detector import Detector

SOURCES: dict[str, str] = {
    "ideal": "counts every electron, spreads none: MTF = sinc of the pixel, white noise",
    "US1000": "scintillator CCD (Gatan UltraScan 1000 behind an energy filter). Gain, dark and readout: detectorType.m "
    "of InSilicoTEM, the simulator of M. Vulović et al., J. Struct. Biol. 183, 19 (2013). Curves at four points as "
    "used with it, second-hand; the measured ones are the files MTFs/*_US1000GIF_* of M4I-nanoscopy/InSilicoTEM",
    "Falcon": "CMOS direct detector, integrating (FEI Falcon, first generation). Gain, dark, readout and curves as for "
    "US1000",
    "Falcon4i": "CMOS direct detector, counting (Thermo Fisher). MTF: RELION's mtf_falcon4EC_200kV.star "
    "and mtf_falcon4EC_300kV.star, carried on from their last point, 0.98 Nyquist, to 1; DQE 0.92 and 0.50 (300 kV), "
    "0.91 and 0.33 (200 kV) at zero and Nyquist: the maker's page on Falcon detectors, as quoted in simulation code "
    "that cites it. That page gives 0.72 and 0.62 at half Nyquist, which was not used: 0.79 and 0.69 come out here",
    "K2": "CMOS direct detector, counting (Gatan K2 Summit). Four points of MTF and the ends of the DQE, second-hand, "
    "typical (this camera was measured by G. McMullan et al., Ultramicroscopy 147, 156 (2014), arXiv:1406.1389); no "
    "readout noise. RELION distributes a lower curve for it (data/mtf_k2_300kV.star: 0.88, 0.73, 0.56, 0.39)",
    "K3": "CMOS direct detector, counting (Gatan K3, standard mode). MTF: the maker's reference file "
    "mtf_k3_standard_300kV_FL2.star; DQE 0.95 at zero and 0.40 at Nyquist, second-hand from the maker's curve, typical",
}
"""What each named detector is, and where its numbers come from.

Cameras differ from one to the next of their kind: where the DQE matters, measure yours.

Scintillator cameras with CMOS sensors (OneView, F416, Ceta) are not here: their curves are published as figures (A. I.
Ruskin, Z. Yu and N. Grigorieff, J. Struct. Biol. 184, 385 (2013), for the F416), not as numbers, and are not guessed.
Larsen et al. (arXiv:2302.12629) train with a range of parametric MTFs in place of a OneView's, which
`curves.parametric` and a distribution of its parameters do here. Measure yours and use `from_csv`. MTFs of more direct
detectors are in the directory data/ of RELION (https://github.com/3dem/relion), with frequencies in cycles per pixel:
twice that is in Nyquist frequencies. They come without a DQE, which does not follow from an MTF.
"""

NAMES: tuple[str, ...] = tuple(SOURCES)


def named(name: str, energy: float = 300e3, **changes: Any) -> Detector:
    """The detector `name` (see `SOURCES`), with other fields of `Detector` as `changes`.

    Parameters
    ----------
    name
        "ideal", "US1000", "Falcon", "Falcon4i", "K2" or "K3".
    energy
        of the electrons in eV: 300e3, or 80e3 for the US1000, or 200e3 for the Falcon4i; "ideal" takes any.

    Raises
    ------
    InvalidInput
        If there is no such detector at that energy; the message tells which there are.
    """
    if name == "ideal":
        return replace(Detector(), **changes)
    rows = _rows()
    row = rows.get((name, energy))
    if row is None:
        there = ", ".join(["ideal", *(f"{n} at {e / 1e3:g} kV" for n, e in rows)])
        raise InvalidInput(
            f"no detector {name!r} is known at {energy!r} eV; there are: {there}. For others, detectors.from_csv"
        )
    points = tuple(row[f"mtf_{place}"] for place in ("quarter", "half", "three_quarters", "nyquist"))
    mtf = Curve((0.0, 0.25, 0.5, 0.75, 1.0), (1.0, *points))
    power = math.log(row["dqe_zero"] * points[-1] ** 2 / row["dqe_nyquist"]) / math.log(points[-1])
    nnps = mtf.mapped(lambda _, values: values**power)
    detector = Detector(
        mtf=mtf, nnps=nnps, dqe_zero=row["dqe_zero"], gain=row["gain"], dark=row["dark"], readout=row["readout"]
    )
    return replace(detector, **changes)


def from_csv(path: str | os.PathLike[str], dqe_zero: float = 1.0, **changes: Any) -> Detector:
    """A detector whose curves a CSV file holds: columns ``frequency`` (Nyquist frequencies), ``mtf``, and ``nnps`` or
    ``dqe``, each 1 at zero; without either of the last two the noise is white.

    Parameters
    ----------
    path
        the file (see `curves.read_csv`).
    dqe_zero
        DQE at zero frequency; a column ``dqe`` is relative to it.

    Raises
    ------
    InvalidInput
        If the file has a hole, a negative value, frequencies that do not rise, or other columns.
    """
    curves = read_csv(path)
    allowed = ({"mtf"}, {"mtf", "nnps"}, {"mtf", "dqe"})
    if set(curves) not in allowed:
        raise InvalidInput(f"{path}: columns are frequency, {', '.join(curves)}; give mtf and, if known, nnps or dqe")
    mtf, nnps = curves["mtf"], curves.get("nnps")
    if "dqe" in curves:
        dqe = curves["dqe"]
        if min(dqe.values) <= 0 or min(mtf.values) <= 0:
            raise InvalidInput(f"{path}: mtf and dqe must stay above zero for the noise to follow from them")
        nnps = mtf.mapped(lambda f, values: values**2 / np.asarray(dqe(f)))
    return replace(Detector(mtf=mtf, nnps=nnps, dqe_zero=dqe_zero), **changes)


@functools.cache
def _rows() -> dict[tuple[str, float], dict[str, float]]:
    text = resources.files("construction_zone.image").joinpath("data/detectors.csv").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = {}
    for row in csv.DictReader(lines):
        name, energy = row.pop("name"), 1e3 * float(row.pop("kilovolts"))
        rows[name, energy] = {key: float(value) for key, value in row.items()}
    return rows

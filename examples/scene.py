"""Draw a scene of a film, a ball and a cube: by zone and by local structure, with its thickness.

python examples/scene.py scene.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from ase import Atoms
from PIL import Image

import construction_zone as cz


def built() -> Atoms:
    """A gold ball seen along [110] and a MgO cube on amorphous carbon."""
    carbon = cz.Amorphous("C", density=2.2)
    film = cz.Zone(cz.Block.between((0, 0, 0), (60, 44, 15)), carbon, name="film", priority=1)
    gold = cz.Crystal.fcc("Au").with_zone_axis([1, 1, 0]).shifted((19, 16, 27))
    ball = cz.Zone(cz.Ball(13, center=(19, 16, 27)), gold, name="ball")
    oxide = cz.Crystal.named("rocksalt MgO").with_zone_axis([0, 0, 1]).shifted((44, 28, 24))
    cube = cz.Zone(cz.Block((18, 18, 18), center=(44, 28, 24)), oxide, name="cube")
    contacts = {("C", "Au"): 2.3, "default": 2.0}
    return cz.Scene.fitted([film, ball, cube], cell=(60, 44, None), padding=5, min_distance=contacts).atoms(seed=1)


def main(path: str | Path) -> Path:
    """Draw the scene twice, one above the other."""
    atoms, path = built(), Path(path)
    rows = []
    for colour in ("zone", "element"):
        row = path.with_name(f".{path.stem}.{colour}.png")
        cz.show.scene(atoms, row, colour=colour, pixels=230, thickness=True)
        rows.append(Image.open(row).convert("RGB"))
        row.unlink()
    whole = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height
    whole.thumbnail((1000, 1000))
    whole.quantize(64, dither=Image.Dither.NONE).save(path)
    return path


if __name__ == "__main__":
    print(main(sys.argv[1] if len(sys.argv) > 1 else "scene.png"))

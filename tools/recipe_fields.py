"""Write docs/recipe_fields.md, every field of a recipe, after one was added: python tools/recipe_fields.py"""

from __future__ import annotations

import inspect
from pathlib import Path

from construction_zone.dataset.named import NAMED, parameters
from construction_zone.dataset.recipe import Recipe
from construction_zone.dataset.schema import Row, rows

PAGE = Path(__file__).parents[1] / "docs" / "recipe_fields.md"

HEAD = """# Fields of a recipe

Written by `tools/recipe_fields.py` from the code. Each field that is drawn for something (*per*) takes a value or a
distribution: see [recipes](how-to/recipes.md). `czone recipe schema` prints the same for editors.

"""

NAMES = """## What has a name

The `volume`, `generator` and `modifiers` of a [zone](how-to/prefabs_in_recipes.md#zones-in-a-recipe); `?` marks
parameters that may be left out. Prefabs, of which each also takes `modifiers`, are in the [gallery](gallery.md)."""


def page() -> str:
    """The page as text."""
    lines = [HEAD, "| field | unit | limits | default | per | |", "|---|---|---|---|---|---|"]
    lines += [_line(row) for row in rows(Recipe)]
    return "\n".join([lines[0].rstrip("\n") + "\n", *lines[1:], "", NAMES, "", *_named()]) + "\n"


def _named() -> list[str]:
    found = ["| kind | name | parameters | |", "|---|---|---|---|"]
    for kind in ("volume", "generator", "modifier", "profile"):
        for name, function in sorted(NAMED[kind].items()):
            keys = [f"`{key}`" + ("" if p.default is p.empty else "?") for key, p in parameters(kind, name).items()]
            about = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0].replace("\n", " ")
            found.append(f"| {kind} | `{name}` | {', '.join(keys)} | {about} |")
    return found


def _line(row: Row) -> str:
    default = f"`{row.default}`" if row.default not in ("", "needed") else row.default
    cells = [f"`{row.path}`", row.unit, row.limits, default, row.per, row.about]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} written")

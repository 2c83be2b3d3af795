"""Opening a dataset directory for writing: one writer, one recipe, nothing half-made left about."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from construction_zone.dataset.files import Directory, inside, write_whole, writing
from construction_zone.dataset.leaves import differences
from construction_zone.dataset.lock import held
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.store import RUN, Store
from construction_zone.errors import RecipeError, StoreError

CRYSTALS = "crystals"
RECIPE = "recipe.yaml"


@dataclass(frozen=True)
class Session:
    """A dataset directory held by this process: its store, its own copy of the recipe, and its log.

    The token, which lies in the directory as long as the session lasts, tells a task whether its run is still on.
    """

    store: Store
    recipe: Recipe
    token: str

    def log(self, text: str) -> None:
        """Add a line with the time to ``log.txt``."""
        with writing(self.store.root), (self.store.folder / "log.txt").open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")


@contextmanager
def session(root: Path, recipe: Recipe) -> Iterator[Session]:
    """Hold the directory `root` for making `recipe`, made if needed, for the length of a ``with``.

    The directory keeps the recipe in full, with the structure files it names; its count is the largest ever asked
    for. Raises `StoreError` if the directory cannot be written, is being written, or holds something else.
    """
    store = Store(root)
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
    _check_foreign(store)
    with writing(root), held(root / ".lock"):
        kept = _keep_recipe(store, recipe)
        store.prepare()
        store.describe(kept.plain())
        store.sweep()
        token = uuid.uuid4().hex
        store.place.write(RUN, token.encode())
        try:
            yield Session(store, kept, token)
        finally:
            store.place.remove(RUN)
            store.sweep()


def recipe_of(store: Store) -> Recipe:
    """The recipe that a dataset or an image set keeps."""
    store.check()
    if isinstance(store.place, Directory):
        return load(store.folder / store.prefix / RECIPE, folder=store.folder)
    # structure files are looked at again whenever the recipe is asked what it is
    here = Path(tempfile.mkdtemp(prefix="czone-"))
    atexit.register(shutil.rmtree, here, ignore_errors=True)
    names = [f"{store.prefix}{RECIPE}", *(f"{CRYSTALS}/{name}" for name in store.place.names(CRYSTALS))]
    for name in names:
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / inside(name)).write_bytes(store.place.read(name))
    return load(here / names[0], folder=here)


def _check_foreign(store: Store) -> None:
    """Refuse a folder with contents that are no dataset's: a slip of the hand should not fill a home directory."""
    if (store.folder / RECIPE).exists():
        if (store.folder / "dataset.json").exists() or (store.folder / "structures").exists():
            store.check()
        return
    ours = {".lock", "log.txt", CRYSTALS}
    with writing(store.root):
        others = sorted(entry.name for entry in store.folder.iterdir() if entry.name not in ours)
    others = [name for name in others if not name.endswith(".partial")]
    if others:
        some = ", ".join(others[:3])
        raise StoreError(f"{store.root} is not empty and holds no dataset ({some}, …); give a new directory")


def _keep_recipe(store: Store, recipe: Recipe) -> Recipe:
    count, path = recipe.count, store.folder / RECIPE
    if path.exists():
        try:
            there = load(path)
        except RecipeError as error:
            raise StoreError(f"the recipe in {store.root} cannot be read, give a new directory: {error}") from error
        different = differences(there.identity(), recipe.identity())
        if different:
            raise StoreError(
                f"{store.root} holds another recipe's data; give a new directory, or the recipe that it was made from "
                f"({path}). What differs:\n" + "\n".join(f"  {line}" for line in different)
            )
        if there.count >= count:
            return there
    plain = recipe.moved(lambda file: keep_file(store, file))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    write_whole(path, text.encode())
    return load(path)


def keep_file(store: Store, path: Path) -> str:
    """Copy a structure file into the dataset, named by its contents; the name as the kept recipe writes it."""
    aside = store.place.aside()
    try:
        shutil.copyfile(path, aside / "file")  # trajectories are large
        with (aside / "file").open("rb") as file:
            mark = f"{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}-"
        name = f"{CRYSTALS}/{mark}{path.name.removeprefix(mark)}"
        if path.absolute() != (store.folder / name).absolute():  # else it would be gone for a moment
            store.place.put(aside / "file", name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return name

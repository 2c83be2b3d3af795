"""Opening a dataset directory for writing: one writer, one recipe, nothing half-made left about."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import yaml

from construction_zone.dataset.files import Directory, Objects, inside, writing
from construction_zone.dataset.leaves import differences
from construction_zone.dataset.lock import held, leased
from construction_zone.dataset.log import LOGS, FileLog, Log, ObjectLog
from construction_zone.dataset.recipe import Recipe, load
from construction_zone.dataset.store import RUN, Store
from construction_zone.errors import RecipeError, StoreError

CRYSTALS = "crystals"
RECIPE = "recipe.yaml"


@dataclass(frozen=True)
class Session:
    """A dataset held by this process: its store, its own copy of the recipe, and its log.

    The token, which lies in the directory as long as the session lasts, tells a task whether its run is still on.
    """

    store: Store
    recipe: Recipe
    token: str
    lines: Log

    def log(self, text: str) -> None:
        """Add a line with the time to the log."""
        with writing(self.store.root):
            self.lines.add(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")


@contextmanager
def session(root: str | Path, recipe: Recipe) -> Iterator[Session]:
    """Hold the dataset `root` for making `recipe`, made if needed, for the length of a ``with``.

    The dataset keeps the recipe in full, with the structure files it names; its count is the largest ever asked
    for. Raises `StoreError` if the place cannot be written, is being written, or holds something else.
    """
    store, token = Store(root), uuid.uuid4().hex
    with writing(root):
        if isinstance(store.place, Directory):
            store.place.root.mkdir(parents=True, exist_ok=True)
    _check_foreign(store)
    with writing(root), _held(store, token) as lines:
        kept = _keep_recipe(store, recipe)
        store.prepare()
        store.describe(kept.plain())
        store.sweep()
        store.place.write(RUN, token.encode())
        own = Store(root, run=token)
        try:
            yield Session(own, kept, token, lines)
        finally:
            _end(own)


def _end(store: Store) -> None:
    """Remove the token of a run, unless it is another's by now, and what is unfinished."""
    if not isinstance(store.place, Directory):
        try:
            store.check_run()
        except StoreError:
            return
    store.place.remove(RUN)
    Store(store.root).sweep()


@contextmanager
def _held(store: Store, token: str) -> Iterator[Log]:
    """Hold the lock of a dataset, with a log that is whole at the end."""
    if isinstance(store.place, Directory):
        with held(store.place.root / ".lock"):
            yield FileLog(store.place.root / "log.txt")
        return
    assert isinstance(store.place, Objects)
    lines = ObjectLog(store.place, token)
    with leased(store.place, token, lines.put):
        try:
            yield lines
        except BaseException:
            with suppress(StoreError, OSError):  # why it ends matters more
                lines.put()
            raise
        lines.put()


def recipe_of(store: Store) -> Recipe:
    """The recipe that a dataset or an image set keeps."""
    store.check()
    folder = recipe_folder(store)
    return load(folder / store.prefix / RECIPE, folder=folder)


def recipe_folder(store: Store) -> Path:
    """A directory with the recipe, if there is one, and the structure files: the dataset's own, or a copy."""
    if isinstance(store.place, Directory):
        return store.place.root
    # structure files are looked at again whenever the recipe is asked what it is
    here = Path(tempfile.mkdtemp(prefix="czone-"))
    atexit.register(shutil.rmtree, here, ignore_errors=True)
    for name in [f"{store.prefix}{RECIPE}", *(f"{CRYSTALS}/{name}" for name in store.place.names(CRYSTALS))]:
        if store.place.exists(name):
            (here / name).parent.mkdir(parents=True, exist_ok=True)
            (here / inside(name)).write_bytes(store.place.read(name))
    return here


def _check_foreign(store: Store) -> None:
    """Refuse a folder with contents that are no dataset's: a slip of the hand should not fill a home directory."""
    if store.place.exists(RECIPE):
        if store.place.exists("dataset.json") or store.place.exists("structures"):
            store.check()
        return
    ours = {".lock", "log.txt", CRYSTALS}
    if isinstance(store.place, Objects):
        ours |= {name for name in store.place.entries("") if name.startswith(".lock")} | {LOGS}
    with writing(store.root):
        others = sorted(name for name in store.place.entries("") if name not in ours)
    others = [name for name in others if not name.endswith(".partial")]
    if others:
        some = ", ".join(others[:3])
        raise StoreError(f"{store.root} is not empty and holds no dataset ({some}, …); give a new directory")


def _keep_recipe(store: Store, recipe: Recipe) -> Recipe:
    if store.place.exists(RECIPE):
        try:
            there = load(recipe_folder(store) / RECIPE)
        except RecipeError as error:
            raise StoreError(f"the recipe in {store.root} cannot be read, give a new directory: {error}") from error
        different = differences(there.identity(), recipe.identity())
        if different:
            raise StoreError(
                f"{store.root} holds another recipe's data; give a new directory, or the recipe that it was made from "
                f"({store.root}/{RECIPE}). What differs:\n" + "\n".join(f"  {line}" for line in different)
            )
        if there.count >= recipe.count:
            return there
    plain = recipe.moved(lambda file: keep_file(store, file))
    text = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=120)
    store.place.write(RECIPE, text.encode())
    return load(recipe_folder(store) / RECIPE)


def keep_file(store: Store, path: Path) -> str:
    """Copy a structure file into the dataset, named by its contents; the name as the kept recipe writes it."""
    aside = store.place.aside()
    try:
        shutil.copyfile(path, aside / "file")  # trajectories are large
        with (aside / "file").open("rb") as file:
            mark = f"{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}-"
        name = f"{CRYSTALS}/{mark}{path.name.removeprefix(mark)}"
        there = store.place.root / name if isinstance(store.place, Directory) else None
        if there is None or path.absolute() != there.absolute():  # else it would be gone for a moment
            store.place.put(aside / "file", name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return name

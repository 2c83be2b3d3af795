"""Where the structures of a dataset lie, and how each stage of one is committed: whole or not at all.

    dataset.json                      format, and the hashes of the recipe and the structure files
    recipe.yaml, crystals/            what the dataset is made from
    samples.parquet                   one row an image
    records/STAGE/000/000123.json     what was drawn and made, with the hash of every file of the stage
    structures/000/000123.parquet     atoms
    waves.zarr/000/000123             zarr group of exit waves
    images.zarr/000/000123            zarr group of images, mask and labels
    tables/000/000123.parquet         tables among the labels, if there are any
    sets/NAME/…                       images under other conditions: all of the stage *images* once more

A stage of a structure is written aside and moved into place, its record last: it exists when both do. A folder holds
at most a thousand structures.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from construction_zone.dataset.files import Directory, Place, digest, inside, place_of, writing
from construction_zone.dataset.records import FORMAT, GROUP, files_of, sealed, stage_text, unsealed
from construction_zone.errors import InvalidInput, StoreError

STAGES = ("structures", "waves", "images")
"""What is made of a structure, in order; each is committed by itself."""

HOLDS = {
    "structures": ("structures", ".parquet"),
    "waves": ("waves.zarr", ""),
    "images": ("images.zarr", ""),
}
"""Folder and suffix of what each stage always leaves."""

RUN = ".run"
"""File with the token of the run that writes, while it lasts."""

SET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Store:
    """A dataset in a directory, or at a URL of fsspec such as ``s3://bucket/data`` or ``memory://data``.

    With `images`, its image set of that name: the same structures and waves under other conditions.
    """

    root: str | Path
    images: str = ""
    run: str | None = None
    """Token of the run that writes; it writes nothing once the directory holds another's."""

    def __post_init__(self) -> None:
        if self.images and not SET_NAME.fullmatch(self.images):
            raise InvalidInput(
                f"{self.images!r} cannot name an image set; give letters, digits, - and _, at most 64 of them"
            )

    @cached_property
    def place(self) -> Place:
        """Where the files are."""
        return place_of(self.root)

    @property
    def folder(self) -> Path:
        """The directory; raises `StoreError` where the dataset lies elsewhere."""
        if isinstance(self.place, Directory):
            return self.place.root
        raise StoreError(f"{self.root} is no directory of this machine; do this where the dataset lies on a disk")

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self.root, "images": self.images, "run": self.run}

    @property
    def prefix(self) -> str:
        """What the names of all that belongs to the images begin with."""
        return f"sets/{self.images}/" if self.images else ""

    def inner(self, stage: str, name: str) -> str:
        """The name of `name`, a file or folder of `stage`."""
        return f"{self.prefix}{name}" if stage == "images" else name

    def record_name(self, stage: str, index: int) -> str:
        """Name of the record of a stage of structure `index`."""
        return self.inner(stage, f"records/{stage}/{spot(index)}.json")

    def held_name(self, stage: str, index: int) -> str:
        """Name of the file or zarr group that a stage of structure `index` always leaves."""
        folder, suffix = HOLDS[stage]
        return self.inner(stage, f"{folder}/{spot(index)}{suffix}")

    def table_name(self, index: int) -> str:
        """Name of the file with the tables of structure `index`."""
        return self.inner("images", f"tables/{spot(index)}.parquet")

    @property
    def samples(self) -> str:
        """Name of the table of samples."""
        return f"{self.prefix}samples.parquet"

    def sets(self) -> list[str]:
        """Names of the image sets: folders in ``sets`` that have a recipe, a description or records."""
        parts = ("dataset.json", "recipe.yaml", "records")
        return sorted(
            name
            for name in self.place.names("sets")
            if SET_NAME.fullmatch(name) and any(self.place.exists(f"sets/{name}/{part}") for part in parts)
        )

    def indices(self, stage: str = "images") -> list[int]:
        """Numbers of the structures that are made up to `stage`, in order."""
        self.check()
        done: set[str] | None = None
        for part in STAGES[: STAGES.index(stage) + 1]:
            here = self._recorded(part) & self._held(part)
            done = here if done is None else done & here
        return sorted(int(name) for name in done or ())

    def stages(self, index: int) -> tuple[str, ...]:
        """The stages of structure `index` that exist."""
        there = self.place.exists
        return tuple(
            part for part in STAGES if there(self.record_name(part, index)) and there(self.held_name(part, index))
        )

    def check(self) -> None:
        """Raise `StoreError` if there is no dataset here, or one that this version does not read."""
        try:
            description = json.loads(self.place.read("dataset.json"))
            found = description["format"]
        except FileNotFoundError:
            pass
        except NotADirectoryError:
            raise StoreError(f"{self.root} holds no dataset, it is a file") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"dataset.json of {self.root} cannot be read ({error}); see: czone verify") from error
        else:
            if found != FORMAT:
                raise StoreError(f"{self.root} is a dataset of format {found}, this version reads format {FORMAT}")
            if self.images and not self.place.exists(self.prefix.rstrip("/")):
                there = ", ".join(self.sets()) or "none"
                raise StoreError(f"{self.root} has no image set {self.images!r}; there is {there}")
            return
        if self.place.exists("records"):
            raise StoreError(f"{self.root} has lost its dataset.json; put it back with: czone repair {self.root}")
        if self.place.exists("recipe.yaml") and self.place.exists("structures"):
            raise StoreError(
                f"{self.root} was made by an earlier version (format 1), which this one does not read; "
                f"make it again: czone generate {self.root}/recipe.yaml --out NEW"
            )
        raise StoreError(f"{self.root} holds no dataset; make one with: czone generate RECIPE --out DIR")

    def stage_record(self, stage: str, index: int) -> dict[str, Any]:
        """The record of one stage of structure `index`; raises `StoreError` if any of it is not as it was written."""
        name = self.record_name(stage, index)
        try:
            text = self.place.read(name)
        except FileNotFoundError:
            raise StoreError(
                f"{self.root} holds no {stage} of structure {index}; see: czone info {self.root}"
            ) from None
        except OSError as error:
            raise StoreError(f"the record {name} of {self.root} cannot be read: {error.strerror or error}") from error
        record = unsealed(text)
        if record is None:
            raise StoreError(
                f"the record {name} of {self.root} cannot be read, it is damaged; make it again with: "
                f"czone repair {self.root}"
            )
        if record.get("format") != FORMAT:
            raise StoreError(f"the record {name} of {self.root} is not of format {FORMAT}, which this version reads")
        return record

    def record(self, index: int, until: str = "images") -> dict[str, Any]:
        """What the records of structure `index` say up to a stage: drawn, seeds, made, images, content, measured."""
        try:
            return self._merged(index, until)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(
                f"the records of structure {index} of {self.root} are not what this version writes "
                f"({type(error).__name__}: {error}); make them again with: czone repair {self.root}"
            ) from error

    def _merged(self, index: int, until: str) -> dict[str, Any]:
        whole: dict[str, Any] = {"structure": index, "drawn": {}, "seeds": {}, "made": {}, "images": []}
        content: dict[str, str] = {}
        seconds: dict[str, float] = {}
        measured: dict[str, Any] = {}
        for stage in STAGES[: STAGES.index(until) + 1]:
            record = self.stage_record(stage, index)
            for part in ("drawn", "seeds", "made"):
                whole[part] |= record.get(part, {})
            whole["images"] = [
                {**image, **{part: dict(image[part]) for part in ("drawn", "seeds", "made")}}
                for image in record.get("images", whole["images"])
            ]
            whole["version"] = record["version"]
            content |= record["content"]
            for name, taken in record["measured"].get("seconds", {}).items():
                seconds[name] = seconds.get(name, 0.0) + float(taken)
            memory = record["measured"].get("peak_memory")
            if memory is not None:
                measured["peak_memory"] = max(memory, measured.get("peak_memory", 0))
        return {**whole, "name": name_of(index), "content": content, "measured": {"seconds": seconds, **measured}}

    def commit(
        self,
        stage: str,
        index: int,
        record: Mapping[str, Any],
        writers: Mapping[str, Callable[[Path], None]],
        measured: Mapping[str, Any] | None = None,
    ) -> float:
        """Keep `stage` of structure `index` whole or not at all, and tell the seconds that it took.

        `writers` say how to write each file or folder that is kept, by its name in the dataset; `measured` is all of
        the record that may differ between two makings. Raises `StoreError` when it cannot be written.
        """
        start = time.perf_counter()
        place = self.place
        with writing(self.root):
            self.check_run()
            aside = place.aside()
            try:
                hashes: dict[str, str] = {}
                for number, (name, write) in enumerate(sorted(writers.items())):
                    _written(write, aside / str(number))
                    hashes |= _hashes(aside / str(number), name)
                self.check_run()
                for number, name in enumerate(sorted(writers)):
                    self._keep_group(name)
                    place.put(aside / str(number), name)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            taken = dict(measured or {})
            seconds = {**taken.get("seconds", {}), "store": time.perf_counter() - start}
            place.write(
                self.record_name(stage, index), stage_text(stage, index, record, hashes, {**taken, "seconds": seconds})
            )
        return time.perf_counter() - start

    def check_run(self) -> None:
        """Raise `StoreError` unless the dataset is here and still belongs to the run that this store writes for.

        A task may outlive its run on somebody's cluster; it must not write beside the next one.
        """
        if self.run is None:
            return
        try:
            found = self.place.read(RUN).decode()
        except OSError as error:
            raise StoreError(
                f"{self.root} cannot be used on {socket.gethostname()} ({error.strerror or error}): it was deleted or "
                "moved, the run has ended, or this machine does not see the file system of the one that began it"
            ) from error
        if found != self.run:
            raise StoreError(f"{self.root} belongs to another run by now; this one ends")

    def prepare(self) -> None:
        """Make the groups at the roots of an empty dataset, and say what it is, where that is missing."""
        if not self.place.exists("dataset.json"):
            self.place.write("dataset.json", sealed({"format": FORMAT, "files": {}, "recipe": None}))
        for stage, root in (("waves", "waves.zarr"), ("images", "images.zarr")):
            name = f"{self.inner(stage, root)}/zarr.json"
            if not self.place.exists(name):
                self.place.write(name, GROUP)

    def describe(self, recipe: Mapping[str, Any]) -> None:
        """Write ``dataset.json``: the recipe as plain data, and the hashes of the files that all is made from."""
        names = [f"{self.prefix}recipe.yaml", *(f"crystals/{name}" for name in sorted(self.place.names("crystals")))]
        files = {name: digest(self.place.read(name)) for name in names if self.place.exists(name)}
        data = sealed({"format": FORMAT, "files": files, "recipe": recipe})
        name = f"{self.prefix}dataset.json"
        if not (self.place.exists(name) and self.place.read(name) == data):
            self.place.write(name, data)

    def adopt(self, source: Store, stage: str, index: int) -> None:
        """Take a stage of structure `index` from another dataset as it is, whole or not at all.

        Raises `StoreError` if what the source holds is not what its record says.
        """
        text = source.place.read(source.record_name(stage, index))
        record = unsealed(text)
        if record is None or (record.get("stage"), record.get("structure")) != (stage, index):
            raise StoreError(f"the record of the {stage} of structure {index} in {source.root} is damaged; repair it")
        place = self.place
        with writing(self.root):
            aside = place.aside()
            try:
                parts: dict[str, Path] = {}
                for name, hashed in files_of(record).items():
                    part = source.owned(stage, index, name)
                    if part is None:
                        raise StoreError(f"a record of {source.root} lists {name!r}, which is not its own")
                    try:
                        data = source.place.read(name)
                    except OSError:
                        data = b""
                    if digest(data) != hashed:
                        raise StoreError(f"{name} in {source.root} is damaged; first run: czone repair {source.root}")
                    parts.setdefault(part, aside / str(len(parts)))
                    path = parts[part] / name[len(part) + 1 :] if name != part else parts[part]
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data)
                for name, path in parts.items():
                    self._keep_group(name)
                    place.put(path, name)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            place.write(self.record_name(stage, index), text)

    def owned(self, stage: str, index: int, name: str) -> str | None:
        """The file or zarr group of that stage of a structure that `name` is or lies in; None if it is not its own."""
        inside(name)
        held = self.held_name(stage, index)
        if name == held or (HOLDS[stage][1] == "" and name.startswith(f"{held}/")):
            return held
        return self.table_name(index) if stage == "images" and name == self.table_name(index) else None

    def sweep(self) -> None:
        """Remove what an interrupted run left in the dataset: unfinished files, and files that no record tells of."""
        if isinstance(self.place, Directory):
            self._sweep_partial(self.place.root)
        else:
            self.check_run()  # whoever was taken for dead removes nothing of the next one's
            # objects are never half written; what is left are notes of where a worker was
            for name in self.place.entries(""):
                if name.startswith(".") and name.endswith(".partial"):
                    self.place.remove(name)
        for stage in STAGES:
            recorded = self._recorded(stage)
            for name in self._held(stage) - recorded:
                self.place.remove(self.held_name(stage, int(name)))
        recorded = self._recorded("images")
        for name in _numbers(self.place, self.inner("images", "tables"), ".parquet") - recorded:
            self.place.remove(self.table_name(int(name)))

    def _sweep_partial(self, root: Path) -> None:
        shutil.rmtree(root / ".partial", ignore_errors=True)
        records = {self.inner(stage, f"records/{stage}") for stage in STAGES}
        held = {self.inner(stage, HOLDS[stage][0]) for stage in STAGES}
        for top in {"", self.prefix, *records, *held}:
            for pattern in (".*.partial", "*/.*.partial"):
                for left in (root / top).glob(pattern):
                    left.unlink(missing_ok=True)

    def _recorded(self, stage: str) -> set[str]:
        return _numbers(self.place, self.inner(stage, f"records/{stage}"), ".json")

    def _held(self, stage: str) -> set[str]:
        folder, suffix = HOLDS[stage]
        return _numbers(self.place, self.inner(stage, folder), suffix)

    def _keep_group(self, name: str) -> None:
        """See to it that what lies above the zarr group `name` is a group too."""
        above, _, _ = name.rpartition("/")
        if ".zarr/" in above and not self.place.exists(f"{above}/zarr.json"):
            self.place.write(f"{above}/zarr.json", GROUP)


def name_of(index: int) -> str:
    """Number of structure `index` as files are called."""
    return f"{index:06d}"


def spot(index: int) -> str:
    """Folder and number of structure `index`: a thousand to a folder, so that none grows long."""
    return f"{index // 1000:03d}/{name_of(index)}"


def _written(write: Callable[[Path], None], path: Path) -> None:
    """Write `path`; what the disk refuses is told as it is everywhere else, whoever met it."""
    try:
        write(path)
    except StoreError as error:
        if isinstance(error.__cause__, OSError):
            raise error.__cause__ from None
        raise


def _hashes(path: Path, name: str) -> dict[str, str]:
    """Hash of the file `path`, or of each file in it, by what will be its name in the dataset."""
    if path.is_file():
        return {name: digest(path.read_bytes())}
    files = sorted(inner for inner in path.rglob("*") if inner.is_file())
    return {f"{name}/{inner.relative_to(path).as_posix()}": digest(inner.read_bytes()) for inner in files}


def _numbers(place: Place, folder: str, suffix: str) -> set[str]:
    """Numbers of the structures that have an entry under `folder`, each where it belongs."""
    found = set()
    for part in place.names(folder):
        if not (part.isascii() and part.isdigit()):
            continue
        for entry in place.names(f"{folder}/{part}"):
            name = entry.removesuffix(suffix)
            if name.isascii() and name.isdigit() and entry == name + suffix and f"{part}/{name}" == spot(int(name)):
                found.add(name)
    return found

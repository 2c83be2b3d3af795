"""Where the structures of a dataset lie, and how each stage of one is committed: whole or not at all.

    dataset.json                      format, and the hashes of the recipe and the structure files
    recipe.yaml, crystals/            what the dataset is made from
    samples.parquet                   one row an image
    records/STAGE/000/000123.json     what was drawn and made, with the hash of every file of the stage
    structures/000/000123.parquet     atoms
    waves.zarr/000/000123             zarr group of exit waves
    images.zarr/000/000123            zarr group of images, mask and labels
    tables/000/000123.parquet         tables among the labels, if there are any

A stage of a structure is written aside and moved into place, its record last: it exists when both do. A folder holds
at most a thousand structures.
"""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from construction_zone.dataset.files import Directory, Place, digest, place_of, writing
from construction_zone.errors import StoreError

FORMAT = 2

STAGES = ("structures", "waves", "images")
"""What is made of a structure, in order; each is committed by itself."""

_HOLDS = {
    "structures": ("structures", ".parquet"),
    "waves": ("waves.zarr", ""),
    "images": ("images.zarr", ""),
}
"""Folder and suffix of what each stage always leaves."""

RUN = ".run"
"""File with the token of the run that writes, while it lasts."""

ZARR_ROOTS = ("waves.zarr", "images.zarr")


@dataclass(frozen=True)
class Store:
    """A dataset in a directory, or at a URL of fsspec such as ``s3://bucket/data`` or ``memory://data``."""

    root: str | Path
    run: str | None = None
    """Token of the run that writes; it writes nothing once the directory holds another's."""

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
        return {"root": self.root, "run": self.run}

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
        return tuple(part for part in STAGES if there(record_name(part, index)) and there(held_name(part, index)))

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
        """The record of one stage of structure `index`."""
        name = record_name(stage, index)
        try:
            record = json.loads(self.place.read(name))
        except FileNotFoundError:
            raise StoreError(
                f"{self.root} holds no {stage} of structure {index}; see: czone info {self.root}"
            ) from None
        except (OSError, ValueError) as error:
            raise StoreError(
                f"the record {name} of {self.root} cannot be read ({error}); make it again with: "
                f"czone repair {self.root}"
            ) from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise StoreError(f"the record {name} of {self.root} is not of format {FORMAT}, which this version reads")
        return record

    def record(self, index: int, until: str = "images") -> dict[str, Any]:
        """What the records of structure `index` say up to a stage: drawn, seeds, made, images, content, measured."""
        whole: dict[str, Any] = {"structure": index, "drawn": {}, "seeds": {}, "made": {}, "images": []}
        content: dict[str, str] = {}
        seconds: dict[str, float] = {}
        measured: dict[str, Any] = {}
        for stage in STAGES[: STAGES.index(until) + 1]:
            record = self.stage_record(stage, index)
            for part in ("drawn", "seeds", "made"):
                whole[part] |= record.get(part, {})
            whole["images"] = record.get("images", whole["images"])
            whole["version"] = record["version"]
            content |= record["content"]
            for name, taken in record["measured"].get("seconds", {}).items():
                seconds[name] = seconds.get(name, 0.0) + taken
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
                    write(aside / str(number))
                    hashes |= _hashes(aside / str(number), name)
                self.check_run()
                for number, name in enumerate(sorted(writers)):
                    self._keep_group(name)
                    place.put(aside / str(number), name)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
            taken = dict(measured or {})
            seconds = {**taken.get("seconds", {}), "store": time.perf_counter() - start}
            place.write(record_name(stage, index), _sealed(stage, index, record, hashes, {**taken, "seconds": seconds}))
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
                f"{self.root} cannot be used on {socket.gethostname()} ({error.strerror}): it was deleted or moved, "
                "the run has ended, or this machine does not see the file system of the one that began it"
            ) from error
        if found != self.run:
            raise StoreError(f"{self.root} belongs to another run by now; this one ends")

    def prepare(self) -> None:
        """Make the groups at the roots of an empty dataset, and say what it is, where that is missing."""
        if not self.place.exists("dataset.json"):
            self.place.write("dataset.json", text_of({"format": FORMAT}))
        for root in ZARR_ROOTS:
            if not self.place.exists(f"{root}/zarr.json"):
                self.place.write(f"{root}/zarr.json", _GROUP)

    def sweep(self) -> None:
        """Remove what an interrupted run left in the directory: unfinished files, and files that no record tells of."""
        shutil.rmtree(self.folder / ".partial", ignore_errors=True)
        for left in self.folder.glob(".*.partial"):
            left.unlink(missing_ok=True)
        for top in (f"records/{stage}" for stage in STAGES):
            for left in (self.folder / top).glob("*/.*.partial"):
                left.unlink(missing_ok=True)
        for stage in STAGES:
            recorded = self._recorded(stage)
            for name in self._held(stage) - recorded:
                self.place.remove(held_name(stage, int(name)))
        recorded = self._recorded("images")
        for name in _numbers(self.place, "tables", ".parquet") - recorded:
            self.place.remove(table_name(int(name)))

    def _recorded(self, stage: str) -> set[str]:
        return _numbers(self.place, f"records/{stage}", ".json")

    def _held(self, stage: str) -> set[str]:
        return _numbers(self.place, *_HOLDS[stage])

    def _keep_group(self, name: str) -> None:
        """See to it that what lies above the zarr group `name` is a group too."""
        root, _, rest = name.partition("/")
        if root in ZARR_ROOTS:
            above = f"{root}/{rest.partition('/')[0]}/zarr.json"
            if not self.place.exists(above):
                self.place.write(above, _GROUP)


def text_of(value: Mapping[str, Any]) -> bytes:
    """`value` as the JSON text that is kept of it, the same for equal values."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


_GROUP = text_of({"attributes": {}, "zarr_format": 3, "node_type": "group"})


def name_of(index: int) -> str:
    """Number of structure `index` as files are called."""
    return f"{index:06d}"


def spot(index: int) -> str:
    """Folder and number of structure `index`: a thousand to a folder, so that none grows long."""
    return f"{index // 1000:03d}/{name_of(index)}"


def record_name(stage: str, index: int) -> str:
    """Name of the record of a stage of structure `index`."""
    return f"records/{stage}/{spot(index)}.json"


def held_name(stage: str, index: int) -> str:
    """Name of the file or zarr group that a stage of structure `index` always leaves."""
    folder, suffix = _HOLDS[stage]
    return f"{folder}/{spot(index)}{suffix}"


def table_name(index: int) -> str:
    """Name of the file with the tables of structure `index`."""
    return f"tables/{spot(index)}.parquet"


def content_of(hashes: Mapping[str, str]) -> str:
    """One hash for files that have these."""
    return digest(json.dumps(sorted(hashes.items())).encode())


def sealed(record: Mapping[str, Any]) -> bytes:
    """The text of a record with a hash of all the rest in it, by which damage is found."""
    bare = {key: value for key, value in record.items() if key != "seal"}
    return text_of({**bare, "seal": digest(text_of(bare))})


def _sealed(
    stage: str, index: int, record: Mapping[str, Any], hashes: Mapping[str, str], measured: Mapping[str, Any]
) -> bytes:
    from construction_zone import __version__

    content = {stage: content_of(hashes), **record.get("content", {})}
    rest = {key: value for key, value in record.items() if key != "content"}
    own = {"format": FORMAT, "stage": stage, "structure": index, "version": __version__}
    return sealed({**own, **rest, "files": dict(hashes), "content": content, "measured": dict(measured)})


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

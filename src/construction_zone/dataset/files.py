"""Where a dataset's files lie: a directory, or any place that fsspec knows; files appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from construction_zone.errors import StoreError, missing_extra


class Place(Protocol):
    """Files by relative name; `names` and `files` leave out those that begin with a dot, `entries` does not."""

    def read(self, name: str) -> bytes: ...
    def write(self, name: str, data: bytes) -> None: ...
    def exists(self, name: str) -> bool: ...
    def entries(self, folder: str) -> list[str]: ...
    def names(self, folder: str) -> list[str]: ...
    def files(self, folder: str = "") -> Iterator[str]: ...
    def put(self, source: Path, name: str) -> None: ...
    def remove(self, name: str) -> None: ...
    def aside(self) -> Path: ...
    def zarr(self, name: str) -> Any: ...


@dataclass(frozen=True)
class Directory:
    """A directory of this machine."""

    root: Path

    def read(self, name: str) -> bytes:
        """What the file `name` holds; `FileNotFoundError` if there is none."""
        return (self.root / inside(name)).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """Put a file of `data` at `name` in one step, replacing what was there."""
        path = self.root / inside(name)
        try:
            write_whole(path, data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)

    def exists(self, name: str) -> bool:
        """Whether there is a file or folder `name`."""
        return (self.root / inside(name)).exists()

    def names(self, folder: str) -> list[str]:
        """Names of the files and folders in `folder`; none if it is not there."""
        try:
            return [name for name in self.entries(folder) if not name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def entries(self, folder: str) -> list[str]:
        """Names of all that is in `folder`, hidden or not."""
        with os.scandir(self.root / inside(folder)) as entries:
            return [entry.name for entry in entries]

    def files(self, folder: str = "") -> Iterator[str]:
        """Names of all files under `folder`, in order; links are files, wherever they lead."""
        top = self.root / inside(folder)
        for path, folders, names in os.walk(top):
            links = [name for name in folders if (Path(path) / name).is_symlink()]
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in links)
            for name in sorted([*names, *links]):
                if not name.startswith("."):
                    yield (Path(path) / name).relative_to(self.root).as_posix()

    def put(self, source: Path, name: str) -> None:
        """Move the finished file or folder `source` to `name` in one step, replacing what was there."""
        target = self.root / inside(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        self.remove(name)
        move_whole(source, target)

    def remove(self, name: str) -> None:
        """Remove the file or folder `name`, if it is there."""
        path = self.root / inside(name)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def aside(self) -> Path:
        """A new folder on the same disk, where files are made before they are moved into place."""
        folder = self.root / ".partial" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def zarr(self, name: str) -> Any:
        """What zarr opens for `name`."""
        return self.root / inside(name)


@dataclass(frozen=True)
class Objects:
    """A place given by a URL of fsspec: memory://, s3://, gs://, …; an object appears whole by nature."""

    url: str

    def at(self, name: str) -> tuple[Any, str]:
        """The file system of fsspec, and the path of `name` in it."""
        import fsspec

        try:
            # other processes write here: a listing that is kept would not tell of it
            system, path = fsspec.url_to_fs(self.url, use_listings_cache=False)
        except ImportError as error:
            if self.url.startswith("s3://"):
                raise missing_extra("s3fs", "s3") from error
            raise StoreError(f"{self.url} cannot be reached: {error}") from error
        except ValueError as error:
            raise StoreError(f"{self.url} cannot be reached: {error}") from error
        name = inside(name)
        return system, f"{path.rstrip('/')}/{name}" if name else path.rstrip("/")

    def read(self, name: str) -> bytes:
        """What the object `name` holds; `FileNotFoundError` if there is none."""
        system, path = self.at(name)
        with _reached(self.url):
            return bytes(system.cat_file(path))

    def write(self, name: str, data: bytes) -> None:
        """Put an object of `data` at `name`, replacing what was there."""
        system, path = self.at(name)
        with _reached(self.url):
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
            system.pipe_file(path, data)

    def exists(self, name: str) -> bool:
        """Whether there is an object `name`, or any below it."""
        system, path = self.at(name)
        with _reached(self.url):
            return bool(system.exists(path))

    def names(self, folder: str) -> list[str]:
        """Names of what lies directly in `folder`; none if it is not there."""
        return [name for name in self.entries(folder) if not name.startswith(".")]

    def entries(self, folder: str) -> list[str]:
        """The same with those that begin with a dot."""
        system, path = self.at(folder)
        try:
            with _reached(self.url):
                found = system.ls(path, detail=False)
        except FileNotFoundError:
            return []
        names = (entry.rstrip("/").rpartition("/")[2] for entry in found if entry.strip("/") != path.strip("/"))
        return [name for name in names if name]

    def files(self, folder: str = "") -> Iterator[str]:
        """Names of all objects under `folder`, in order."""
        system, path = self.at(folder)
        _, top = self.at("")
        with _reached(self.url):
            found = sorted(system.find(path))
        for entry in found:
            name = entry.lstrip("/").removeprefix(top.lstrip("/")).lstrip("/")
            if not any(part.startswith(".") for part in name.split("/")):
                yield name

    def put(self, source: Path, name: str) -> None:
        """Upload the finished file or folder `source` to `name`, replacing what was there."""
        if source.is_file():
            self.write(name, source.read_bytes())
            return
        self.remove(name)
        for path in sorted(source.rglob("*")):
            if path.is_file():
                self.write(f"{name}/{path.relative_to(source).as_posix()}", path.read_bytes())

    def remove(self, name: str) -> None:
        """Remove the object `name`, and all below it."""
        system, path = self.at(name)
        with _reached(self.url):
            if system.exists(path):
                system.rm(path, recursive=True)

    def create(self, name: str, data: bytes) -> bool:
        """Put an object of `data` at `name` if there is none; whether it was put."""
        system, path = self.at(name)
        with _reached(self.url):
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
            try:
                system.pipe_file(path, data, mode="create")
                return True
            except Exception:
                # an answer that was lost is asked for again, and the second one says that there is one already
                try:
                    return bool(system.cat_file(path) == data)
                except FileNotFoundError:
                    pass
                raise

    def modified(self, name: str) -> float:
        """When the object `name` was last written, by the clock of the storage, in seconds."""
        system, path = self.at(name)
        with _reached(self.url):
            return float(system.modified(path).timestamp())

    def aside(self) -> Path:
        """A new folder of this machine, where files are made before they are uploaded."""
        return Path(tempfile.mkdtemp(prefix="czone-"))

    def zarr(self, name: str) -> Any:
        """What zarr opens for `name`."""
        from zarr.storage import FsspecStore

        options = {"use_listings_cache": False}
        return FsspecStore.from_url(f"{self.url.rstrip('/')}/{inside(name)}".rstrip("/"), storage_options=options)


@contextmanager
def _reached(url: str) -> Iterator[None]:
    """Tell as a `StoreError` what libraries of object storage raise of their own: no credentials, no connection, …"""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise StoreError(f"{url} cannot be reached: {error} ({type(error).__name__})") from error


def place_of(root: str | Path) -> Place:
    """The directory or the place of a URL that `root` names."""
    text = str(root)
    if "://" not in text:
        return Directory(Path(root))
    return Directory(Path(text.removeprefix("file://"))) if text.startswith("file://") else Objects(text)


def inside(name: str) -> str:
    """`name`, if it stays below the place that it is relative to; metadata may not lead elsewhere."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or (parts and ":" in parts[0]):
        raise StoreError(f"the name {name!r} leads out of the dataset; it is damaged or not to be trusted")
    return name


def digest(data: bytes) -> str:
    """SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Put a file of `data` at `path` in one step, replacing what was there."""
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync(path.parent)


def move_whole(source: Path, target: Path) -> None:
    """Move the finished file or folder `source` to `target` in one step, once all of it is on the disk."""
    for folder, _, names in os.walk(source):
        for name in names:
            sync(Path(folder, name))
        sync(Path(folder))
    if source.is_file():
        sync(source)
    source.rename(target)
    sync(target.parent)


def sync(path: Path) -> None:
    """Have the operating system put a file or a folder's entries on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def writing(root: str | Path) -> Iterator[None]:
    """Tell what goes wrong on the disk as a `StoreError` about the dataset `root`."""
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise StoreError(
            f"cannot write the dataset {root}: {error.strerror or error}{place}; what is done stays whole: "
            "make room or give a directory that can be written, then run the same command again"
            if "://" not in str(root)
            else f"cannot write the dataset {root}: {error.strerror or error}; what is done stays whole: see to the "
            "connection, the credentials and the rights to write, then run the same command again"
        ) from error

"""Datasets in the files that other programs read."""

from __future__ import annotations

import io
import itertools
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from construction_zone.dataset import arrays
from construction_zone.dataset.files import write_whole, writing
from construction_zone.dataset.loader import ImageDataset
from construction_zone.dataset.stages import READING
from construction_zone.dataset.store import Store
from construction_zone.errors import InvalidInput, StoreError, missing_extra

SHARD = 500
"""Images to a tar file of ``webdataset``."""

EXACT = 2**24
"""Whole numbers up to this are exact as 32-bit floats."""

LABEL = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
"""What a label may be called where its name becomes that of a file."""


@dataclass(frozen=True)
class Sample:
    """One image with its labels (…, y, x) by name, its record, and its tables (rows by name), if it has any."""

    key: str
    image: np.ndarray
    labels: dict[str, np.ndarray]
    record: dict[str, Any]
    pixel_size: tuple[float, float]
    tables: dict[str, list[dict[str, Any]]]


def export(root: str | Path, to: str, out: str | Path, *, images: str = "") -> int:
    """Write the images and labels of the dataset `root` in another form into the new directory `out`; tells how many.

    Tables of labels (instances, columns …), where there are any, go with each image as JSON: ``tables`` in an archive
    or a group, else a file or member of its own.

    Parameters
    ----------
    to
        "npz": an archive an image, with ``image``, the labels and ``record`` (JSON).
        "tiff": 32-bit images and labels with the pixel size in nm as ImageJ, Fiji and HyperSpy read it; whole numbers
        beyond 2²⁴ (bits of masks) in a plain TIFF of 32-bit integers.
        "png": 8-bit images for looking, whose text chunks tell the values of black and white; masks are 0 and 255.
        "hdf5": one file ``dataset.h5`` with a group an image; needs h5py (extra ``hdf5``).
        "webdataset": tar files of 500 images, members ``KEY.image.npy``, ``KEY.LABEL.npy``, ``KEY.json``,
        ``KEY.tables.json``.
    images
        name of an image set; by default the images of the dataset's own recipe.

    Raises
    ------
    StoreError
        if there is no such dataset or image set, `out` is not empty or cannot be written, or something in the dataset
        cannot be read.
    """
    if to not in WRITERS:
        raise InvalidInput(f"{to!r} is no form of export; give one of {', '.join(WRITERS)}")
    store = Store(root, images)
    store.check()
    samples = _samples(store)
    folder = Path(out)
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise StoreError(f"{folder} is not empty; give a new directory")
        count = WRITERS[to](samples, folder)
        if store.place.exists(store.samples):
            write_whole(folder / "samples.parquet", store.place.read(store.samples))
    return count


def _samples(store: Store) -> Iterator[Sample]:
    import zarr

    dataset = ImageDataset(store.root, images=store.images, labels=())
    position = itertools.count()
    for structure in dataset.structures:
        try:
            group = zarr.open_group(store.place.zarr(store.held_name("images", structure)), mode="r")
            labels = {name: arrays.read_label(group, name) for name in arrays.label_names(group)}
        except READING as error:
            raise StoreError(
                f"the images of structure {structure} cannot be read ({error}); first run: czone repair {store.root}"
            ) from error
        for name in labels:
            if not LABEL.fullmatch(name):
                raise StoreError(f"a label of structure {structure} is called {name!r}, which cannot name a file")
        for item in dataset.of_structure(structure):
            record = item["record"]
            key = f"{structure:06d}_{record['image']:04d}"
            # one for all images of a structure, or one for each
            own = {name: values[record["image"] % len(values)] for name, values in labels.items()}
            dy, dx = record["made"]["pixel_size"]
            tables = dataset.tables(next(position))
            yield Sample(key, item["image"][0].numpy(), own, record, (float(dy), float(dx)), tables)


def _json(plain: Any) -> str:
    return json.dumps(plain, ensure_ascii=False)


def _tables_file(sample: Sample, folder: Path) -> None:
    if sample.tables:
        write_whole(folder / f"{sample.key}_tables.json", _json(sample.tables).encode())


def _npz(samples: Iterator[Sample], folder: Path) -> int:
    count = 0
    for sample in samples:
        buffer = io.BytesIO()
        record = _json(sample.record)
        more: dict[str, Any] = {"tables": np.array(_json(sample.tables))} if sample.tables else {}
        np.savez_compressed(buffer, image=sample.image, record=np.array(record), **more, **sample.labels)  # type: ignore[arg-type]
        write_whole(folder / f"{sample.key}.npz", buffer.getvalue())
        count += 1
    return count


def _tiff(samples: Iterator[Sample], folder: Path) -> int:
    count = 0
    for sample in samples:
        write_whole(folder / f"{sample.key}.tif", _tiff_bytes(sample.image, sample))
        for name, values in sample.labels.items():
            write_whole(folder / f"{sample.key}_{name}.tif", _tiff_bytes(_of_tiff(values), sample))
        _tables_file(sample, folder)
        count += 1
    return count


def _of_tiff(values: np.ndarray) -> np.ndarray:
    """`values` in a type that ImageJ's TIFF has; whole numbers that it would round, in 32 bits."""
    if values.dtype.kind == "b" or values.dtype in (np.uint8, np.uint16):
        return values.astype(np.uint8) if values.dtype.kind == "b" else values
    if values.dtype.kind in "iu" and np.abs(values.astype(np.int64)).max(initial=0) > EXACT:
        return values.astype(np.int32)
    return values.astype(np.float32)


def _tiff_bytes(values: np.ndarray, sample: Sample) -> bytes:
    """An ImageJ TIFF, whose pixel size is in nm; of integers of 32 bits, which ImageJ's has not, a plain one."""
    import tifffile

    planes = values if values.ndim == 2 else values.reshape(-1, *values.shape[-2:])
    buffer = io.BytesIO()
    dy, dx = sample.pixel_size
    if planes.dtype == np.int32:
        tifffile.imwrite(buffer, planes, resolution=(1e8 / dx, 1e8 / dy), resolutionunit="CENTIMETER")
        return buffer.getvalue()
    tifffile.imwrite(
        buffer,
        planes,
        imagej=True,
        resolution=(10 / dx, 10 / dy),  # pixels per nm along x and y
        metadata={"unit": "nm", "axes": "YX" if planes.ndim == 2 else "ZYX", "Info": json.dumps(sample.record)},
    )
    return buffer.getvalue()


def _png(samples: Iterator[Sample], folder: Path) -> int:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    count = 0
    for sample in samples:
        black, white = (float(value) for value in np.percentile(sample.image, (0.1, 99.9)))
        span = max(white - black, 1e-12)
        told = PngInfo()
        told.add_text("black", repr(black))
        told.add_text("white", repr(white))
        told.add_text("scale", "linear; value = black + (white - black) * grey / 255; 0.1 % are cut at either end")
        told.add_text("pixel_size", f"{sample.pixel_size[0]!r} {sample.pixel_size[1]!r} (y, x, in angstrom)")
        grey = np.clip((sample.image - black) / span * 255, 0, 255).round().astype(np.uint8)
        _png_file(Image.fromarray(grey), folder / f"{sample.key}.png", told)
        if "mask" in sample.labels:
            mask = (sample.labels["mask"] > 0).astype(np.uint8) * 255
            _png_file(Image.fromarray(mask), folder / f"{sample.key}_mask.png", None)
        _tables_file(sample, folder)
        count += 1
    return count


def _png_file(picture: Any, path: Path, told: Any) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", pnginfo=told)
    write_whole(path, buffer.getvalue())


def _hdf5(samples: Iterator[Sample], folder: Path) -> int:
    try:
        import h5py
    except ImportError as error:
        raise missing_extra("h5py", "hdf5") from error
    count = 0
    partial = folder / ".dataset.h5.partial"
    with h5py.File(partial, "w") as file:
        for sample in samples:
            group = file.create_group(sample.key)
            for name, values in {"image": sample.image, **sample.labels}.items():
                group.create_dataset(name, data=values, compression="gzip", shuffle=True)
            if sample.tables:  # too long for an attribute
                group.create_dataset("tables", data=_json(sample.tables), dtype=h5py.string_dtype())
            group.attrs["pixel_size"] = sample.pixel_size
            group.attrs["record"] = _json(sample.record)
            count += 1
    partial.replace(folder / "dataset.h5")
    return count


def _webdataset(samples: Iterator[Sample], folder: Path) -> int:
    count = 0
    for number, shard in itertools.groupby(enumerate(samples), key=lambda pair: pair[0] // SHARD):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for _, sample in shard:
                for name, values in {"image": sample.image, **sample.labels}.items():
                    array = io.BytesIO()
                    np.save(array, np.ascontiguousarray(values), allow_pickle=False)
                    _member(tar, f"{sample.key}.{name}.npy", array.getvalue())
                if sample.tables:
                    _member(tar, f"{sample.key}.tables.json", _json(sample.tables).encode())
                _member(tar, f"{sample.key}.json", _json(sample.record).encode())
                count += 1
        write_whole(folder / f"{number:06d}.tar", buffer.getvalue())
    return count


def _member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)  # its time and owner stay zero: the same data give the same file
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


WRITERS: dict[str, Callable[[Iterator[Sample], Path], int]] = {
    "npz": _npz,
    "tiff": _tiff,
    "png": _png,
    "hdf5": _hdf5,
    "webdataset": _webdataset,
}

"""Datasets whose files were tampered with: read as they are or refused with a message; nothing outside is opened."""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest

from construction_zone.dataset import ImageDataset
from construction_zone.dataset.generate import generate
from construction_zone.dataset.records import sealed
from construction_zone.dataset.repair import repair
from construction_zone.dataset.stages import read_atoms, read_waved
from construction_zone.dataset.store import STAGES, Store
from construction_zone.dataset.summary import summary
from construction_zone.dataset.verify import verify
from construction_zone.errors import ConstructionZoneError, StoreError

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "tests" / "recovery" / "tiny.yaml"
HOSTILE = [
    None, True, -1, 0, 1, 3, 10**6, 10**12, 2**63, 1e300, "", "x", "../../../../etc/passwd", "/etc/passwd",
    "file:///etc/passwd", "..", "\x00", "c/../../x", [], {}, [[]], [-1], [0, 0, 0], [10**6] * 3, [10**12] * 3,
    ["a"], {"a": 1}, "object", "float64", "complex128", "string", "variable_length_utf8", "vlen-bytes",
    "numcodecs.pickle", "numcodecs.json2", "gzip", "zstd", "NaN", {"name": "numcodecs.pickle", "configuration": {}},
    {"name": "vlen-utf8"}, {"name": "sharding_indexed"},
]  # fmt: skip
opened: list[str] | None = None

# numpy says so of a fill value that no float32 holds; the arrays are read, and verify tells the damage
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")


def _note(event, arguments):
    if opened is not None and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        opened.append(os.fsdecode(arguments[0]))


sys.addaudithook(_note)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    out = tmp_path_factory.mktemp("fuzz") / "dataset"
    generate(RECIPE, out, count=2, workers=1, progress=False)
    return out


def use(root):
    """Read all of a dataset in every way there is."""
    store = Store(root)
    summary(root)
    for index in store.indices():
        store.record(index)
        read_atoms(store, index)
        read_waved(store, index).waves.numpy()
    images = ImageDataset(root)
    for part in (images, *images.split((0.5, 0.5))):
        for index in range(min(len(part), 8)):
            part[index]


def tampered(data, name, rng):
    """`data` with something changed: any bytes, or what a JSON file says."""
    if name.endswith(".json") and rng.random() < 0.8:
        tree = json.loads(data)
        places: list = []

        def walk(value):
            for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
                places.append((value, key))
                walk(value[key])

        walk(tree)
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = rng.choice(HOSTILE)
        # a seal tells damage, and whoever tampers on purpose can put a new one
        return sealed(tree) if "seal" in tree and rng.random() < 0.7 else json.dumps(tree).encode()
    if rng.random() < 0.3:
        return data[: rng.randrange(len(data) + 1)]
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def tried(root, name, data):
    """Use the dataset with another file in it; what came of it, or the fault that it showed."""
    global opened
    path = root / name
    before = path.read_bytes()
    path.write_bytes(data)
    opened = []
    try:
        use(root)
        ending = "read"
    except ConstructionZoneError as error:
        ending = "refused" if str(error).strip() else "refused without a word"
    except Exception as error:
        ending = f"{type(error).__name__}: {str(error)[:150]}"
    finally:
        path.write_bytes(before)
        outside = [place for place in opened if not _may_open(place, root)]
        opened = None
    return f"opened {outside[0]}" if outside else ending


def _may_open(place, root):
    real = os.path.realpath(place)
    code = (
        os.path.realpath(root),
        sys.prefix,
        sys.base_prefix,
        str(Path(__file__).parents[2]),
        "/proc",
        "/sys",
        "/dev",
    )
    return real.startswith(tuple(os.path.realpath(folder) for folder in code))


def faults(dataset, folder, number, seed):
    """Faults that so many changes showed, by file, and how the rest ended."""
    root = shutil.copytree(dataset, folder / "copy")
    names = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())
    names = [name for name in names if name not in (".lock", "log.txt")]
    found, bad = Counter(), {}
    for index in range(number):
        rng = random.Random(f"{seed}:{index}")
        name = names[index % len(names)]
        ending = tried(root, name, tampered((root / name).read_bytes(), name, rng))
        found[ending if ending in ("read", "refused") else "fault"] += 1
        if ending not in ("read", "refused"):
            bad[f"{name} #{index}"] = ending
    return found, bad


@pytest.fixture(autouse=True)
def little_memory():
    """A shape that was made up must not fill the machine: 6 GB of addresses beyond what there are."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 6_000_000_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def test_the_dataset_is_read_when_nothing_is_changed(dataset):
    use(dataset)


def test_some_changes(dataset, tmp_path):
    found, bad = faults(dataset, tmp_path, 150, seed=0)
    assert bad == {}
    assert found["refused"] > 30


@pytest.mark.slow
def test_many_changes(dataset, tmp_path):
    found, bad = faults(dataset, tmp_path, 3000, seed=1)
    print(dict(found))
    assert bad == {}


@pytest.mark.parametrize("stage", STAGES)
def test_a_name_that_leads_outside_is_refused(dataset, tmp_path, stage):
    root = shutil.copytree(dataset, tmp_path / "copy")
    (tmp_path / "outside").write_text("secret")
    record = root / f"records/{stage}/000/000001.json"
    told = json.loads(record.read_bytes())
    told["files"] = {"../outside": "0" * 64}
    record.write_bytes(sealed(told))
    with contextlib.suppress(StoreError):
        assert verify(root)
    with contextlib.suppress(StoreError):
        repair(root)
    assert (tmp_path / "outside").read_text() == "secret"

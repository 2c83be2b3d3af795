"""Learning on data whose answer is plain to see."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from ase import Atoms

from construction_zone import learn
from construction_zone.dataset import ImageDataset
from construction_zone.dataset.compose import Built
from construction_zone.dataset.stages import Imaged, Waved, keep_built, keep_images, keep_waves
from construction_zone.dataset.store import Store
from construction_zone.errors import InvalidInput, StoreError
from construction_zone.learn.model import standardised
from construction_zone.learn.train import _augmented
from construction_zone.simulate import ExitWaves

SMALL = learn.Architecture(channels=(8, 16, 32), units=2)


def discs_in_noise(root, structures=4, each=2, shape=(48, 40)):
    """A stored dataset of `each` images of each of `structures` bright discs."""
    store = Store(root)
    store.prepare()
    y, x = np.indices(shape)
    for index in range(structures):
        rng = np.random.default_rng(index)
        cy, cx, r = rng.uniform(14, 26), rng.uniform(14, 26), rng.uniform(6, 10)
        mask = (y - cy) ** 2 + (x - cx) ** 2 < r**2
        images = 100 + 30 * mask + rng.normal(0, 5, (each, *shape))
        atoms = Atoms("Au", positions=[[0, 0, index]], cell=[10, 10, 10])
        keep_built(store, index, Built(atoms, (), {}, {}, 0))
        keep_waves(
            store, index, Waved(ExitWaves(torch.ones(1, 4, 4, dtype=torch.complex64), (1.0, 1.0), 300e3, 10.0), 0)
        )
        keep_images(
            store,
            index,
            Imaged(
                images=images.astype(np.float32),
                pixel_size=(0.2, 0.2),
                records=[{"drawn": {}, "seeds": {}, "made": {}}] * each,
                labels={"mask": mask[None].astype(np.uint8)},
                made={"pixel_size": [0.2, 0.2]},
            ),
        )
    return ImageDataset(root)


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def discs(tmp_path_factory):
    return discs_in_noise(tmp_path_factory.mktemp("discs"))


def trained(discs, out, **changed):
    options = {"epochs": 1, "batch_size": 2, "learning_rate": 3e-2, "architecture": SMALL, "progress": False} | changed
    return learn.train(discs, out, **options)


def test_it_learns_to_see_bright_discs(discs, tmp_path):
    run = trained(discs, tmp_path / "run", epochs=10)
    assert run.history[-1].dice > 0.9
    assert run.history[-1].loss < run.history[0].loss

    network = learn.load(run.out / "model.pt")
    unseen = ImageDataset(discs.root, structures=run.unseen)
    assert len(unseen) == 2
    assert np.mean(learn.evaluate(network, unseen)) == pytest.approx(run.history[-1].dice, abs=1e-6)

    history = json.loads((run.out / "history.json").read_text())
    assert [h["epoch"] for h in history] == list(range(1, 11))
    assert history[-1]["dice"] == run.history[-1].dice
    split = json.loads((run.out / "split.json").read_text())
    assert sorted(split["seen"] + split["unseen"]) == [0, 1, 2, 3]
    assert sorted(p.name for p in run.out.iterdir()) == ["history.json", "model.pt", "split.json"]


def test_a_seed_gives_the_same_network_and_leaves_torch_alone(discs, tmp_path):
    state = torch.get_rng_state()
    runs = [trained(discs, tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))]
    assert torch.equal(state, torch.get_rng_state())
    a, b, c = (learn.load(run.out / "model.pt").state_dict() for run in runs)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)
    assert runs[0].history == runs[1].history


def test_no_structure_is_on_both_sides_of_a_split():
    structures = [0, 0, 1, 1, 2, 5, 5, 7, 9, 11]
    seen, unseen = learn.split(structures, 0.25, seed=2)
    assert not set(seen) & set(unseen)
    assert set(seen) | set(unseen) == set(structures)
    assert len(unseen) == 2
    assert learn.split(structures, 0.25, seed=2) == (seen, unseen)
    assert {tuple(learn.split(structures, 0.25, seed=s)[1]) for s in range(8)} != {tuple(unseen)}
    assert [len(part) for part in learn.split([3, 4], 0.01)] == [1, 1]
    assert [len(part) for part in learn.split([3, 4], 0.99)] == [1, 1]


def test_one_structure_cannot_be_split(tmp_path):
    with pytest.raises(InvalidInput, match="at least 2"):
        trained(discs_in_noise(tmp_path / "one", structures=1), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "bad", [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"crop": 0}, {"unseen": 1.0}, {"epochs": 1.5}]
)
def test_settings_without_meaning_are_refused(discs, tmp_path, bad):
    with pytest.raises(InvalidInput, match=f"{next(iter(bad))} is"):
        trained(discs, tmp_path / "run", **bad)


def test_a_folder_that_cannot_be_made_is_named(discs, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        trained(discs, tmp_path / "file" / "run")


@pytest.mark.parametrize("device", ["abacus", "mtia"])
def test_a_device_that_is_not_there_is_refused(discs, tmp_path, device):
    with pytest.raises(InvalidInput, match="use 'cpu'"):
        trained(discs, tmp_path / "run", device=device)
    assert not (tmp_path / "run").exists()


def test_dice_by_hand():
    a, b = np.zeros((4, 4)), np.zeros((4, 4))
    assert learn.dice(a, b) == 1
    a[0], b[0, :2] = 1, 7
    assert learn.dice(a, b) == pytest.approx(2 * 2 / (4 + 2))
    assert learn.dice(a, 1 - a) == 0
    with pytest.raises(InvalidInput, match="one shape"):
        learn.dice(a, b[:2])


def test_each_image_is_standardised_on_its_own():
    images = torch.tensor(np.random.default_rng(0).normal(5, 3, (2, 1, 16, 12)), dtype=torch.float32)
    images[1] *= 100
    done = standardised(images)
    torch.testing.assert_close(done.mean(dim=(-2, -1)), torch.zeros(2, 1), atol=1e-5, rtol=0)
    torch.testing.assert_close(done.std(dim=(-2, -1), correction=0), torch.ones(2, 1))
    torch.testing.assert_close(standardised(images * 7 - 2), done, atol=1e-4, rtol=1e-4)
    assert not standardised(torch.full((1, 4, 4), 3.0)).any()


def test_image_and_mask_move_together_in_all_eight_ways():
    picture = torch.arange(20.0).reshape(1, 4, 5)
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(1500):
        image, mask = _augmented(torch.cat([picture, picture + 100]), 2, rng)
        assert torch.equal(mask, image + 100)
        seen.add(tuple(image.flatten().tolist()))
    assert len(seen) == 8 * 3 * 4


def test_the_network_takes_images_of_any_size():
    network = learn.unet(learn.Architecture(channels=(4, 4, 4, 4), units=1)).eval()
    for shape in [(1, 1), (7, 16), (33, 50)]:
        assert network(torch.zeros(2, 1, *shape)).shape == (2, 1, *shape)


def test_a_model_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="no model"):
        learn.load(tmp_path / "model.pt")
    (tmp_path / "model.pt").write_bytes(b"not a model")
    with pytest.raises(InvalidInput, match="not a model"):
        learn.load(tmp_path / "model.pt")
    torch.save({"format": "something else"}, tmp_path / "model.pt")
    with pytest.raises(InvalidInput, match="not a model"):
        learn.load(tmp_path / "model.pt")


def test_a_model_without_monai_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "monai.networks.nets.unet", None)
    with pytest.raises(ImportError, match=r"construction-zone\[learn\]"):
        learn.unet()

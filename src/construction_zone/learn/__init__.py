"""Segmentation models trained and judged on datasets. Needs the extra ``learn``."""

from construction_zone.learn.evaluate import dice, evaluate
from construction_zone.learn.model import Architecture, Segmenter, load, save, unet
from construction_zone.learn.train import Epoch, Training, split, train

__all__ = [
    "Architecture",
    "Epoch",
    "Segmenter",
    "Training",
    "dice",
    "evaluate",
    "load",
    "save",
    "split",
    "train",
    "unet",
]

"""Datasets: a recipe, what is made of it, where it is kept, and how it is read.

>>> from construction_zone.dataset import ImageDataset, generate, recipe
>>> report = generate.generate("recipes/gold_on_carbon.yaml", "data", count=100)
>>> example = ImageDataset("data")[0]
"""

from construction_zone.dataset import generate, recipe, store
from construction_zone.dataset.fresh import FreshImageDataset
from construction_zone.dataset.loader import ImageDataset, collate
from construction_zone.dataset.recipe import Recipe

__all__ = ["FreshImageDataset", "ImageDataset", "Recipe", "collate", "generate", "recipe", "store"]

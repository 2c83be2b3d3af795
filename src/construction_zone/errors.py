"""What the package raises.

Everything derives from `ConstructionZoneError`, so that one `except` catches all of it; each class also derives
from the built-in exception that a Python user expects (`ValueError`, `RuntimeError`, …).
"""


class ConstructionZoneError(Exception):
    """Base of every error that the package raises on purpose."""


class InvalidInput(ConstructionZoneError, ValueError):
    """A value from outside is wrong. The message says what was given, what is wanted, and what to do."""


class StructureFileError(InvalidInput):
    """A structure file is missing, broken, or of no known format."""


class RecipeError(InvalidInput):
    """A recipe does not describe a dataset that can be made. Lists each field by its path."""


class SceneError(InvalidInput):
    """A scene cannot be realised: atoms outside the cell, atoms on top of each other, a zone that cannot be filled."""


class GridError(InvalidInput):
    """A wave grid is too coarse for the energy or too large for the memory."""


class StoreError(ConstructionZoneError, RuntimeError):
    """A dataset directory cannot be used: it holds another recipe's data, is locked, or cannot be written."""


class MissingExtra(ConstructionZoneError, ImportError):
    """An optional package is not installed. The message names the extra that brings it."""


def missing_extra(package: str, extra: str) -> MissingExtra:
    """The error to raise when the optional `package` of the extra `extra` cannot be imported."""
    return MissingExtra(
        f"this needs {package}, which is not installed; install it with: pip install 'construction-zone[{extra}]'"
    )

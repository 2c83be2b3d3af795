"""The `czone` command."""

from construction_zone.cli.run import main

__all__ = ["main"]

"""Which of a recipe's structures one call makes: a range of their numbers, or one of several equal parts."""

from __future__ import annotations

import re

from construction_zone.errors import InvalidInput

RANGE = re.compile(r"(\d*):(\d*)", re.ASCII)
PART = re.compile(r"(\d+)/(\d+)", re.ASCII)


def portion(asked: range | str | None, count: int) -> range:
    """The numbers of the structures that are asked for, of a recipe with `count`.

    `asked` is a range; a text ``"A:B"``, from A up to and without B, either of which may be left out; or ``"K/N"``,
    the K-th of N parts, counted from 1, which follow each other, have no structure in common, leave none out, and
    differ in size by one at most. None asks for all. Raises `InvalidInput` if it is empty or goes beyond `count`.
    """
    if asked is None:
        return range(count)
    numbers = _read(asked, count) if isinstance(asked, str) else asked
    if not isinstance(numbers, range) or numbers.step != 1 or numbers.start < 0:
        raise InvalidInput(f"structures is {asked!r}; give a range of step 1 that begins at 0 or above")
    if not numbers:
        raise InvalidInput(f"structures {asked} are none; the end is not among them, so give one above the start")
    if numbers.stop > count:
        raise InvalidInput(
            f"structures up to {numbers.stop - 1} are asked for, the recipe makes 0 to {count - 1}; "
            f"ask for fewer, or give count {numbers.stop} too"
        )
    return numbers


def _read(text: str, count: int) -> range:
    if found := RANGE.fullmatch(text):
        start, stop = found.groups()
        return range(int(start or 0), int(stop) if stop else count)
    if found := PART.fullmatch(text):
        number, parts = int(found[1]), int(found[2])
        if not 1 <= number <= parts:
            raise InvalidInput(f"part {text} is none of 1/{parts} to {parts}/{parts}")
        if parts > count:
            raise InvalidInput(f"{parts} parts of {count} structures leave some without any; give {count} at most")
        return range(count * (number - 1) // parts, count * number // parts)
    raise InvalidInput(f"structures {text!r} cannot be read; give A:B such as 100:200, or a part K/N such as 3/50")

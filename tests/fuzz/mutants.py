"""Recipe files that are damaged, nonsensical or hostile, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))

SCALARS: list[Any] = [
    0, -1, 1, 2, 0.5, 1e-300, 1e300, -1e300, 10**30, -(10**30), 2**63, 2**64, float("nan"), float("inf"),
    float("-inf"), None, True, False, "", " ", "~", "null", "random", "C", "fcc Au", "300e3", "1e999", "0x10",
    "1_000", "é☃\u202e", "../../../etc/passwd", "/dev/zero", "/dev/random", "/proc/self/mem", "\x00", "a" * 5000,
    "uniform", "choice", [], {}, [[]], [None], [1, 2], [2, 1], [1, 2, 3], [0, 0, 0], ["a", "b"], {"uniform": [1,
    2]}, {"uniform": [2, 1]}, {"uniform": "12"}, {"uniform": [1]}, {"normal": [0, -1]}, {"normal": [1e308, 1e308]},
    {"choice": []}, {"choice": [1, "a", None]}, {"integers": [0, 10**9]}, {"integers": [1.5, 2]}, {"choice":
    list(range(2000))}, {"loguniform": [0, 1]}, {"grid": [1, 2, 3]}, {"grid": []}, {"sweep": [1, 2]}, {1: 2}, {None:
    None}, {"": {"": {}}},
]  # fmt: skip
"""What takes the place of a value."""

TEXTS = [
    "!!python/object/apply:os.system ['touch owned']",
    "!!python/name:os.system",
    "!!python/object/new:type [x, [], {}]",
    "!!binary aGVsbG8=",
    "!!set {a, b}",
    "!!timestamp 2001-12-14",
    "!!omap [a: 1]",
    "!unknown 1",
    "&a [*a]",
    "*undefined",
    "2001-13-45",
    "1:30:00",
    "0o777",
    "0b1",
    "1e1000000000",
    "9" * 4400,
    "." * 100,
    "[" * 200,
    "{" * 200,
    "[" * 60 + "]" * 60,
    "- " * 300,
    "? ",
    "|\n  text",
    ">-\n\n\n",
    "'unclosed",
    '"\\uD800"',
    "%YAML 9.9",
    "--- 1\n--- 2",
    "<<: {a: 1}",
    "<<: *base",
    "\t",
    "#",
]
"""YAML that takes the place of a line's value."""


def grounds() -> list[bytes]:
    """What is mutated: the ready recipes, as they stand and with every default spelt out."""
    from construction_zone.dataset.recipe import load

    return [path.read_bytes() for path in RECIPES] + [load(path).text().encode() for path in RECIPES]


def mutants(number: int, seed: int = 0) -> Iterator[bytes]:
    """`number` files: first whole files made up to hurt, then recipes with one to four changes."""
    yield from _made_up()[:number]
    texts = grounds()
    for index in range(len(_made_up()), number):
        rng = random.Random(f"{seed}:{index}")
        text = rng.choice(texts)
        for _ in range(rng.choice([1, 1, 1, 2, 4])):
            text = rng.choice([_bytes, _lines, _values, _tree, _tree, _tree, _tree])(text, rng)
        yield text


def _made_up() -> list[bytes]:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    keys = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: *a{i - 1}, k{i}: *a{i - 1}}}\n" for i in range(1, 60))
    deep = 20_000
    return [
        b"", b"\n", b"#", b"null", b"1", b"[]", b"{}", b"version: 1", b"\xff\xfe", b"\xef\xbb\xbfversion: 1",
        bytes(range(256)) * 40, "version: 1".encode("utf-16"), b"\x00" * 10_000, b"\x7fELF" + bytes(1000),
        bomb.encode(), keys.encode(), b"[" * deep, b"{a: " * deep, b"[" * deep + b"]" * deep, b"- " * deep,
        b"a:\n" + b"".join(b" " * i + b"a:\n" for i in range(1, 800)), b"version: 1\n" * 50_000, b"x" * 2_000_000,
        b"cell: [" + b"1," * 200_000 + b"1]", b"version: &v [*v]", b"? [a, b]\n: c", b"? {a: b}\n: c", b"1: 2\n2: 3",
        b"&a a: *a", b"a: !!python/object/apply:os.system ['touch owned']", b"version: 1\x00", b"\x1b[2J", b"---\n",
        b"version: " + b"9" * 500_000, b"seed: 1" + b"0" * 5000, b"version: 1\ncell: .inf", b"'" * 999,
        b'"\\x' * 999,
    ]  # fmt: skip


def _bytes(text: bytes, rng: random.Random) -> bytes:
    data = bytearray(text)
    for _ in range(rng.randint(1, 6)):
        if not data:
            break
        place = rng.randrange(len(data))
        match rng.randrange(5):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
            case 2:
                del data[place : place + rng.randint(1, 40)]
            case 3:
                data[place:place] = data[place : place + rng.randint(1, 80)]
            case 4:
                data[place] = ord(rng.choice("{}[]:,&*!|>'\"%@`#-? \n\t0"))
    return bytes(data)


def _lines(text: bytes, rng: random.Random) -> bytes:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            lines[a], lines[b] = lines[b], lines[a]
        case 1:
            del lines[min(a, b) : max(a, b)]
        case 2:
            lines.insert(a, lines[b])
        case 3:
            lines[a] = b" " * rng.randint(1, 9) + lines[a]
    return b"".join(lines)


def _values(text: bytes, rng: random.Random) -> bytes:
    lines = text.split(b"\n")
    there = [i for i, line in enumerate(lines) if b":" in line]
    if not there:
        return text
    index = rng.choice(there)
    key = lines[index].partition(b":")[0]
    lines[index] = key + b": " + rng.choice(TEXTS).encode("utf-8", "surrogatepass")
    return b"\n".join(lines)


def _tree(text: bytes, rng: random.Random) -> bytes:
    try:
        tree = yaml.safe_load(text)
    except Exception:
        return text
    places = list(_places(tree))
    if not places:
        return text
    holder, key = rng.choice(places)
    match rng.randrange(7):
        case 6 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * rng.uniform(0.5, 2)
        case 0:
            del holder[key]
        case 1:
            other, its = rng.choice(places)
            holder[key] = other.get(its) if isinstance(other, dict) else (other[its] if its < len(other) else None)
        case 2 if isinstance(holder, dict):
            holder[rng.choice([f"{key}s", str(key)[:-1], str(key).upper(), 7, "", "__class__", "model_config"])] = 1
        case 3:
            for _ in range(rng.choice([1, 60])):
                holder[key] = [holder[key]] if rng.random() < 0.5 else {"choice": [holder[key]]}
        case 4 if isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            holder[key] = holder[key] * rng.choice([-1, 0, 1e-9, 1e9, 1 + 1e-9, 3, 10**20])
        case _:
            holder[key] = rng.choice(SCALARS)
    try:
        return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
    except Exception:  # a tree that holds itself by now
        return text


def _places(tree: Any, depth: int = 0) -> Iterator[tuple[Any, Any]]:
    keys: Any = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        if depth < 8:
            yield from _places(tree[key], depth + 1)

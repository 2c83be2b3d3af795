"""The JSON texts that a dataset keeps, and the seal by which damage to one is found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from construction_zone.dataset.files import digest

FORMAT = 2
"""Of the directory; 1 was that of version 0.1."""


def text_of(value: Mapping[str, Any]) -> bytes:
    """`value` as the JSON text that is kept of it, the same for equal values."""
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def content_of(hashes: Mapping[str, str]) -> str:
    """One hash for files that have these."""
    return digest(json.dumps(sorted(hashes.items())).encode())


def sealed(record: Mapping[str, Any]) -> bytes:
    """The text of a record with a hash of all the rest in it, by which damage is found."""
    bare = {key: value for key, value in record.items() if key != "seal"}
    return text_of({**bare, "seal": digest(text_of(bare))})


def unsealed(text: bytes) -> dict[str, Any] | None:
    """The record that `sealed` gave as `text`; None if any of it is not as it was."""
    try:
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) and sealed(record) == text else None


def files_of(record: Mapping[str, Any]) -> dict[str, str]:
    """Names and hashes of the files that a record tells of; none if it is not of that form."""
    files = record.get("files")
    return {n: h for n, h in files.items() if isinstance(h, str)} if isinstance(files, dict) else {}


def stage_text(
    stage: str, index: int, record: Mapping[str, Any], hashes: Mapping[str, str], measured: Mapping[str, Any]
) -> bytes:
    """The text of the record of a stage: `record`, the hashes of its files, and what was measured."""
    from construction_zone import __version__

    content = {stage: content_of(hashes), **record.get("content", {})}
    rest = {key: value for key, value in record.items() if key != "content"}
    own = {"format": FORMAT, "stage": stage, "structure": index, "version": __version__}
    return sealed({**own, **rest, "files": dict(hashes), "content": content, "measured": dict(measured)})


GROUP = text_of({"attributes": {}, "zarr_format": 3, "node_type": "group"})
"""``zarr.json`` of a group without attributes."""

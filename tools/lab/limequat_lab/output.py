"""Results on standard output: JSON for programs, a table for people."""

import json
from collections.abc import Mapping, Sequence

_GAP = "  "


def as_json(result: object) -> str:
    return json.dumps(result, indent=2)


def as_table(result: Mapping[str, object]) -> str:
    """Plain values a line each, then each list of objects as a table with the keys of its first one."""
    lines = [f"{_words(key)}: {_cell(value)}" for key, value in result.items() if not _is_table(value)]
    for key, value in result.items():
        if _is_table(value):
            lines += ["", _words(key).upper(), *_rows(value)]  # type: ignore[arg-type]
    return "\n".join(lines)


def _rows(objects: Sequence[Mapping[str, object]]) -> list[str]:
    keys = list(objects[0])
    cells = [[_words(key) for key in keys]] + [[_cell(entry.get(key)) for key in keys] for entry in objects]
    widths = [max(len(row[column]) for row in cells) for column in range(len(keys))]
    return [_GAP.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in cells]


def _is_table(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _cell(value: object) -> str:
    """A value in a few words; of an object its first one, which names it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None | "":
            return "-"
        case list():
            return ", ".join(_cell(item) for item in value) or "-"
        case Mapping():
            return _cell(next(iter(value.values()), None))
    return str(value)


def _words(key: str) -> str:
    return key.replace("_", " ")

"""Reads the YAML that the command writes: block style, quoted or plain scalars.  For tests only."""

import re
from typing import Any

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v"}
_ESCAPE = re.compile(r'\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))')
_KEY = re.compile(r'("(?:[^"\\]|\\.)*"|[A-Za-z][\w.-]*): ?(.*)\Z')


def load(text: str) -> Any:
    lines = [(len(line) - len(line.lstrip(" ")), line.lstrip(" ")) for line in text.splitlines()]
    if len(lines) == 1 and not _KEY.match(lines[0][1]) and not lines[0][1].startswith("- "):
        return _scalar(lines[0][1])
    value, rest = _block(lines)
    if rest:
        raise ValueError(f"left over: {rest[0]}")
    return value


def _block(lines: list[tuple[int, str]]) -> tuple[Any, list[tuple[int, str]]]:
    indent, first = lines[0]
    if first.startswith("- "):
        items = []
        while lines and lines[0][0] == indent and lines[0][1].startswith("- "):
            inner = lines[0][1][2:]
            if _KEY.match(inner) or inner.startswith("- "):
                lines = [(indent + 2, inner), *lines[1:]]
                item, lines = _block(lines)
            else:
                item, lines = _scalar(inner), lines[1:]
            items.append(item)
        return items, lines
    members: dict[str, Any] = {}
    while lines and lines[0][0] == indent and not lines[0][1].startswith("- "):
        match = _KEY.match(lines[0][1])
        if not match:
            raise ValueError(lines[0][1])
        key, lines = _scalar(match[1]), lines[1:]
        if match[2]:
            members[key] = _scalar(match[2])
        else:
            members[key], lines = _block(lines)
    return members, lines


def _scalar(text: str) -> Any:
    if text.startswith('"'):
        return _ESCAPE.sub(_unescape, text[1:-1])
    known = {"true": True, "false": False, "~": None, "[]": [], "{}": {}}
    if text in known:
        return known[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def _unescape(match: re.Match[str]) -> str:
    digits = match[1] or match[2] or match[3]
    return chr(int(digits, 16)) if digits else _ESCAPES[match[4]]

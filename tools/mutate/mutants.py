"""Mutants of a source file: each changes one check so that it guards less, or otherwise."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from cpp import Code

_NEIGHBOURS = {"==": ("!=",), "!=": ("==",), "<": ("<=",), "<=": ("<",), ">": (">=",), ">=": (">",)}
_COMPARISONS = tuple(_NEIGHBOURS)
# An assertion about this program's own values is no check of input.
_OWN_ASSERTIONS = ("LQ_CHECK", "static_assert")


@dataclass(frozen=True)
class Mutant:
    """`text` is the whole file; `before` and `after` are the lines that differ, joined by a blank."""

    kind: str
    line: int
    before: str
    after: str
    diff: str
    text: str


@dataclass(frozen=True)
class Change:
    kind: str
    start: int
    end: int
    new: str


def mutants_of(text: str, path: str) -> list[Mutant]:
    """All mutants, in the order of their places, none twice.  ValueError for text that is no C++."""
    code = Code(text)
    excluded = list(_excluded(code))
    found: dict[str, Mutant] = {}
    changes = [change for finder in _FINDERS for change in finder(code)]
    for change in sorted(changes, key=lambda one: (one.start, one.end, one.kind, one.new)):
        if any(start <= change.start and change.end <= end for start, end in excluded):
            continue
        mutated = text[: change.start] + change.new + text[change.end :]
        if mutated != text and mutated not in found:
            found[mutated] = _mutant(code, path, change, mutated)
    return list(found.values())


def _mutant(code: Code, path: str, change: Change, mutated: str) -> Mutant:
    diff = list(difflib.unified_diff(code.text.splitlines(), mutated.splitlines(), path, path, n=0, lineterm=""))[2:]
    before = " ".join(line[1:].strip() for line in diff if line.startswith("-"))
    after = " ".join(line[1:].strip() for line in diff if line.startswith("+"))
    return Mutant(change.kind, code.line(change.start), before, after, "\n".join(diff), mutated)


def _excluded(code: Code) -> Iterator[tuple[int, int]]:
    for place in range(len(code.tokens)):
        if code.is_word(place, *_OWN_ASSERTIONS) and code.is_sign(place + 1, "("):
            yield code.span(place, code.partner[place + 1])


def _conditions(code: Code) -> Iterator[tuple[str, int, int]]:
    """The word in front and the first and last token of the condition of each `if` and `while`.

    What an `if` declares in front of a ';' is not part of it.
    """
    for place in range(len(code.tokens)):
        if not code.is_word(place, "if", "while") or not code.is_sign(place + 1, "("):
            continue
        first, last = place + 2, code.partner[place + 1] - 1
        for inner in code.at_this_level(first, last):
            if code.is_sign(inner, ";"):
                first = inner + 1
        if first <= last:
            yield code.tokens[place].text, first, last


def _declared(code: Code, first: int, last: int) -> str | None:
    """The name that a condition of the form `T name = value` declares."""
    for place in code.at_this_level(first, last):
        if code.is_sign(place, "="):
            return code.tokens[place - 1].text
    return None


def _is_equality(code: Code, first: int, last: int) -> bool:
    """`a == b` and nothing more: to negate it is to replace the comparison."""
    signs = [code.tokens[place].text for place in code.at_this_level(first, last)
             if code.is_sign(place, "&&", "||", "?", *_COMPARISONS) and code.has_blanks_around(place)]
    return signs in (["=="], ["!="])


def _conditions_changed(code: Code) -> Iterator[Change]:
    for word, first, last in _conditions(code):
        start, end = code.span(first, last)
        condition = code.text[start:end]
        name = _declared(code, first, last)
        if name is None and not _is_equality(code, first, last):
            yield Change("negated", start, end, f"!({condition})")
        elif name is not None and word == "if":
            yield Change("negated", start, end, f"{condition}; !({name})")
        if word != "if":
            continue
        # The condition is still evaluated: only what follows from it is gone.
        never = f"({condition}) && false" if name is None else f"{condition}; ({name}) && false"
        yield Change("dropped", start, end, never)


def _choices_changed(code: Code) -> Iterator[Change]:
    for place in range(len(code.tokens)):
        if code.is_sign(place, "?"):
            first = code.operand(place, -1)
            start, end = code.span(first, place - 1)
            if not _is_equality(code, first, place - 1):
                yield Change("negated", start, end, f"!({code.text[start:end]})")


def _returns_changed(code: Code) -> Iterator[Change]:
    """`return a == b;` and the like: a predicate that says the opposite."""
    for place in range(len(code.tokens)):
        if not code.is_word(place, "return"):
            continue
        last = code.operand(place, 1)
        signs = [inner for inner in code.at_this_level(place + 1, last) if code.is_sign(inner, "&&", "||", "!", *_COMPARISONS)]
        spaced = [inner for inner in signs if code.is_sign(inner, "!") or code.has_blanks_around(inner)]
        if spaced and code.is_sign(last + 1, ";") and not _is_equality(code, place + 1, last):
            start, end = code.span(place + 1, last)
            yield Change("negated", start, end, f"!({code.text[start:end]})")


def _comparisons_changed(code: Code) -> Iterator[Change]:
    for place in range(len(code.tokens)):
        if code.is_sign(place, *_COMPARISONS) and code.has_blanks_around(place):
            token = code.tokens[place]
            for other in _NEIGHBOURS[token.text]:
                yield Change("compared", token.start, token.end, other)


def _terms_dropped(code: Code) -> Iterator[Change]:
    for place in range(len(code.tokens)):
        if not code.is_sign(place, "&&", "||") or not code.has_blanks_around(place):
            continue
        stops = ("&&", "||") if code.tokens[place].text == "&&" else ("||",)
        left, right = code.operand(place, -1, *stops), code.operand(place, 1, *stops)
        yield Change("term", code.tokens[left].start, code.tokens[place + 1].start, "")
        yield Change("term", code.tokens[place - 1].end, code.tokens[right].end, "")


def _errors_ignored(code: Code) -> Iterator[Change]:
    for place in range(len(code.tokens)):
        if code.is_word(place, "LQ_RETURN_IF_ERROR") and code.is_sign(place + 1, "("):
            token = code.tokens[place]
            yield Change("ignored", token.start, token.end, "static_cast<void>")


def _bounds_moved(code: Code) -> Iterator[Change]:
    for place, token in enumerate(code.tokens):
        if token.kind != "number" or not (_beside_comparison(code, place) or _is_constant(code, place)):
            continue
        digits = token.text.rstrip("uUlLzZ").replace("'", "")
        try:
            value = int(digits, 0)
        except ValueError:      # floating, or octal
            continue
        suffix = token.text[len(token.text.rstrip("uUlLzZ")) :]
        for moved in (value - 1, value + 1):
            if moved >= 0:
                text = hex(moved) if digits.lower().startswith("0x") else str(moved)
                yield Change("bound", token.start, token.end, text + suffix)


def _beside_comparison(code: Code, place: int) -> bool:
    return any(code.is_sign(beside, *_COMPARISONS) and code.has_blanks_around(beside) for beside in (place - 1, place + 1))


def _is_constant(code: Code, place: int) -> bool:
    """`constexpr T kName = NUMBER;`"""
    if not code.is_sign(place - 1, "=") or not code.is_sign(place + 1, ";"):
        return False
    at = place - 1
    while at >= 0 and not code.is_sign(at, ";", "{", "}"):
        if code.is_word(at, "constexpr"):
            return True
        at -= 1
    return False


_FINDERS = (_conditions_changed, _choices_changed, _returns_changed, _comparisons_changed, _terms_dropped, _errors_ignored, _bounds_moved)

"""C++ text as tokens with their places, enough to find conditions without a compiler.

The sources are formatted by clang-format, and that is relied on: a comparison has a blank on both sides, the brackets
of a template have none.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<preprocessor>\#(?:\\\n|[^\n])*)
    |(?P<raw>R"(?P<fence>[^()\\\s]{0,16})\(.*?\)(?P=fence)")
    |(?P<string>"(?:\\.|[^"\\\n])*")
    |(?P<character>'(?:\\.|[^'\\\n])+')
    |(?P<number>\d(?:'?[\w.])*)
    |(?P<word>[A-Za-z_]\w*)
    |(?P<sign><=>|->|<<=|>>=|\.\.\.|::|&&|\|\||==|!=|<=|>=|<<|>>|\+\+|--|[-+*/%&|^]=|.)""",
    re.DOTALL | re.VERBOSE,
)
_NO_CODE = ("space", "comment", "preprocessor")
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int


class Code:
    """The tokens of `text` that are code, and which bracket belongs to which."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = [
            Token(match.lastgroup or "", match.group(), match.start(), match.end())
            for match in _TOKEN.finditer(text)
            if match.lastgroup not in _NO_CODE
        ]
        self.partner: dict[int, int] = {}
        opened: list[int] = []
        for place, token in enumerate(self.tokens):
            if token.kind != "sign":
                continue
            if token.text in _CLOSING:
                opened.append(place)
            elif token.text in _CLOSING.values():
                if not opened or _CLOSING[self.tokens[opened[-1]].text] != token.text:
                    raise ValueError(f"line {self.line(token.start)}: '{token.text}' closes nothing")
                self.partner[place] = opened[-1]
                self.partner[opened.pop()] = place
        if opened:
            raise ValueError(f"line {self.line(self.tokens[opened[-1]].start)}: a bracket is not closed")

    def line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def is_sign(self, place: int, *texts: str) -> bool:
        token = self.tokens[place] if 0 <= place < len(self.tokens) else None
        return token is not None and token.kind == "sign" and token.text in texts

    def is_word(self, place: int, *texts: str) -> bool:
        token = self.tokens[place] if 0 <= place < len(self.tokens) else None
        return token is not None and token.kind == "word" and token.text in texts

    def has_blanks_around(self, place: int) -> bool:
        token = self.tokens[place]
        return self.text[token.start - 1].isspace() and self.text[token.end].isspace()

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Offsets of the text of the tokens `first` to `last`, both included."""
        return self.tokens[first].start, self.tokens[last].end

    def at_this_level(self, first: int, last: int) -> list[int]:
        """Tokens from `first` to `last` that are in no bracket which opens among them."""
        places, place = [], first
        while place <= last:
            places.append(place)
            place = self.partner[place] if self.is_sign(place, *_CLOSING) else place
            place += 1
        return places

    def _edge(self, place: int, step: int, stops: tuple[str, ...], words: tuple[str, ...]) -> int:
        """The last token of the operand that begins or ends beside `place`."""
        at = place + step
        brackets = tuple(_CLOSING) if step > 0 else tuple(_CLOSING.values())
        ends = tuple(_CLOSING.values()) if step > 0 else tuple(_CLOSING)
        while not (self.is_sign(at, *stops, *ends) or self.is_word(at, *words)):
            if self.is_sign(at, *brackets):
                at = self.partner[at]
            at += step
        return at - step

    def operand(self, place: int, step: int, *stops: str) -> int:
        """The far end of the operand on one side of the operator at `place` (step -1 or 1)."""
        outer = (",", ";", "?", ":", "=", "+=", "-=", "|=", "&=")
        return self._edge(place, step, (*outer, *stops), ("return", "co_return"))

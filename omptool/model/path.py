"""Browse paths and the one glob dialect that selects by them (C1).

A path is browse names joined by `/`; inside a name `/` is written `&/` and `&` is written `&&`. A glob knows `*`
(within one name), `**` (any number of whole names), `?` and `{a,b}`; every other character is literal, `[` and `]`
too, because real servers have brackets in their names. `&` also takes the meaning from `* ? { } ,` in a glob. One
escaper and one matcher serve every command, so a path turned into a glob matches exactly that path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from omptool.errors import UsageError

SPECIAL = frozenset("*?{},")
"""Characters that mean something in a glob and nothing in a path."""


def escape_name(name: str) -> str:
    """One browse name as it stands in a path."""
    return name.replace("&", "&&").replace("/", "&/")


def join(names: Iterable[str]) -> str:
    """Browse names, outermost first, as a path."""
    return "/".join(escape_name(name) for name in names)


def split(path: str) -> tuple[str, ...]:
    """The browse names of a path; `join` undoes it. The empty path has no names."""
    if not path:
        return ()
    names, name, characters = [], "", iter(path)
    for character in characters:
        if character == "&":
            name += next(characters, "&")
        elif character == "/":
            names.append(name)
            name = ""
        else:
            name += character
    return (*names, name)


def glob_of(path: str) -> str:
    """The glob that matches this path and no other."""
    return "".join(f"&{character}" if character in SPECIAL else character for character in path)


class Glob:
    """A compiled path glob.

    Raises:
        UsageError: unbalanced braces, or `**` beside other characters in one name.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._regex = re.compile(_regex(pattern), re.DOTALL)

    def __repr__(self) -> str:
        return f"Glob({self.pattern!r})"

    def matches(self, path: str) -> bool:
        """Whether the whole path matches."""
        return self._regex.fullmatch(path) is not None


def _regex(pattern: str) -> str:
    tokens = _tokens(pattern)
    _check_braces(pattern, tokens)
    return "".join(_translate(pattern, tokens))


def _tokens(pattern: str) -> list[str]:
    """Cut a glob into escaped characters, `**/` and `**` between separators, and single characters."""
    return re.findall(r"&.|\*\*/|\*\*|.|&", pattern, re.DOTALL)


def _check_braces(pattern: str, tokens: list[str]) -> None:
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        if depth < 0:
            raise UsageError(f"glob {pattern!r} closes a brace it never opened", "write &} for a literal brace")
    if depth:
        raise UsageError(f"glob {pattern!r} opens a brace it never closes", "write &{ for a literal brace")


# One character of a name as it stands in a path: an escaped pair, or anything but a separator and a lone escape.
_ONE = r"(?:&.|[^/&])"
_MEANINGS = {
    "**": rf"{_ONE}*(?:/{_ONE}*)*",
    "**/": rf"(?:{_ONE}*/)*",  # also no name at all: a/**/b matches a/b
    "*": rf"{_ONE}*",
    "?": _ONE,
    "{": "(?:",
    "}": ")",
}


def _translate(pattern: str, tokens: list[str]) -> Iterator[str]:
    depth, before = 0, "/"
    for index, token in enumerate(tokens):
        depth += (token == "{") - (token == "}")
        last = index + 1 == len(tokens)
        if token.startswith("**") and not (before.endswith("/") and (token == "**/" or last)):
            raise UsageError(f"glob {pattern!r}: ** stands for whole names only", "write it between slashes: a/**/b")
        if token == "," and depth:
            yield "|"
        else:
            yield _MEANINGS.get(token) or re.escape(_literal(token))
        before = token


def _literal(token: str) -> str:
    """What an escaped pair stands for in a path: `&*` is a star, while `&/` and `&&` stay escaped there."""
    return token[1] if len(token) == 2 and token[1] in SPECIAL else token

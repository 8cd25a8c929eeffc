"""Reads a page of `omptool report` as a browser would, as far as text goes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

_OUTSIDE = {"src", "srcset", "action", "formaction", "data", "poster", "background", "ping", "style"}


class Page(HTMLParser):
    """What is on a page: elements, texts, scripts, styles and what they refer to."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str, str]] = []
        self.styles: list[str] = []
        self.texts: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type") or "", ""))
        if tag == "style":
            self.styles.append("")
        self._inside = tag if tag in ("script", "style") else ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        elif self._inside == "style":
            self.styles[-1] += data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """All texts between elements, one space for any white space."""
        return " ".join(" ".join(self.texts).split())

    @property
    def charts(self) -> list[dict[str, Any]]:
        [data] = [text for kind, text in self.scripts if kind == "application/json"]
        found: list[dict[str, Any]] = json.loads(data)["charts"]
        return found

    @property
    def policy(self) -> dict[str, set[str]]:
        """Directive → sources, of the Content-Security-Policy."""
        [text] = [
            found["content"] or ""
            for tag, found in self.elements
            if tag == "meta" and (found.get("http-equiv") or "").lower() == "content-security-policy"
        ]
        return {words[0]: set(words[1:]) for words in (part.split() for part in text.split(";"))}

    def check(self) -> None:
        """Nothing but the scripts and styles that the policy names, and nothing from elsewhere."""
        policy = self.policy
        assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == {"'none'"}
        assert policy["script-src"] == {_hash(text) for kind, text in self.scripts if not kind}
        assert policy["style-src"] == {_hash(text) for text in self.styles}
        assert set(policy) == {"default-src", "script-src", "style-src", "base-uri", "form-action"}
        for tag, found in self.elements:
            assert tag not in {"iframe", "object", "embed", "base", "link", "img", "form", "input"}, tag
            assert not _OUTSIDE & set(found), (tag, found)
            assert not [name for name in found if name.startswith("on")], (tag, found)
            assert (found.get("href") or "#").startswith("#"), (tag, found)
        assert not re.search(r"url\(|@import", "".join(self.styles))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

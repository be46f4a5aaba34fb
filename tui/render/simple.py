"""The inline Markdown that most text consists of, read in one pass.

Plain text, code, and strong or emphasised text that begins and ends where words do are found by one pattern,
in a fraction of the parser's time. With anything else in it, a text is left to the parser; what is read here
is what the parser would have made of it.
"""

from __future__ import annotations

import re

_CHARACTER = r"[^\\`*_~\[!<&\n ]|(?<=[a-zA-Z0-9])_(?=[a-zA-Z0-9])|!(?!\[)|[&<](?=[ 0-9=])"
"""What begins nothing, and what could but cannot where it stands."""
_CODE = r"`[^`\n ][^`\n]*`(?!`)"
_INSIDE = re.compile(rf"(?P<text>(?:{_CHARACTER}| )+)|(?P<code>{_CODE})")
_OUTSIDE = re.compile(
    rf"(?P<text>(?:{_CHARACTER}| (?![ \n]))+)"
    rf"|(?P<code>{_CODE})"
    r"|(?P<line>\n(?![ \t\n]))"
    r"|(?<![^ \n])(?P<mark>\*\*?)(?P<body>[a-zA-Z0-9`](?:[^*\n]*[a-zA-Z0-9`])?)(?P=mark)(?=[ \n.,:;)]|$)"
    r"|(?<![^ \n])(?P<mark2>\*\*?)(?P<body2>[a-zA-Z0-9`][^*\n]*[:.])(?P=mark2)(?=[ \n]|$)"
)

Part = tuple[str, str, str]
"""What it is (``text``, ``code`` or ``line``), its characters, and the marks of emphasis around it."""


def read_simple(content: str) -> list[Part] | None:
    """Return the parts of ``content``, or `None` if the parser is to read it."""
    parts: list[Part] = []
    at = 0
    while at < len(content):
        match = _OUTSIDE.match(content, at)
        if match is None:
            return None
        at = match.end()
        kind = match.lastgroup
        if kind in ("body", "body2"):
            mark = match["mark"] or match["mark2"]
            if not _read_inside(match[kind], mark, parts):
                return None
        elif kind == "code":
            parts.append(("code", match[0][1:-1], ""))
        else:
            parts.append((kind or "text", match[0], ""))
    return parts


def _read_inside(body: str, mark: str, parts: list[Part]) -> bool:
    at = 0
    while at < len(body):
        match = _INSIDE.match(body, at)
        if match is None:
            return False
        at = match.end()
        code = match.lastgroup == "code"
        parts.append(("code", match[0][1:-1], mark) if code else ("text", match[0], mark))
    return True

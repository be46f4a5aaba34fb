"""Text that wants to be more than text, and what may never reach the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment

HOSTILE = {
    "colour": "\x1b[31mred\x1b[0m",
    "cursor": "\x1b[2J\x1b[Htop",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;QQ==\x1b\\",
    "link": "\x1b]8;;http://evil\x1b\\click\x1b]8;;\x1b\\",
    "dcs": "\x1bP+q544e\x1b\\",
    "c1": "\x9b31m\x9d0;t\x9c\x90x\x9c",
    "bidi": "abc\u202edef\u2066ghi\u2069",
    "nul": "a\x00b\x7fc\x08d",
    "markup": "[/foo][bold]x[/]",
    "separators": "a\u2028b\u2029c",
    "tags": "a\U000e0041b",
}
FORBIDDEN = (
    {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
    | {chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))}
    | {"\u2028", "\u2029"}
)


def assert_clean(segments: Iterable[Segment]) -> None:
    for segment in segments:
        assert not FORBIDDEN & set(segment.text), repr(segment.text)
        if segment.style is not None and segment.style.link is not None:
            assert not FORBIDDEN & set(segment.style.link), repr(segment.style.link)

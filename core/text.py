"""Text from outside, made safe to show.

A terminal obeys control characters, and bidirectional controls make text read differently from what it is.
`visible` shows them instead. What is stored, sent and exported to files keeps the raw text.
"""

from __future__ import annotations

_REPLACED = (
    {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
    | {0x7F: 0x2421}
    | dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
    # Marks, embeddings, overrides and isolates: Unicode Standard Annex 9, table 4; line and paragraph
    # separators move the cursor in some terminals.
    | dict.fromkeys((0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), 0xFFFD)
    | {0x2028: 0x23CE, 0x2029: 0x23CE}
    # Invisible tag characters and lone surrogates: they can hide text, or cannot be written at all.
    | dict.fromkeys((*range(0xE0000, 0xE0080),), 0xFFFD)
    | dict.fromkeys((*range(0xD800, 0xE000),), 0xFFFD)
)


def visible(text: str) -> str:
    """Return ``text`` with control characters shown as glyphs; new lines and tabs stay.

    ``\\r\\n`` becomes a new line, since it is one. The result has as many characters as the text after
    that step, so that places in one are places in the other.
    """
    if text.isprintable():
        return text
    return text.replace("\r\n", "\n").translate(_REPLACED)


def visible_line(text: str) -> str:
    """Return ``text`` for a place that shows one line: like `visible`, with line breaks and tabs as spaces."""
    return visible(text).replace("\n", " ").replace("\t", " ")

"""Text that looks like an attempt to mislead the model, or to carry something away.

A pattern proves nothing: people write about such texts too. So what is found is logged and counted, and refused only
where the operator says so. What the model is told by the operator never stands in one message with what a user wrote.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import Literal

from brim.serve.faults import RefusedCallError

_log = logging.getLogger(__name__)


class Suspicion(StrEnum):
    """What a text looks like."""

    INJECTION = "injection"
    """Known words by which instructions are to be overridden or told."""
    CONTROL = "control"
    """Control characters."""
    INVISIBLE = "invisible"
    """Characters that nobody sees and a model reads, such as tags and zero-width ones."""
    DIRECTION = "direction"
    """Characters that change the direction of writing."""
    EXFILTRATION = "exfiltration"
    """Data in a URL, or a picture that is fetched from one with data in it."""


_WORDS = {
    Suspicion.INJECTION: "words that are known from attempts to override instructions",
    Suspicion.CONTROL: "control characters",
    Suspicion.INVISIBLE: "characters that cannot be seen",
    Suspicion.DIRECTION: "characters that change the direction of writing",
    Suspicion.EXFILTRATION: "a URL that carries data away",
}

_INJECTIONS = re.compile(
    r"""
      \b (ignore|disregard|forget|override|bypass) \W+ (?:\w+\W+){0,3}?
         (previous|prior|above|earlier|preceding|all|system|your|any) \W+ (?:\w+\W+){0,2}?
         (instruction|prompt|rule|direction|guideline|command|context)s? \b
    | \b (reveal|print|show|repeat|output|leak|tell) \W+ (?:\w+\W+){0,4}? (system|initial|hidden|secret) \W+
         (prompt|instruction|message)s? \b
    | \b you \W+ are \W+ now \W+ (?:\w+\W+){0,2}? (dan|unrestricted|jailbroken|free \W+ of) \b
    | \b (developer|debug|god|jailbreak) \W+ mode \W+ (enabled|on|activated) \b
    | \b do \W+ anything \W+ now \b
    | ^ \s* (\#{2,}\s*)? (system|assistant|developer) \s* (prompt|message)? \s* :
    | <\|? \s* (im_start|im_end|system|endoftext|start_header_id) \b
    | \[/?INST\] | <</?SYS>>
    | \b ignor(iere|a|ez|er) \W+ (?:\w+\W+){0,3}? (anweisungen|instrucciones|instructions|instruções|istruzioni) \b
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_DIRECTIONS = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile(
    r"[\u00ad\u180e\u200b\u2060-\u2064\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_DATA_URLS = re.compile(
    r"data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/]{64} | !\[[^\]\n]*\]\(\s*https?://[^)\s]+\?[^)\s]*=",
    re.VERBOSE,
)


def suspicions(text: str) -> tuple[Suspicion, ...]:
    """Return what a text looks like, each kind once."""
    # Letters of other widths and joined forms are no way around the patterns.
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))
    found = {
        Suspicion.INJECTION: _INJECTIONS.search(plain),
        Suspicion.CONTROL: _CONTROLS.search(text),
        Suspicion.INVISIBLE: _INVISIBLE.search(text),
        Suspicion.DIRECTION: _DIRECTIONS.search(text),
        Suspicion.EXFILTRATION: _DATA_URLS.search(text),
    }
    return tuple(kind for kind, match in found.items() if match)


class Care:
    """Looks at what users send.

    Args:
        mode: what happens to what is found.
        count: is told of each kind that was found.
    """

    def __init__(self, mode: Literal["off", "log", "block"], count: Callable[[Suspicion], None]) -> None:
        self._mode = mode
        self._count = count

    def look(self, text: str, *, owner: str) -> None:
        """Log and count what a text looks like; raises `RefusedCallError` (422) where that is not let through."""
        if self._mode == "off":
            return
        found = suspicions(text)
        for kind in found:
            self._count(kind)
        if not found:
            return
        _log.warning(
            "suspicious text",
            extra={"owner": owner, "kinds": [str(kind) for kind in found], "chars": len(text)},
        )
        if self._mode == "block":
            held = " and ".join(_WORDS[kind] for kind in found)
            raise RefusedCallError(
                422,
                f"The text is not let through: it holds {held}.",
                hint="Write it without them.",
                kind="suspicious",
            )

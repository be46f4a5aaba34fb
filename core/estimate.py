"""How many tokens a text is, without a tokenizer.

The estimate counts bytes of the text's UTF-8 form by kind, since that runs at the speed of memory: a kind of
character costs about the same number of tokens in all the byte-pair vocabularies in use. What differs from
model to model is learnt from the prompts that its provider reports.
"""

from __future__ import annotations

MESSAGE_OVERHEAD_TOKENS = 4
"""What a chat template puts around a message: markers and the role."""

_DIGITS = b"0123456789"
_BLANKS = b" \t"
_BREAKS = b"\r\n"
_LETTERS = bytes((*range(0x41, 0x5B), *range(0x61, 0x7B)))
_CONTINUATION = bytes(range(0x80, 0xC0))
_TWO = bytes(range(0xC2, 0xE0))  # Latin with marks, Greek, Cyrillic, Hebrew, Arabic
_PUNCTUATION = b"\xe2"  # dashes, quotes, arrows, mathematical signs
_CJK = bytes(range(0xE3, 0xEE))  # kana, Han, Hangul
_FOUR = bytes(range(0xF0, 0xF5))  # emoji, rare Han

# Tokens for one character of a kind, fitted by eye to o200k and SmolLM2 on prose, code and CJK text.
_WEIGHTS: tuple[tuple[bytes, float], ...] = (
    (_LETTERS, 0.205),
    (_BLANKS, 0.09),
    (_DIGITS, 0.6),
    (_BREAKS, 0.5),
    (_TWO, 0.45),
    (_PUNCTUATION, 0.9),
    (_CJK, 0.95),
    (_FOUR, 2.2),
    (_CONTINUATION, 0.0),
)
_OTHER = 0.55  # ASCII punctuation and the rarer scripts


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` is; 0 only for an empty text."""
    if not text:
        return 0
    data = text.encode("utf-8", "replace")
    total = 0.0
    for kind, weight in _WEIGHTS:
        rest = data.translate(None, kind)
        total += weight * (len(data) - len(rest))
        data = rest
        if not data:
            break
    return max(1, round(total + _OTHER * len(data)))


class Estimator:
    """Estimates for one model, calibrated on what its provider reports."""

    def __init__(self) -> None:
        self._scale = 1.0
        self._seen = 0

    def estimate(self, text: str) -> int:
        """Return about how many tokens ``text`` is for this model."""
        return max(1, round(estimate_tokens(text) * self._scale)) if text else 0

    def learn(self, text: str, reported_tokens: int) -> None:
        """Take in that the provider counted ``reported_tokens`` for ``text``.

        Short texts say little, since the chat template weighs in them; they are passed over.
        """
        estimated = estimate_tokens(text)
        if estimated < 50 or reported_tokens <= 0:
            return
        self._seen += 1
        share = max(0.3, 1 / self._seen)
        ratio = min(4.0, max(0.25, reported_tokens / estimated))
        self._scale += (ratio - self._scale) * share

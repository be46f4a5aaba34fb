"""How many tokens a text is, without a tokenizer.

The estimate counts bytes of the text's UTF-8 form by kind, and where runs of a kind begin, since that runs at
the speed of memory: such things cost about the same number of tokens in all the byte-pair vocabularies in use.
What differs from model to model is learnt from the prompts that its provider reports.

All counts look backwards only, and no weight is negative, so more text is never fewer tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from brim.core.calibration import Calibration

MESSAGE_OVERHEAD_TOKENS = 4
"""What a chat template puts around a message: markers and the role."""

_DIGITS = b"0123456789"
_SPACE = b" "
_TAB = b"\t"
_BREAKS = b"\r\n"
_LOWER = bytes(range(0x61, 0x7B))
_UPPER = bytes(range(0x41, 0x5B))
_PUNCTUATION = bytes(byte for byte in range(0x21, 0x7F) if byte not in _DIGITS + _LOWER + _UPPER)
_CONTINUATION = bytes(range(0x80, 0xC0))
_TWO = bytes(range(0xC2, 0xE0))  # Latin with marks, Greek, Cyrillic, Hebrew, Arabic
_SYMBOLS = b"\xe2"  # dashes, quotes, arrows, mathematical signs
_KANA = b"\xe3"  # and the punctuation of Chinese and Japanese
_HAN = bytes(range(0xE4, 0xEA))
_HANGUL = bytes(range(0xEA, 0xEE))
_FOUR = bytes(range(0xF0, 0xF5))  # emoji, rare Han

(
    _WORDS_KIND,
    _CAPITALS_KIND,
    _SIGNS_KIND,  # and what ends a line
    _BLANKS_KIND,
    _DIGITS_KIND,
    _TWO_KIND,
    _HAN_KIND,
    _KANA_KIND,
    _HANGUL_KIND,
    _REST_KIND,
) = range(10)
_KINDS = 10

# Tokens for one character, fitted to o200k, cl100k and SmolLM2 on prose, code, JSON, and four other scripts.
_ASCII: tuple[tuple[bytes, int, float], ...] = (
    (_LOWER, _WORDS_KIND, 0.08),
    (_SPACE, _BLANKS_KIND, 0.005),
    (_PUNCTUATION, _SIGNS_KIND, 0.19),
    (_UPPER, _CAPITALS_KIND, 0.12),
    (_BREAKS, _SIGNS_KIND, 0.44),
    (_DIGITS, _DIGITS_KIND, 0.85),
    (_TAB, _SIGNS_KIND, 0.52),
)
_WIDE: tuple[tuple[bytes, int, float], ...] = (
    (_CONTINUATION, _REST_KIND, 0.0),
    (_HAN, _HAN_KIND, 0.85),
    (_KANA, _KANA_KIND, 0.77),
    (_HANGUL, _HANGUL_KIND, 0.87),
    (_TWO, _TWO_KIND, 0.35),
    (_SYMBOLS, _REST_KIND, 0.8),
    (_FOUR, _REST_KIND, 2.2),
)
_OTHER = 0.9  # the rarer scripts, full-width forms, control characters


def _marks(**kinds: bytes) -> bytes:
    """Return a table that turns every byte into the letter of its kind, or into a dot."""
    table = bytearray(b"." * 256)
    for letter, kind in kinds.items():
        for byte in kind:
            table[byte] = ord(letter)
    return bytes(table)


_LETTER_RUNS = _marks(w=_LOWER + _UPPER)
_SIGN_RUNS = _marks(p=_PUNCTUATION, s=_SPACE)
_HAN_RUNS = _marks(h=_HAN)
_WORD = 0.71
_LONG = b"w" * 20  # no word of a language: base64, hashes, names of many words
_LONG_WORD = 3.0
_SIGN_RUN = 0.55
_SPACE_BEFORE_SIGN = 0.43
_SPACE_RUN = 0.59
_HAN_RUN = 0.5

# How far models differ: in English and code little, in other scripts a lot and together. The last two are
# tokens, for each message and for each conversation.
_SPREADS = (0.12, 0.4, 0.25, 0.4, 0.4, 0.35, 0.35, 0.35, 0.5, 0.5, 3.0, 30.0)
_COMMON = (
    ((_WORDS_KIND, _CAPITALS_KIND, _SIGNS_KIND), 0.1),
    ((_TWO_KIND, _HAN_KIND, _KANA_KIND, _HANGUL_KIND, _REST_KIND), 0.5),
)
_SHORTEST_TOKENS = 50
_TOKENIZED_SPREADS = (0.03, 3.0, 30.0)
_LONGEST_TOKENIZED = 20_000
"""Characters that a tokenizer is given of one text: it runs between two key presses."""


def _weigh_kinds(text: str) -> list[float]:
    """Return the tokens of ``text`` by kind, for a model of which nothing is known."""
    data = text.encode("utf-8", "replace")
    kinds = [0.0] * _KINDS
    letters = b"." + data.translate(_LETTER_RUNS)
    signs = b"." + data.translate(_SIGN_RUNS)
    kinds[_WORDS_KIND] += _WORD * letters.count(b".w") + _LONG_WORD * letters.count(_LONG)
    spaced_signs = signs.count(b"sp")
    kinds[_SIGNS_KIND] += _SIGN_RUN * (signs.count(b".p") + spaced_signs)
    kinds[_BLANKS_KIND] += _SPACE_BEFORE_SIGN * spaced_signs + _SPACE_RUN * signs.count(b".ss")
    rest = data
    if not data.isascii():
        han = b"." + data.translate(_HAN_RUNS, _CONTINUATION)
        kinds[_HAN_KIND] += _HAN_RUN * han.count(b".h")
        rest = _count(rest, _WIDE, kinds)
    rest = _count(rest, _ASCII, kinds)
    kinds[_REST_KIND] += _OTHER * len(rest)
    return kinds


def _count(data: bytes, weights: Sequence[tuple[bytes, int, float]], kinds: list[float]) -> bytes:
    """Add what ``data`` weighs to ``kinds``; returns the bytes that ``weights`` do not name."""
    for characters, kind, weight in weights:
        if not data:
            break
        rest = data.translate(None, characters)
        kinds[kind] += weight * (len(data) - len(rest))
        data = rest
    return data


def estimate_tokens(text: str) -> int:
    """Return about how many tokens ``text`` is; 0 only for an empty text."""
    return max(1, round(sum(_weigh_kinds(text)))) if text else 0


class Estimator:
    """Estimates for one model, calibrated on what its provider reports.

    Args:
        tokenize: the model's own tokenizer, where it is at hand; estimates then rest on it.
    """

    def __init__(self, tokenize: Callable[[str], int] | None = None) -> None:
        self._tokenize = tokenize
        self._calibration = (
            Calibration(_TOKENIZED_SPREADS, constants=2)
            if tokenize
            else Calibration(_SPREADS, _COMMON, constants=2)
        )

    def estimate(self, text: str) -> int:
        """Return about how many tokens ``text`` is for this model; 0 only for an empty text."""
        return max(1, round(self._calibration.predict([*self._weigh(text), 1.0, 0.0]))) if text else 0

    def _weigh(self, text: str) -> list[float]:
        """Return the tokens of ``text``, by kind where there is no tokenizer."""
        if self._tokenize is None:
            return _weigh_kinds(text)
        if len(text) <= _LONGEST_TOKENIZED:
            return [float(self._tokenize(text))]
        half = _LONGEST_TOKENIZED // 2
        ends = text[:half] + text[-half:]
        return [self._tokenize(ends) * sum(_weigh_kinds(text)) / sum(_weigh_kinds(ends))]

    @property
    def opening_tokens(self) -> int:
        """What the server puts before a conversation unasked, such as a system prompt of its own, as far as known."""
        return max(0, round(self._calibration.factors[-1]))

    def learn(self, text: str | Sequence[str], reported_tokens: int, *, opening: bool = False) -> None:
        """Take in that the provider counted ``reported_tokens`` for ``text``.

        Short texts say little, since the chat template weighs in them; they are passed over.

        Args:
            text: the text, or several that were counted together.
            reported_tokens: without `MESSAGE_OVERHEAD_TOKENS` of each text; 0 or fewer are passed over.
            opening: the count is of a whole prompt, so it holds what the server puts before it.
        """
        texts = [text] if isinstance(text, str) else [part for part in text if part]
        if not any(texts) or reported_tokens <= 0:
            return
        kinds = [sum(column) for column in zip(*map(self._weigh, texts), strict=True)]
        if sum(kinds) < _SHORTEST_TOKENS and not opening:
            return
        self._calibration.learn([*kinds, float(len(texts)), float(opening)], reported_tokens)

    def state(self) -> list[float]:
        """Return all that was learnt, to be kept."""
        return self._calibration.state()

    @classmethod
    def from_state(cls, state: Sequence[float], tokenize: Callable[[str], int] | None = None) -> Estimator:
        """Return the estimator that gave ``state``; with a tokenizer, if it had one.

        Raises:
            ValueError: the numbers are no estimator's.
        """
        estimator = cls(tokenize)
        estimator._calibration.restore(state)
        return estimator

"""What a provider reports of one request, in four buckets that share no token."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The tokens of one request and its answer.

    The first four never overlap: a prompt token is fresh, read from the provider's cache or written to it.
    ``reasoning_tokens`` is a part of ``output_tokens``, shown apart. ``estimated`` is true when the
    provider reported nothing and the figures are our own.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` for counts that cannot be: what rests on them would be wrong too."""
        counts = (self.input_tokens, self.cache_read_tokens, self.cache_write_tokens, self.output_tokens)
        if min(*counts, self.reasoning_tokens) < 0 or self.reasoning_tokens > self.output_tokens:
            raise ValueError(
                "token counts must not be negative, and reasoning is part of the output, not "
                f"{self.reasoning_tokens} of {self.output_tokens}"
            )

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt, however they were billed."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """Prompt and answer together."""
        return self.prompt_tokens + self.output_tokens

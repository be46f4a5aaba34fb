"""How a model is asked to answer, apart from what it is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
"""How much a model thinks before it answers, in the words of OpenAI's API."""

Text = Annotated[str, Field(min_length=0)]
"""Text that can be written: what has a bound is checked for halves of characters (lone surrogates)."""

Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Parameters(BaseModel):
    """The parameters of a request. ``None``, or no stop texts, leaves one to whoever comes next.

    The order is: the session's, those of the provider's table, the settings, the provider's own.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, gt=0)
    """The longest answer, in tokens."""
    stop: tuple[str, ...] = ()
    """Texts at which the answer ends."""
    seed: Seed | None = None
    reasoning_effort: Effort | None = None

    def over(self, other: Parameters) -> Parameters:
        """Return these, and the other's where there is none of these."""
        return other.alone().model_copy(update=self.given())

    def given(self) -> dict[str, Any]:
        """Return those that are set, by name."""
        return {name: value for name, value in self.alone() if value is not None and value != ()}

    def alone(self) -> Parameters:
        """Return the parameters without what else a configuration holds beside them."""
        return Parameters.model_construct(**{name: getattr(self, name) for name in Parameters.model_fields})

    def __bool__(self) -> bool:
        return bool(self.given())

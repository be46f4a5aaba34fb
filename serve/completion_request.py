"""A request in the shape of OpenAI's chat completions, as an agent is asked."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from brim.core.parameters import Effort, Parameters, Seed, Text
from brim.core.types import AgentContext, Message
from brim.serve.faults import RefusedCallError

_ROLES: dict[str, Literal["system", "user", "assistant"]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}


class Part(BaseModel):
    """A part of a message."""

    model_config = ConfigDict(extra="ignore")

    type: str = Field(max_length=40)
    text: Text = ""


class Spoken(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="ignore")

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[Part] | None = None

    @property
    def text(self) -> str:
        """The text of all parts. Raises `RefusedCallError` where one is something else."""
        if not isinstance(self.content, list):
            return self.content or ""
        if other := next((part.type for part in self.content if part.type != "text"), None):
            raise RefusedCallError(400, f"Only text is taken here, no {other}.", kind="bad_input")
        return "\n".join(part.text for part in self.content)


class StreamOptions(BaseModel):
    """What a stream tells besides the text."""

    include_usage: bool = False


class ResponseFormat(BaseModel):
    """The form that an answer shall have."""

    model_config = ConfigDict(extra="ignore")

    type: str = "text"


class Completion(BaseModel):
    """A request as OpenAI's clients send it."""

    model_config = ConfigDict(extra="ignore")

    model: str = Field(max_length=200)
    messages: list[Spoken] = Field(min_length=1)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    max_tokens: int | None = Field(default=None, gt=0)
    max_completion_tokens: int | None = Field(default=None, gt=0)
    stop: Text | list[Text] | None = None
    seed: Seed | None = None
    reasoning_effort: Effort | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    response_format: ResponseFormat | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, Any] | None = None
    prediction: Any = None
    verbosity: str | None = None

    def parameters(self) -> Parameters:
        """Return the parameters of the request."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return Parameters(
            temperature=self.temperature,
            top_p=self.top_p,
            max_tokens=self.max_completion_tokens or self.max_tokens,
            stop=tuple(stop),
            seed=self.seed,
            reasoning_effort=self.reasoning_effort,
        )

    def of_the_caller(self) -> str:
        """Return all that the caller says to the model, also as the model's. Raises `RefusedCallError` as `context` does."""
        return "\n\n".join(one.text for one in self.messages)

    def context(self, system_prompt: str) -> AgentContext:
        """Return what the agent is asked.

        Args:
            system_prompt: the operator's, for a request that brings none.

        Raises:
            RefusedCallError: it is no question, or something is wished for that is not to be had.
        """
        if wish := self._beyond():
            raise RefusedCallError(400, wish, kind="bad_input")
        said = [(_ROLES[one.role], one.text) for one in self.messages]
        if system_prompt and not any(role == "system" for role, _ in said):
            said = [("system", system_prompt), *said]
        *before, last = said
        if last[0] != "user" or not last[1].strip():
            raise RefusedCallError(400, "The last message must be the user's, with text.", kind="bad_input")
        return AgentContext(
            input=last[1],
            conversation_history=[Message(role=role, content=text) for role, text in before if text],
            parameters=self.parameters(),
        )

    def _beyond(self) -> str:
        """Return what is wished for in vain, as a sentence; empty for nothing."""
        if self.n not in (None, 1):
            return "There is one answer to a request: n must be 1."
        if self.tools or self.functions:
            return "Agents here use their own tools; a request brings none."
        if self.response_format is not None and self.response_format.type != "text":
            return f"Answers here are text: response_format cannot be {self.response_format.type}."
        if self.logprobs:
            return "Agents here tell no logprobs."
        if self.modalities and self.modalities != ["text"]:
            return "Answers here are text: modalities can only be text."
        if self.frequency_penalty or self.presence_penalty or self.logit_bias:
            return "Agents here weigh no tokens: there are no penalties and no logit_bias."
        if self.prediction is not None or self.verbosity not in (None, "medium"):
            return "Agents here take no prediction and no verbosity."
        return ""

"""Everything that can go wrong, as one tree.

::

    BrimError
    ├── SettingsError            a setting is wrong: which, where, what to do
    ├── AgentLoadError           a person's own agent cannot be loaded
    ├── SessionNotFoundError     no session, or more than one, has that name
    ├── StoreError               the data file cannot be read or written
    │   ├── NewerStoreError      it was written by a newer brim
    │   └── StoreUnreachableError  the server that keeps the data cannot be reached
    ├── SessionBusyError         a turn of the session is running, here or in another brim
    ├── CleanupWantedError       a prompt needs a cleanup, and the person wants to be asked
    ├── WindowFullError          a prompt does not fit into the window
    ├── BudgetError              a turn might cost more than a budget has left (in `brim.core.budgets`)
    ├── InputTooLongError        a prompt has more characters than it may have
    └── AgentError               a request failed
        ├── AuthenticationError  the key is missing or refused
        ├── RateLimitError       too many requests; may say how long to wait
        ├── OverloadedError      the provider is out of capacity or broken (5xx)
        ├── RequestTimeoutError  nothing came for too long
        ├── ConnectionFailedError  no connection, or it was cut
        ├── ContextOverflowError the prompt is longer than the window
        ├── RefusedError         the provider declined the content
        ├── BadRequestError      the provider did not understand the request
        └── BadResponseError     the provider's or agent's answer is not what it should be

Each knows a ``sentence`` for a person and a ``hint`` (what to do next, may be empty). No text of them ever
holds a key.
"""

from __future__ import annotations

from brim.core.cleanup import CleanupPlan
from brim.core.types import Failure


class BrimError(Exception):
    """The root of all errors that brim raises on purpose."""

    def __init__(self, sentence: str, *, hint: str = "") -> None:
        super().__init__(f"{sentence} {hint}".strip())
        self.sentence = sentence
        self.hint = hint


class SettingsError(BrimError):
    """A setting is wrong. The sentence names the place and the value."""


class AgentLoadError(BrimError):
    """``--agent`` names something that cannot be loaded or is no agent."""


class SessionNotFoundError(BrimError):
    """No session has that id, or a start of an id fits several."""


class StoreError(BrimError):
    """The data file cannot be read or written."""


class NewerStoreError(StoreError):
    """The data file was written by a newer version and is left untouched."""


class StoreUnreachableError(StoreError):
    """The server that keeps the data cannot be reached, or has gone away; it may come back."""


class SessionBusyError(BrimError):
    """A turn of the session has not ended. Nothing was stored."""


class BusyElsewhereError(SessionBusyError):
    """Another brim is writing an answer in the session."""


class CleanupWantedError(BrimError):
    """Sending would reach the cleanup threshold, and the person wants to be asked. Nothing was stored.

    ``plan`` is what would leave. ``send(cleanup=True)`` carries it out first, ``cleanup=False`` goes without.
    """

    def __init__(self, plan: CleanupPlan) -> None:
        super().__init__(
            f"The window is nearly full: {len(plan.leaving)} messages would leave it, from "
            f"{plan.before_tokens:,} to {plan.after_tokens:,} tokens.",
            hint="Clean up and send, or send as it is.",
        )
        self.plan = plan


class WindowFullError(BrimError):
    """The prompt does not fit into the window, and nothing leaves it. Nothing was stored.

    ``needed_tokens`` is about what the prompt, all that goes with it and its answer take.
    """

    def __init__(self, sentence: str, *, hint: str = "", needed_tokens: int, window_tokens: int) -> None:
        super().__init__(sentence, hint=hint)
        self.needed_tokens = needed_tokens
        self.window_tokens = window_tokens


class InputTooLongError(BrimError):
    """The text of a prompt has more characters than it may have. Nothing was stored."""

    def __init__(self, chars: int, limit: int) -> None:
        super().__init__(
            f"The message has {chars:,} characters, and {limit:,} are the most.",
            hint="Shorten it, or let the long part go along as a file; max_input_chars sets the limit.",
        )
        self.chars = chars
        self.limit = limit


class AgentError(BrimError):
    """A request to an agent failed.

    Args:
        sentence: what happened, for a person.
        hint: what to do next.
        provider: who was asked, e.g. ``openai``; empty when unknown.
        status: the HTTP status, ``None`` where there was none.
        retry_after_s: seconds to wait before trying again, where the provider said so.
    """

    kind = "agent"
    retryable = False

    def __init__(
        self,
        sentence: str,
        *,
        hint: str = "",
        provider: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(sentence, hint=hint)
        self.provider = provider
        self.status = status
        self.retry_after_s = retry_after_s

    def failure(self) -> Failure:
        """Return what the turn keeps of this error."""
        return Failure(
            kind=self.kind,
            sentence=self.sentence,
            hint=self.hint,
            retryable=self.retryable,
            retry_after_s=self.retry_after_s,
            status=self.status,
        )


class AuthenticationError(AgentError):
    """The key is missing or refused."""

    kind = "authentication"


class RateLimitError(AgentError):
    """Too many requests, or the quota is used up."""

    kind = "rate_limit"
    retryable = True


class OverloadedError(AgentError):
    """The provider is out of capacity or broken."""

    kind = "overloaded"
    retryable = True


class RequestTimeoutError(AgentError):
    """Nothing came from the provider for too long."""

    kind = "timeout"
    retryable = True


class ConnectionFailedError(AgentError):
    """No connection could be made, or it was cut."""

    kind = "connection"
    retryable = True


class ContextOverflowError(AgentError):
    """The prompt is longer than the model's window.

    ``prompt_tokens`` and ``window_tokens`` are what the provider named, ``None`` where it did not.
    """

    kind = "context_overflow"

    def __init__(
        self,
        sentence: str,
        *,
        hint: str = "",
        provider: str = "",
        status: int | None = None,
        prompt_tokens: int | None = None,
        window_tokens: int | None = None,
    ) -> None:
        super().__init__(sentence, hint=hint, provider=provider, status=status)
        self.prompt_tokens = prompt_tokens
        self.window_tokens = window_tokens


class RefusedError(AgentError):
    """The provider declined to answer this content."""

    kind = "refused"


class BadRequestError(AgentError):
    """The provider did not understand or accept the request."""

    kind = "bad_request"


class BadResponseError(AgentError):
    """What came back is not an answer."""

    kind = "bad_response"
    retryable = True

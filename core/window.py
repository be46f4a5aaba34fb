"""What will be sent, and how large the place for it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from brim.core.agent import AgentInterface
from brim.core.catalogue import lookup
from brim.core.context import ContextUsage, Provenance
from brim.core.estimate import MESSAGE_OVERHEAD_TOKENS, estimate_tokens
from brim.core.types import AgentContext, Message, Session

DEFAULT_WINDOW_TOKENS = 100_000
"""The window that cleanup assumes where nobody knows the real one (the operations guide's default)."""

_LARGEST_RESERVE_TOKENS = 4_096
_RESERVE_SHARE = 10


class Windows:
    """Finds out and remembers the window of each model, in tokens.

    Args:
        setting: the person's own figure for every model, ``None`` to find it out.
    """

    def __init__(self, setting: int | None = None) -> None:
        self._setting = setting
        self._known: dict[str, int | None] = {}

    def known(self, model: str | None) -> int | None:
        """Return the window as far as it is known now, without asking anyone."""
        return self._setting or self._known.get(model or "")

    async def find(self, model: str, agent: AgentInterface | None = None) -> int | None:
        """Return the window of a model: the person's setting, the server's own word, the catalogue, or ``None``.

        Args:
            model: the model id.
            agent: the agent that may ask the server; ``None`` asks the catalogue only, and a later call
                with the agent may correct the answer.
        """
        if self._setting:
            return self._setting
        if agent is not None and (served := await agent.window_tokens()):
            self._known[model] = served
        elif not self._known.get(model):
            self._known[model] = (await lookup(model)).window_tokens
        return self._known[model]

    def learn(self, model: str, window_tokens: int) -> None:
        """Take the size that the provider's error named."""
        self._known[model] = window_tokens


def reply_reserve(limit_tokens: int, max_tokens: int | None) -> int:
    """Return how many tokens are kept free for the answer: the longest one allowed, at most a tenth of the window."""
    return min(max_tokens or _LARGEST_RESERVE_TOKENS, limit_tokens // _RESERVE_SHARE)


def system_tokens(session: Session) -> int:
    """Return about what the system prompt weighs.

    Always the same for the same text, whatever has been learnt since: the weights of the messages are made
    to add up with it to what the provider counts.
    """
    if not session.system_prompt:
        return 0
    return estimate_tokens(session.system_prompt) + MESSAGE_OVERHEAD_TOKENS


def measure(
    session: Session,
    *,
    window_tokens: int | None,
    fallback_tokens: int,
    system: int,
    max_tokens: int | None,
    cleanup_share: float,
    provenance: Provenance,
) -> ContextUsage:
    """Return what fills the window of ``session``, without a draft."""
    limit = window_tokens or fallback_tokens
    return ContextUsage(
        window_tokens=window_tokens,
        limit_tokens=limit,
        system_tokens=system,
        history_tokens=session.window_tokens,
        reply_reserve_tokens=reply_reserve(limit, max_tokens),
        cleanup_share=cleanup_share,
        provenance=provenance,
    )


def build_context(session: Session, window: Sequence[Message], prompt: Message) -> AgentContext:
    """Return what the agent is asked: the system prompt, the window up to ``prompt``, and the prompt.

    Answers without any text (failed before the first word) are left out.
    """
    history = [Message(role="system", content=session.system_prompt)] if session.system_prompt else []
    before = takewhile(lambda message: message.id != prompt.id, window)
    history += [
        message for message in before if message.content or message.tool_calls or message.role == "user"
    ]
    return AgentContext(input=prompt.content, conversation_history=history, session_id=session.id)

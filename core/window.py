"""What will be sent, and how large the place for it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile

from brim.core.agent import AgentInterface
from brim.core.attachments import with_texts
from brim.core.catalogue import lookup, own_window
from brim.core.context import ContextUsage, Provenance
from brim.core.estimate import MESSAGE_OVERHEAD_TOKENS, estimate_tokens
from brim.core.types import AgentContext, Message, Session

DEFAULT_WINDOW_TOKENS = 100_000
"""The window that cleanup assumes where nobody knows the real one (the operations guide's default)."""

SUMMARY_OPENING = "A summary of the earlier part of this conversation, which is not repeated here:"
"""What stands before a summary in a prompt."""

LARGEST_RESERVE_TOKENS = 4_096
"""How many tokens are kept free for an answer where nobody says how long it may be, at most."""
_RESERVE_SHARE = 10


class Windows:
    """Finds out and remembers the window of each model, in tokens.

    Args:
        setting: gives the person's own figure for every model, ``None`` to find it out.
    """

    def __init__(self, setting: Callable[[], int | None] = lambda: None) -> None:
        self._setting = setting
        self._found: dict[str, int | None] = {}
        self._served: set[str] = set()
        self._asked: set[str] = set()
        self._kept: dict[str, int] = {}
        self._learnt: dict[str, int] = {}
        self._recalled: dict[str, int] = {}

    def known(self, model: str | None) -> int | None:
        """Return the window as far as it is known now, without asking anyone."""
        name = model or ""
        return self.learnt(model) or self._setting() or self._found.get(name) or self._recalled.get(name)

    def learnt(self, model: str | None) -> int | None:
        """Return the size that an error named, ``None`` where that is not what counts."""
        name = model or ""
        size = self._setting() or self._found.get(name)
        learnt = self._learnt.get(name)
        if learnt is None and name not in self._served:
            learnt = self._kept.get(name)
        return None if learnt is None or (size is not None and size <= learnt) else learnt

    async def find(self, model: str, agent: AgentInterface | None = None) -> int | None:
        """Return the window of a model: the person's word, the server's own, the catalogue, or ``None``.

        Args:
            model: the model id.
            agent: the agent that may ask the server; ``None`` asks the catalogue only, and a later call
                with the agent may correct the answer.
        """
        if self._setting():
            return self.known(model)
        if agent is not None:
            self._asked.add(model)
        if own := own_window(model):
            self._found[model] = own
        elif agent is not None and (served := await agent.window_tokens()):
            self._found[model] = served
            self._served.add(model)
        elif not self._found.get(model):
            info = await lookup(model)
            sizes = [size for size in (info.window_tokens, info.max_input_tokens) if size]
            # The server may have answered meanwhile, and its word comes first.
            self._found[model] = self._found.get(model) or min(sizes, default=None)
        return self.known(model)

    def has_asked(self, model: str) -> bool:
        """Whether nobody need be asked for the window of a model: its agent was, or the person's figure counts."""
        return model in self._asked or self._setting() is not None

    def keep(self, model: str, window_tokens: int) -> None:
        """Take the size that an error named to an earlier process. The server's own word of today comes before it."""
        self._kept[model] = window_tokens

    def recall(self, model: str, window_tokens: int) -> None:
        """Take the window that an earlier request was made for; it counts while nobody tells another."""
        self._recalled[model] = window_tokens

    def learn(self, model: str, window_tokens: int) -> None:
        """Take the size that the provider's error named."""
        self._learnt[model] = window_tokens


def reply_reserve(limit_tokens: int, max_tokens: int | None) -> int:
    """Return how many tokens are kept free for the answer: the longest one allowed, at most a tenth of the window."""
    return min(max_tokens or LARGEST_RESERVE_TOKENS, limit_tokens // _RESERVE_SHARE)


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
    max_tokens: int | None,
    cleanup_share: float,
    provenance: Provenance,
    opening_tokens: int = 0,
    window_learnt: bool = False,
) -> ContextUsage:
    """Return what fills the window of ``session``, without a draft.

    Args:
        session: its totals.
        window_tokens: the model's window, ``None`` where it is not known.
        fallback_tokens: what stands in for a window that is not known.
        max_tokens: the longest answer.
        cleanup_share: the share from which cleanup runs.
        provenance: where the figures come from.
        opening_tokens: what the server puts before the system prompt.
        window_learnt: whether an error named the window.
    """
    limit = window_tokens or fallback_tokens
    reserve = reply_reserve(limit, max_tokens)
    return ContextUsage(
        window_tokens=window_tokens,
        limit_tokens=limit,
        system_tokens=system_tokens(session) + opening_tokens,
        summary_tokens=session.summary_tokens,
        pinned_tokens=session.pinned_tokens,
        history_tokens=session.window_tokens - session.pinned_tokens,
        reply_reserve_tokens=reserve,
        # A request that leaves no room for its answer calls for a cleanup as well.
        cleanup_share=min(cleanup_share, (limit - reserve) / limit),
        turn_tokens=session.turn_tokens,
        provenance=provenance,
        window_learnt=window_learnt,
    )


def sent_with(window: Sequence[Message], prompt: Message) -> list[Message]:
    """Return the messages of the window that a request with ``prompt`` carries, the prompt last.

    Answers without any text (failed before the first word) are left out, and so are the results of tools
    whose call is not in the window.
    """
    sent: list[Message] = []
    here: set[str] = set()
    for message in takewhile(lambda message: message.id != prompt.id, window):
        if message.role == "tool":
            if message.parent_id not in here:
                continue
        elif not (message.content or message.tool_calls or message.role == "user"):
            continue
        sent.append(message)
        if message.role != "user":
            here.add(message.id)
    fresh = next((message for message in window if message.id == prompt.id), prompt)
    return [*sent, fresh]


def build_context(session: Session, sent: Sequence[Message], summary: str = "") -> AgentContext:
    """Return what the agent is asked.

    Args:
        session: gives the system prompt.
        sent: the messages, the prompt last; see `sent_with`.
        summary: what stands for messages that have left the window.
    """
    *before, prompt = sent
    history = [Message(role="system", content=session.system_prompt)] if session.system_prompt else []
    if summary:
        history.append(Message(role="system", content=summary_text(summary)))
    history += [
        message.model_copy(update={"content": shown(message)})
        if message.attachments or message.shortened_chars is not None
        else message
        for message in before
    ]
    return AgentContext(
        input=shown(prompt),
        attachments=prompt.attachments,
        conversation_history=history,
        session_id=session.id,
        parameters=session.parameters,
    )


def summary_text(summary: str) -> str:
    """Return a summary as it stands in a prompt."""
    return f"{SUMMARY_OPENING}\n\n{summary}"


def shown(message: Message) -> str:
    """Return the text of a message as the model sees it: with the texts attached to it, as far as they are loaded.

    Of a shortened one it sees the beginning and the end.
    """
    whole = whole_text(message)
    return whole if message.shortened_chars is None else shortened(whole, message.shortened_chars)


def whole_text(message: Message) -> str:
    """Return the text of a message with the texts attached to it, as far as they are loaded."""
    return with_texts(message.content, [one for one in message.attachments if one.is_loaded])


def shortened(text: str, chars: int) -> str:
    """Return ``text`` with ``chars`` of its characters: its middle goes, and a mark says how much of it."""
    if chars >= len(text):
        return text
    first = chars - chars // 2
    return (
        f"{text[:first]}\n[… {len(text) - chars:,} characters left out …]\n{text[len(text) - chars // 2 :]}"
    )

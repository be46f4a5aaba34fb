"""From a context to the messages of a request."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from brim.core.attachments import Attachment
from brim.core.errors import BadRequestError
from brim.core.spoken import as_spoken
from brim.core.types import AgentConfig, AgentContext, Carried, Message
from brim.providers.faults import Asked

LEFT_OUT = "[The messages before this one are left out.]"
"""Stands in for the prompt that the first answer belonged to, where an API wants a prompt first."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side said, the images that go with it, and what an answer carries over in the provider's form."""

    role: Literal["user", "assistant"]
    text: str
    images: tuple[Attachment, ...] = ()
    carried: Carried | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request's messages: the parts of the system prompt, if there is one, and the turns, the question last."""

    system_parts: tuple[str, ...]
    turns: tuple[Turn, ...]

    @property
    def system(self) -> str:
        """The system prompt as one text, empty if there is none."""
        return "\n\n".join(self.system_parts)

    def without_system(self) -> Prompt:
        """Return the same with the system prompt at the head of the first turn, for servers that know none."""
        first, *others = self.turns
        text = "\n\n".join((*self.system_parts, first.text))
        return Prompt((), (Turn(first.role, text, first.images), *others))


def prompt_of(
    context: AgentContext,
    config: AgentConfig,
    *,
    takes_system: bool = True,
    sees: bool = False,
    protocol: str = "",
) -> Prompt:
    """Return what to send; to a server that takes no system prompt, that goes with the first turn.

    The system messages of the history are the system prompt; the configuration's is used where there are
    none. What tools did stands as text in the answer that used them; messages without any text (answers that
    failed at once) are left out. The turns begin with the user and the sides alternate: some servers, and the
    templates of many models, accept nothing else.

    Args:
        context: what is asked.
        config: gives the system prompt that stands in, and the model.
        takes_system: whether the server takes a system prompt.
        sees: whether the model sees images; where it does not, a note stands for each.
        protocol: in whose form answers may carry something over; it goes along to the model that wrote it only.
    """
    history = [(message, as_spoken(message)) for message in context.conversation_history]
    system = tuple(text for message, text in history if message.role == "system" and text.strip())
    if not system and config.system_prompt.strip():
        system = (config.system_prompt,)
    turns = [
        _turn(message, text, sees=sees, protocol=protocol, model=config.model)
        for message, text in history
        if message.role != "system" and (text.strip() or _images(message.attachments))
    ]
    question = Turn("user", context.input, _images(context.attachments))
    prompt = Prompt(system, tuple(alternating((*turns, question if sees else _told(question)))))
    return prompt if takes_system or not system else prompt.without_system()


def check_images(context: AgentContext, asked: Asked, *, sees: bool) -> None:
    """Refuse a question with an image where the model sees none.

    Raises:
        BadRequestError: it does not.
    """
    image = next(iter(_images(context.attachments)), None)
    if image is not None and not sees:
        raise BadRequestError(
            f"{asked.model} sees no images, so {image.name} cannot go with the message.",
            hint="Take it out, or switch to a model that does. If this one does, models.toml can say so.",
            provider=asked.provider,
        )


def data_url(image: Attachment) -> str:
    """Return an image as a URL that holds it."""
    return f"data:{image.media_type};base64,{base64_of(image)}"


def base64_of(image: Attachment) -> str:
    """Return the data of an image in base64."""
    return base64.b64encode(image.data).decode()


def alternating(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Yield ``turns`` so that they begin with the user and the sides take turns; no text is lost.

    Answers that become one carry nothing over: what they carry belongs before each of them.
    """
    last: Turn | None = Turn("user", LEFT_OUT) if turns and turns[0].role == "assistant" else None
    for turn in turns:
        if last is None:
            last = turn
        elif last.role == turn.role:
            images = (*last.images, *turn.images)
            texts = [text for text in (last.text, turn.text) if text or not images]
            last = Turn(turn.role, "\n\n".join(texts), images)
        else:
            yield last
            last = turn
    if last is not None:
        yield last


def _turn(message: Message, text: str, *, sees: bool, protocol: str, model: str) -> Turn:
    if message.role == "user":
        turn = Turn("user", text, _images(message.attachments))
        return turn if sees else _told(turn)
    kept = message.carried
    fits = (
        kept is not None
        and (kept.protocol, kept.model) == (protocol, model)
        and message.shortened_chars is None
        and message.status == "complete"
    )
    return Turn("assistant", text, carried=kept if fits else None)


def _told(turn: Turn) -> Turn:
    """Return a turn with notes in place of its images."""
    notes = [f"[The image {image.name} is left out: this model sees none.]" for image in turn.images]
    return Turn(turn.role, "\n\n".join((*notes, turn.text))) if notes else turn


def _images(attachments: Sequence[Attachment]) -> tuple[Attachment, ...]:
    return tuple(one for one in attachments if one.kind == "image" and one.is_loaded)

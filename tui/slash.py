"""Slash commands: what a line that begins with ``/`` means."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from brim.tui.actions import Action, slash_actions

_NEAR = 0.65
"""How like a command a name must be for a guess."""
_COMMANDS = {action.slash: action for action in slash_actions()}


@dataclass(frozen=True, slots=True)
class Command:
    """A known command and what stands behind it."""

    action: Action
    argument: str


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """A line that begins with ``/`` but names no command."""

    name: str

    @property
    def sentence(self) -> str:
        """What to tell the person."""
        near = get_close_matches(self.name, _COMMANDS, n=1, cutoff=_NEAR)
        guess = f" Did you mean /{near[0]}?" if near else " /help lists them."
        return f"There is no command /{self.name}.{guess} Begin with a space to send it as it is."


def parse(text: str) -> Command | UnknownCommand | None:
    """Return the command that ``text`` is; ``None`` when it is an ordinary message.

    A command begins with ``/`` and a letter in the very first place, and what follows its name is the
    argument, which may have several lines.
    """
    if len(text) < 2 or text[0] != "/" or not text[1].isalpha():
        return None
    name, *rest = text[1:].split(maxsplit=1)
    action = _COMMANDS.get(name.lower())
    if action is None:
        return UnknownCommand(name)
    return Command(action, rest[0].strip() if rest else "")


def complete(text: str) -> list[Action]:
    """Return the commands that ``text`` may become: only while its name is being typed."""
    if not text.startswith("/") or any(character.isspace() for character in text):
        return []
    typed = text[1:].lower()
    return [action for name, action in _COMMANDS.items() if name.startswith(typed)]

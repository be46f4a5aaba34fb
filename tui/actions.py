"""Everything a person can do, in one table: it makes the keys, the palette, the footer, the help and the
slash commands.

An action's ``id`` names the method of `brim.tui.commands.Commands` that carries it out (``copy_code``), and
is the name under which a keymap can give it other keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Place = Literal["screen", "composer", "transcript", "sessions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do.

    ``keys`` are Textual's names, separated by commas; empty: no key. ``slash`` is the command's name without
    its ``/``; empty: no slash command. ``argument`` says what may follow it. ``place`` is where the keys
    work; those of another place than ``screen`` are bound by the widget itself and stand here for the help.
    ``footer`` is the short word in the footer; empty: not there.
    """

    id: str
    label: str
    help: str
    group: str
    keys: str = ""
    slash: str = ""
    argument: str = ""
    place: Place = "screen"
    footer: str = ""
    priority: bool = False
    palette: bool = True

    @property
    def needs_argument(self) -> bool:
        """Whether the slash command can do nothing without what follows it."""
        return self.argument.startswith("<")

    @property
    def key_label(self) -> str:
        """The first key as a person reads it, empty where there is none."""
        return key_label(self.keys.split(",")[0]) if self.keys else ""


ACTIONS: tuple[Action, ...] = (
    Action(id="help", keys="f1,ctrl+question_mark", label="Help", help="All keys and commands", group="brim", slash="help", footer="Help"),
    Action(id="toggle_sessions", keys="f2,ctrl+b", label="Sessions pane", help="Show or put away the sessions", group="brim", footer="Sessions", priority=True),
    Action(id="toggle_context", keys="f3", label="Context pane", help="Show or put away the context meter", group="brim", footer="Context", priority=True),
    Action(id="context", keys="f7", label="What the model sees", help="Every message with its tokens; the timeline", group="Window", slash="context", priority=True),
    Action(id="cleanup", keys="f8", label="Clean up", help="See what would leave the window, and do it", group="Window", slash="cleanup", argument="[now|undo|auto|ask|off]", priority=True),
    Action(id="pin", label="Pin message", help="Keep it in the window; p in the transcript", group="Window", slash="pin"),
    Action(id="leave_out", label="Leave message out", help="Out of the window; x in the transcript", group="Window"),
    Action(id="summary", label="Edit summary", help="Edit what stands for messages that left", group="Window", slash="summary"),
    Action(id="count", label="Count the next prompt", help="Its tokens by the provider's own count", group="Window", slash="count", argument="[text]"),
    Action(id="cost", label="Cost", help="What this session, today and each model cost", group="Window", slash="cost"),
    Action(id="stats", label="Statistics", help="Turns, tokens and cost of each model, all days", group="Window", slash="stats"),
    Action(id="new", keys="ctrl+n", label="New session", help="Begin a new session", group="Sessions", slash="new", footer="New", priority=True),
    Action(id="clear", label="Clear", help="Begin an empty session; this one stays stored", group="Sessions", slash="clear", palette=False),
    Action(id="switch", keys="ctrl+o", label="Switch session", help="Go to another session", group="Sessions", slash="switch", argument="[title or id]", priority=True),
    Action(id="search", keys="f9", label="Search all sessions", help="Find what was said, in any session", group="Sessions", slash="search", argument="[words]", priority=True),
    Action(id="rename", keys="f6", label="Rename session", help="Give this session a title", group="Sessions", slash="rename", argument="[title]", priority=True),
    Action(id="title", label="Let the model write the title", help="The session's model names it", group="Sessions", slash="title"),
    Action(id="pin_session", label="Pin session", help="Keep it at the top of the list, or no longer", group="Sessions"),
    Action(id="archive", label="Archive session", help="Out of the list, or back; is:archived finds it", group="Sessions", slash="archive"),
    Action(id="tag", label="Tag session …", help="work -old adds and takes; tag:work finds it", group="Sessions", slash="tag", argument="[work -old]"),
    Action(id="delete", label="Delete session", help="Into the bin; Ctrl+Z brings it back", group="Sessions", slash="delete"),
    Action(id="bin", label="Bin", help="Bring back what was deleted, or empty the bin", group="Sessions", slash="bin"),
    Action(id="undo", keys="ctrl+z", label="Undo", help="Undo a deletion, tags, an archive, a cleanup …", group="Sessions", priority=True),
    Action(id="export", label="Export session", help="Write this session to a file", group="Sessions", slash="export", argument="[md|json|txt|html] [tree] [path]"),
    Action(id="import_archive", label="Import …", help="An export of ChatGPT, Claude, llm or brim", group="Sessions", slash="import", argument="[path]"),
    Action(id="model", keys="f4", label="Model", help="Choose the model that answers from now on", group="Answer", slash="model", argument="[id]"),
    Action(id="system", keys="f5", label="System prompt", help="Edit the system prompt of this session", group="Answer", slash="system", argument="[text]"),
    Action(id="parameters", keys="alt+p", label="Parameters", help="Temperature, longest answer, seed and the like", group="Answer", slash="parameters", argument="[temperature 0.2]", priority=True),
    Action(id="set", label="Set a parameter", help="One parameter; without a value the default", group="Answer", slash="set", argument="<temperature 0.2>", palette=False),
    Action(id="persona", keys="alt+n", label="Personas", help="Begin a session with one; make and edit them", group="Sessions", slash="persona", argument="[name]", priority=True),
    Action(id="stop", keys="escape", label="Stop", help="Stop the answer and keep it; close what is open", group="Answer", slash="stop"),
    Action(id="retry", keys="ctrl+r", label="Retry", help="Ask again for the last prompt", group="Answer", slash="retry"),
    Action(id="previous_branch", keys="alt+left", label="Previous branch", help="Where ‹2/3› stands; also ← in the transcript", group="Branches"),
    Action(id="next_branch", keys="alt+right", label="Next branch", help="The same forwards; also → in the transcript", group="Branches"),
    Action(id="edit", label="Edit prompt", help="Ask it differently; e in the transcript", group="Branches", slash="edit"),
    Action(id="regenerate", label="Regenerate answer", help="Beside the one there is; r in the transcript", group="Branches", slash="regenerate", argument="[model]"),
    Action(id="regenerate_with", label="Regenerate with …", help="By another model, which then is the session's", group="Branches"),
    Action(id="fork", label="Fork session", help="A session of all so far; f in the transcript", group="Branches", slash="fork"),
    Action(id="origin", label="Where it was forked from", help="Go to the message this session was forked from", group="Branches", slash="origin"),
    Action(id="choose", keys="space", label="Choose", help="For the keys to act on several; Esc lets go", group="Session list", place="sessions", palette=False),
    Action(id="list_pin", keys="p", label="Pin", help="Keep at the top, or no longer", group="Session list", place="sessions", palette=False),
    Action(id="list_archive", keys="a", label="Archive", help="Out of the list, or back into it", group="Session list", place="sessions", palette=False),
    Action(id="list_tag", keys="t", label="Tags", help="Label it; tag:work in the search line finds it", group="Session list", place="sessions", palette=False),
    Action(id="list_export", keys="x", label="Export", help="Each to a file of its own", group="Session list", place="sessions", palette=False),
    Action(id="list_delete", keys="d,delete", label="Delete", help="Into the bin; Ctrl+Z brings it back", group="Session list", place="sessions", palette=False),
    Action(id="list_search", keys="slash", label="Search", help="tag:work, model:gpt and is:archived narrow it", group="Session list", place="sessions", palette=False),
    Action(id="find", keys="ctrl+f", label="Find", help="Find text in this session", group="Transcript", slash="find", argument="[text]", priority=True),
    Action(id="copy", label="Copy last answer", help="Copy the message chosen, or the last answer", group="Transcript", slash="copy"),
    Action(id="copy_code", label="Copy last code block", help="Copy the code block that is nearest", group="Transcript"),
    Action(id="previous_message", keys="ctrl+up", label="Previous message", help="Go up by a message", group="Transcript", priority=True),
    Action(id="next_message", keys="ctrl+down", label="Next message", help="Go down by a message", group="Transcript", priority=True),
    Action(id="open_file", label="Look at attached files", help="Text or image; o in the transcript, or a click", group="Transcript"),
    Action(id="top", keys="ctrl+home", label="Beginning", help="Go to the first message", group="Transcript", priority=True),
    Action(id="bottom", keys="ctrl+end", label="End", help="Go to the end and follow the answer", group="Transcript", priority=True),
    Action(id="send", keys="enter", label="Send", help="Send the message", group="Composer", place="composer", palette=False),
    Action(id="newline", keys="ctrl+j,shift+enter,alt+enter,shift+\r", label="New line", help="Break the line; Shift+Enter in some terminals", group="Composer", place="composer", palette=False),
    Action(id="recall", keys="up", label="Earlier prompts", help="On the first line: earlier prompts; ↓ returns", group="Composer", place="composer", palette=False),
    Action(id="take_back", keys="alt+up", label="Take the queue back", help="Go on writing the prompts that wait", group="Composer"),
    Action(id="attach", label="Attach file", help="The same as @ and its name; or drop it here", group="Composer", slash="attach", argument="[path]"),
    Action(id="complete", keys="tab", label="Complete", help="After a / the command, after an @ the file", group="Composer", place="composer", palette=False),
    Action(id="scroll", keys="pageup,pagedown", label="Scroll", help="Scroll the transcript while writing", group="Composer", place="composer", palette=False),
    Action(id="palette", keys="ctrl+p", label="Command palette", help="Find any action, session, model or theme", group="brim", footer="Commands", palette=False),
    Action(id="settings", keys="f10", label="Settings", help="Providers, keys and all else, with their places", group="brim", slash="settings", argument="[words]", priority=True),
    Action(id="theme", keys="ctrl+t", label="Theme", help="Choose the colours, with a preview", group="brim", slash="theme", argument="[name]"),
    Action(id="log", keys="f12", label="Log", help="What was asked, what it took, what went wrong", group="brim", slash="log", argument="[words]", priority=True),
    Action(id="quit", keys="ctrl+q", label="Quit", help="End brim; everything is stored", group="brim", slash="quit", footer="Quit", priority=True),
    Action(id="exit", label="Exit", help="The same as /quit", group="brim", slash="exit", palette=False),
)  # fmt: skip

BY_ID = {action.id: action for action in ACTIONS}
GROUPS = tuple(dict.fromkeys(action.group for action in ACTIONS))

_KEY_WORDS = {
    "ctrl": "Ctrl", "shift": "Shift", "alt": "Alt", "enter": "Enter", "escape": "Esc", "tab": "Tab", "up": "↑", "down": "↓",
    "home": "Home", "end": "End", "pageup": "PgUp", "pagedown": "PgDn", "question_mark": "?", "slash": "/", "space": "Space", "left": "←", "right": "→", "delete": "Del",
}  # fmt: skip


def key_label(key: str) -> str:
    """Return a key as a person reads it: ``Ctrl+J`` for ``ctrl+j``."""
    return "+".join(_KEY_WORDS.get(part, part.upper()) for part in key.split("+"))


def screen_bindings() -> list[Binding]:
    """Return the bindings of the chat screen."""
    return [
        Binding(
            action.keys,
            f"do('{action.id}')",
            action.label,
            id=action.id,
            priority=action.priority,
            show=False,
        )
        for action in ACTIONS
        if action.keys and action.place == "screen"
    ]


def slash_actions() -> Iterator[Action]:
    """Yield the actions that have a slash command, in the order of the table."""
    return (action for action in ACTIONS if action.slash)

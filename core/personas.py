"""Personas: what sessions can be begun with, kept in ``personas.toml`` in the config folder.

Each table is a persona; what it leaves out stays as it is for every new session::

    ["Code reviewer"]
    system_prompt = "You review code. Be brief."
    model = "anthropic:claude-sonnet-4-5"
    temperature = 0.2              # and top_p, max_tokens, stop, seed, reasoning_effort
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from brim.core.errors import SettingsError
from brim.core.overrides import line_of
from brim.core.parameter_texts import MUST_BE
from brim.core.parameters import Parameters
from brim.core.places import read_text, toml_sentence
from brim.core.saving import put_text
from brim.core.text import visible_line

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


FILE_NAME = "personas.toml"
LONGEST_NAME = 40
"""In characters."""

_SHOWN_CHARS = 60
_NAMED = 8


class Persona(BaseModel):
    """What a session is begun with. An empty text leaves that to the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    system_prompt: str = ""
    model: str = ""
    """A model id, or a bare name."""
    parameters: Parameters = Parameters()


class _Table(Parameters):
    system_prompt: str = ""
    model: str = ""


class Personas:
    """The file and what is in it. It is read each time: a person may edit it meanwhile.

    Every method raises `SettingsError` where the file or a value in it is wrong; the sentence names the line
    and the field.

    Args:
        folder: the config folder.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._changes: list[tuple[str, str]] = []

    @property
    def file(self) -> Path:
        """Where they are kept."""
        return self._file

    def all(self) -> list[Persona]:
        """Return the personas in the order of the file."""
        return parse_personas(self._text())

    def find(self, name: str) -> Persona:
        """Return the persona with a name, or the only one that begins like that, letter case aside."""
        personas = self.all()
        wanted = name.strip().casefold()
        same = [one for one in personas if one.name.casefold() == wanted]
        begun = [one for one in personas if one.name.casefold().startswith(wanted)] if wanted else []
        if same or len(begun) == 1:
            return (same or begun)[0]
        shown = visible_line(name.strip())[:_SHOWN_CHARS]
        if not personas:
            raise SettingsError(
                f"There is no persona “{shown}”.", hint=f"There are none yet: {FILE_NAME} has them."
            )
        named = [visible_line(one.name) for one in begun or personas]
        more = " …" if len(named) > _NAMED else ""
        fits = f"“{shown}” fits several personas." if begun else f"There is no persona “{shown}”."
        raise SettingsError(fits, hint=f"There are {', '.join(named[:_NAMED])}{more}.")

    def save(self, persona: Persona, *, instead_of: str = "") -> None:
        """Write a persona, keeping the file's comments.

        Args:
            persona: what to write.
            instead_of: the name of the one it replaces, empty for a new one.

        Raises:
            SettingsError: the name is taken or cannot be one.
        """
        import tomlkit

        name = checked_name(persona.name)
        old = self.find(instead_of).name if instead_of else ""
        names = {one.name.casefold(): one.name for one in self.all()}
        names.pop(old.casefold(), None)
        if name.casefold() in names:
            raise SettingsError(f"There is a persona “{visible_line(names[name.casefold()])}” already.")
        text = self._text()
        document = self._document(_renamed(text, old, name) if old and old != name else text)
        if name not in document:
            if old:
                raise SettingsError(
                    f"{FILE_NAME} cannot be changed: the head of {visible_line(old)} is not found."
                )
            if document.body and not text.endswith("\n\n"):
                document.add(tomlkit.nl())
            document.add(name, tomlkit.table())
        _write(document[name], _as_table(persona))
        self._put(document)

    def delete(self, name: str) -> None:
        """Take a persona out of the file; `undo` brings it back."""
        document = self._document(self._text())
        document.pop(self.find(name).name)
        self._put(document)

    def undo(self) -> bool:
        """Take back the last change made here; false where there is none, or the file was changed since."""
        if not self._changes:
            return False
        before, after = self._changes.pop()
        if self._text() != after:
            self._changes.clear()
            return False
        put_text(self._file, before)
        return True

    def _put(self, document: TOMLDocument) -> None:
        import tomlkit

        before, after = self._text(), tomlkit.dumps(document)
        parse_personas(after)
        put_text(self._file, after)
        self._changes.append((before, after))

    def _document(self, text: str) -> TOMLDocument:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        parse_personas(text)
        try:
            return tomlkit.parse(text)
        except TOMLKitError as error:
            raise SettingsError(f"{FILE_NAME} cannot be changed: {visible_line(str(error))}.") from None

    def _text(self) -> str:
        return read_text(self._file, FILE_NAME) or ""


def parse_personas(text: str) -> list[Persona]:
    """Return the personas in the text of a ``personas.toml``, in its order.

    Raises:
        SettingsError: something in it is wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            toml_sentence(str(error), text, FILE_NAME),
            hint='A name with spaces stands in quotation marks: ["Code reviewer"].',
        ) from None
    return [_persona(name, table, text) for name, table in document.items()]


def checked_name(name: str) -> str:
    """Return a name without the blanks around it.

    Raises:
        SettingsError: it is empty, too long, or not printable.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise SettingsError(f"The name of a persona has 1 to {LONGEST_NAME} printable characters.")
    return name


def _persona(name: str, table: object, text: str) -> Persona:
    if not isinstance(table, Mapping):
        raise _wrong(
            text,
            "",
            name,
            f"{visible_line(name)[:_SHOWN_CHARS]} stands outside a table",
            "Begin with the persona's name: [Reviewer].",
        )
    try:
        checked_name(name)
    except SettingsError as error:
        raise _wrong(text, name, "", error.sentence.removesuffix(".")) from None
    given = dict(table)
    stop = given.get("stop")
    given |= (
        {"stop": (stop,) if isinstance(stop, str) else tuple(stop)} if isinstance(stop, str | list) else {}
    )
    try:
        found = _Table.model_validate(given, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        field = str(first["loc"][0])
        raise _wrong_field(text, name, field, table[field]) from None
    return Persona(name=name, system_prompt=found.system_prompt, model=found.model, parameters=found.alone())


def _wrong_field(text: str, name: str, field: str, value: object) -> SettingsError:
    fields = tuple(_Table.model_fields)
    if field not in fields:
        near = difflib.get_close_matches(field.lower(), fields, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(fields)}."
        return _wrong(text, name, field, f"there is no field {visible_line(field)[:_SHOWN_CHARS]!r}", hint)
    shown = visible_line(str(value))
    shown = f"{shown[:_SHOWN_CHARS]}…" if len(shown) > _SHOWN_CHARS else shown
    must_be = "a list of texts" if field == "stop" else MUST_BE.get(field, "a text")
    return _wrong(text, name, field, f'{field} is "{shown}", but it must be {must_be}')


def _wrong(text: str, name: str, field: str, what: str, hint: str = "") -> SettingsError:
    where = f", {visible_line(name)[:_SHOWN_CHARS]}" if name else ""
    return SettingsError(f"{FILE_NAME} line {line_of(text, name, field)}{where}: {what}.", hint=hint)


def _renamed(text: str, old: str, name: str) -> str:
    """Return the text with another name in the head of a table."""
    import tomlkit
    from tomlkit.items import SingleKey

    keys = (key.as_string() for key, _ in tomlkit.parse(text).body if key is not None and key.key == old)
    head = re.compile(rf"^(\s*\[\s*){re.escape(next(keys))}(\s*\])")
    lines = text.split("\n")
    at = line_of(text, old) - 1
    lines[at] = head.sub(lambda found: found[1] + SingleKey(name).as_string() + found[2], lines[at])
    return "\n".join(lines)


def _write(table: Any, wanted: Mapping[str, Any]) -> None:
    """Make a table say this and no more; the comments below it stay there."""
    for field in [field for field in table if field not in wanted]:
        del table[field]
    body = table.value.body
    below = []
    while body and body[-1][0] is None:
        below.append(body.pop())
    for field, value in wanted.items():
        if table.get(field) != value:
            table[field] = _multiline(value)
    for key, item in reversed(below):
        table.value.append(key, item)


def _as_table(persona: Persona) -> dict[str, Any]:
    texts = {"system_prompt": persona.system_prompt, "model": persona.model}
    given = persona.parameters.given()
    return {
        **{field: text for field, text in texts.items() if text},
        **{field: list(value) if isinstance(value, tuple) else value for field, value in given.items()},
    }


def _multiline(value: Any) -> Any:
    """Return a text of several lines as one that a person can read in the file."""
    if not isinstance(value, str) or "\n" not in value:
        return value
    import tomlkit

    return tomlkit.string(value, multiline=True)

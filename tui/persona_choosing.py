"""Personas on the screen: sessions are begun with them, and they are made, changed and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from brim.core.errors import BrimError
from brim.core.parameters import Parameters
from brim.core.personas import Persona, Personas
from brim.tui.choosing import ask, pick_model
from brim.tui.screens.fields import Field, FieldsScreen
from brim.tui.screens.personas import PersonasScreen, Verb
from brim.tui.tuning import SYSTEM_PROMPT, parameter_fields, with_text

if TYPE_CHECKING:
    from brim.tui.app import BrimApp
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen

_NAME, _MODEL = "name", "model"
_USUAL = "the usual"


async def begin(
    screen: ChatScreen, controller: ChatController, name: str, *, keeps_model: bool = False
) -> None:
    """Show an empty session that a persona answers in, by its own model unless that of now is kept.

    Raises:
        SettingsError: there is no such persona, or the file is wrong.
        AgentError: nothing has the name of its model.
    """
    persona = await asyncio.to_thread(Personas(screen.brim.config_folder).find, name)
    await controller.begin_with(persona.model_copy(update={"model": ""}) if keeps_model else persona)
    screen.composer.focus()


async def choose_persona(screen: ChatScreen, controller: ChatController) -> None:
    """Show the list until a session is begun or the person has done.

    Raises:
        SettingsError: the file is wrong.
        AgentError: nothing has the name of the model of the persona chosen.
    """
    await _Choosing(screen.brim, controller).run(screen)


class _Choosing:
    """The list, and what was done in it so far."""

    def __init__(self, app: BrimApp, controller: ChatController) -> None:
        self._app = app
        self._controller = controller
        self._personas = Personas(app.config_folder)
        self._chosen = ""
        self._told = ""

    async def run(self, screen: ChatScreen) -> None:
        """Show the list until a session is begun or the person has done."""
        while True:
            personas = await asyncio.to_thread(self._personas.all)
            shown = PersonasScreen(personas, chosen=self._chosen, told=self._told)
            taken = await self._app.push_screen_wait(shown)
            if taken is None:
                return
            verb, self._chosen = taken
            if verb == "begin":
                await begin(screen, self._controller, self._chosen)
                return
            try:
                self._told = await self._do(verb)
            except BrimError as error:
                self._told = f"{error.sentence} {error.hint}".strip()

    async def _do(self, verb: Verb) -> str:
        """Do something with the persona chosen; returns what to say of it."""
        name = self._chosen
        if verb == "delete":
            await asyncio.to_thread(self._personas.delete, name)
            return f"Deleted “{name}”. U brings it back."
        if verb == "undo":
            undone = await asyncio.to_thread(self._personas.undo)
            return "The last change is undone." if undone else "There is nothing to undo."
        if verb == "new":
            await self._make("Name of the new persona", Persona(name=""), opens=True)
        elif verb == "keep":
            controller = self._controller
            said = Persona(
                name="",
                system_prompt=controller.system_prompt,
                model=controller.model or "",
                parameters=controller.parameters,
            )
            await self._make("Name of the persona of this session", said, opens=False)
        else:
            await self._edit(name)
        return ""

    async def _make(self, title: str, persona: Persona, *, opens: bool) -> None:
        name = await ask(self._app, title, "")
        if name is None or not name.strip():
            return
        await asyncio.to_thread(self._personas.save, persona.model_copy(update={"name": name.strip()}))
        self._chosen = name.strip()
        if opens:
            await self._edit(self._chosen)

    async def _edit(self, name: str) -> None:
        self._chosen = name

        async def load() -> Sequence[Field]:
            return await self._fields(await self._persona())

        async def change(field: str, text: str) -> None:
            await self._change(await self._persona(), field, text)

        async def choose(field: str) -> str | None:
            del field
            persona = await self._persona()
            return await pick_model(self._app, self._controller, f"Model of {persona.name}", persona.model)

        await self._app.push_screen_wait(FieldsScreen(f"Persona · {name}", load, change, choose=choose))

    async def _persona(self) -> Persona:
        return await asyncio.to_thread(self._personas.find, self._chosen)

    async def _fields(self, persona: Persona) -> list[Field]:
        tuning = self._controller.manager.tuning
        model = self._model_of(persona)
        taken = await tuning.taken(model) if model else frozenset(Parameters.model_fields)
        # What is set is shown also where the model does not take it: else nobody could take it out.
        taken |= persona.parameters.given().keys()
        holding = {name: (value, "persona") for name, value in persona.parameters.given().items()}
        elsewhere = {name: (None, _USUAL) for name in Parameters.model_fields if name not in holding}
        return [
            Field(_NAME, "name", set_here=persona.name, shown=persona.name, hint="At most 40 characters"),
            Field(_MODEL, "model", set_here=persona.model, shown=persona.model or _USUAL, is_chosen=True),
            Field(
                SYSTEM_PROMPT,
                "system prompt",
                set_here=persona.system_prompt,
                shown=persona.system_prompt or _USUAL,
                has_several_lines=True,
            ),
            *parameter_fields(persona.parameters, taken, holding | elsewhere),
        ]

    def _model_of(self, persona: Persona) -> str | None:
        try:
            return self._controller.manager.agents.resolve(persona.model) if persona.model else None
        except BrimError:
            return None

    async def _change(self, persona: Persona, field: str, text: str) -> None:
        if field in (_NAME, _MODEL, SYSTEM_PROMPT):
            changed = persona.model_copy(update={field: text.strip() if field == _NAME else text})
        else:
            said = with_text(persona.parameters, field, text)
            changed = persona.model_copy(update={"parameters": said})
        await asyncio.to_thread(self._personas.save, changed, instead_of=persona.name)
        self._chosen = changed.name

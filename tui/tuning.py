"""How the session shown is asked: its system prompt and its parameters, on the screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from brim.core.parameter_texts import (
    LABELS,
    MUST_BE,
    in_short,
    parameter_named,
    parameter_text,
    parse_parameter,
)
from brim.core.parameters import Parameters
from brim.core.text import visible_line
from brim.tui.choosing import ask
from brim.tui.screens.fields import Field, FieldsScreen

if TYPE_CHECKING:
    from brim.tui.controller import ChatController
    from brim.tui.screens.chat import ChatScreen

SYSTEM_PROMPT = "system_prompt"
PROVIDERS_OWN = "the provider's own"


async def noted(controller: ChatController) -> list[str]:
    """Return what the header says of how the session shown is asked: only what its model takes."""
    persona, given = controller.persona, controller.parameters.given()
    taken = await controller.manager.tuning.taken(controller.model) if given else frozenset()
    parameters = in_short(Parameters(**{name: value for name, value in given.items() if name in taken}))
    return [*([f"as {persona}"] if persona else []), *([parameters] if parameters else [])]


async def set_system_prompt(screen: ChatScreen, controller: ChatController, text: str) -> None:
    """Set the system prompt; without a text the person is asked."""
    wanted: str | None = text
    if not text:
        wanted = await ask(screen.brim, "System prompt", controller.system_prompt, has_several_lines=True)
    if wanted is not None:
        await controller.set_system_prompt(wanted)
        screen.brim.tell("The system prompt holds from the next answer on.")


async def set_parameter(screen: ChatScreen, controller: ChatController, argument: str) -> None:
    """Set a parameter as in ``temperature 0.2``; without a value it is the default again.

    Raises:
        SettingsError: there is no such parameter, or the value is none for it.
    """
    name, _, value = argument.replace("=", " ", 1).partition(" ")
    field = parameter_named(name)
    await controller.set_parameters(with_text(controller.parameters, field, value.strip()))
    said = parameter_text(field, getattr(controller.parameters, field))
    label = LABELS[field].capitalize()
    sentence = f"{label} is {said} from the next answer on." if said else f"{label} is the default again."
    if said and field not in await controller.manager.tuning.taken(controller.model):
        sentence = f"{label} is {said}, but this model does not take it."
    screen.brim.tell(sentence)


async def show_parameters(screen: ChatScreen, controller: ChatController) -> None:
    """Show what holds for the session, to be changed."""

    async def load() -> Sequence[Field]:
        tuning = controller.manager.tuning
        taken = await tuning.taken(controller.model)
        prompt = Field(
            SYSTEM_PROMPT,
            "system prompt",
            set_here=controller.system_prompt,
            shown=controller.system_prompt or "none",
            hint="What the model is told before everything else",
            has_several_lines=True,
        )
        holding = tuning.in_effect(controller.model, controller.parameters)
        return [prompt, *parameter_fields(controller.parameters, taken, holding)]

    async def change(name: str, text: str) -> None:
        if name == SYSTEM_PROMPT:
            await controller.set_system_prompt(text)
        else:
            await controller.set_parameters(with_text(controller.parameters, name, text))

    note = _note(controller.parameters, await controller.manager.tuning.taken(controller.model))
    title = f"Parameters · {controller.model or 'no model'}"
    await screen.brim.push_screen_wait(FieldsScreen(title, load, change, note=note))


def _note(parameters: Parameters, taken: frozenset[str]) -> str:
    """Return what is to be said of parameters that the model does not take, empty where there are none."""
    untaken = {name: value for name, value in parameters.given().items() if name not in taken}
    if untaken:
        said = in_short(Parameters(**untaken))
        return f"This model does not take {said}. It is kept for one that does."
    return "" if taken else "This model takes no parameters."


def with_text(parameters: Parameters, field: str, text: str) -> Parameters:
    """Return the parameters with what a text means for one of them; an empty text takes it out.

    Raises:
        SettingsError: the text is no right value.
    """
    return parameters.model_copy(update={field: parse_parameter(field, text)})


def parameter_fields(
    parameters: Parameters, taken: frozenset[str], holding: Mapping[str, tuple[object, str]]
) -> list[Field]:
    """Return a field for each parameter that is taken.

    Args:
        parameters: what is set here.
        taken: the names of those that are shown.
        holding: what holds, and the place that says it.
    """
    fields = []
    for name, label in LABELS.items():
        if name not in taken:
            continue
        value, place = holding.get(name, (None, PROVIDERS_OWN))
        fields.append(
            Field(
                name,
                label,
                set_here=parameter_text(name, getattr(parameters, name)),
                shown=visible_line(parameter_text(name, value)) or "–",
                source=place,
                hint=MUST_BE[name][:1].upper() + MUST_BE[name][1:],
            )
        )
    return fields

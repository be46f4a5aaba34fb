"""The options that say how a question is asked: its parameters and its persona."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

    from brim.core.parameters import Parameters
    from brim.core.personas import Persona
    from brim.core.sessions import SessionManager
    from brim.core.types import Session

persona_option = click.option("--persona", metavar="NAME", help="Begin with this persona of personas.toml.")

_OPTIONS = {
    "temperature": ("--temperature", "NUMBER", "How freely words are chosen, 0 to 2."),
    "top_p": ("--top-p", "NUMBER", "The share of likely words to choose from, 0 to 1."),
    "max_tokens": ("--max-tokens", "N", "The longest answer, in tokens."),
    "seed": ("--seed", "N", "Choose the same words again, where the model can."),
    "reasoning_effort": ("--effort", "WORD", "How much to think: none, minimal, low, medium, high, xhigh."),
}


def parameter_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options for parameters; it is told them as ``parameters``, ``None`` where there are none."""

    @wraps(command)
    def told(*args: Any, stop: tuple[str, ...], **given: Any) -> int:
        texts = {field: given.pop(field) for field in _OPTIONS}
        parameters = None
        if stop or any(text is not None for text in texts.values()):
            from brim.core.parameter_texts import parse_parameter
            from brim.core.parameters import Parameters

            said = {field: parse_parameter(field, text) for field, text in texts.items() if text is not None}
            parameters = Parameters(stop=tuple(filter(None, stop)), **said)
        return command(*args, parameters=parameters, **given)

    for field, (name, metavar, words) in reversed(_OPTIONS.items()):
        told = click.option(name, field, metavar=metavar, help=words)(told)
    return click.option(
        "--stop", metavar="TEXT", multiple=True, help="Where the answer ends. May be repeated."
    )(told)


def persona_for(
    manager: SessionManager, folder: Path, name: str, *, model: str | None, system: str | None
) -> Persona:
    """Return the persona with a name, without what other options say.

    Args:
        manager: knows the names of models.
        folder: the config folder.
        name: of the persona.
        model: the model that another option names.
        system: the system prompt that another option gives.

    Raises:
        SettingsError: there is no such persona, or the file is wrong.
        AgentError: nothing has the name of its model.
    """
    from brim.core.personas import Personas

    persona = Personas(folder).find(name)
    if model:
        persona = persona.model_copy(update={"model": ""})
    elif persona.model:
        persona = persona.model_copy(update={"model": manager.agents.resolve(persona.model)})
    return persona if system is None else persona.model_copy(update={"system_prompt": ""})


async def tuned(
    manager: SessionManager, session: Session, persona: Persona | None, parameters: Parameters | None
) -> Session:
    """Ask a session from now on as a persona and parameters say; the parameters come first, then the persona's."""
    if persona is not None:
        session = await manager.tuning.use_persona(session.id, persona)
    if parameters is not None:
        said = parameters.over(session.parameters)
        session = await manager.tuning.set_parameters(session.id, said)
    return session

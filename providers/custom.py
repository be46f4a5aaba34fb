"""A person's own agent, named on the command line as ``module:Class``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from brim.core.agent import AgentInterface
from brim.core.errors import AgentLoadError, BrimError

_HINT = "Write it as --agent module:Class, for example --agent my_agent:MyAgent."


def load_agent(name: str) -> AgentInterface:
    """Import and make the agent that ``name`` names; the module may lie in the working folder.

    ``module:Class`` is called without arguments, ``module:instance`` is taken as it is. The module's own code
    runs, as far as importing it goes.

    Raises:
        AgentLoadError: it cannot be had; the sentence says at which step and why.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not all(part.isidentifier() for part in (*module_name.split("."), *attribute.split("."))):
        raise AgentLoadError(f"“{name}” does not name an agent.", hint=_HINT)
    module = _import(module_name)
    found = module
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise AgentLoadError(
                f"The module {module_name} has no {attribute}.", hint=_similar(module)
            ) from None
    if isinstance(found, AgentInterface):
        return found
    if not isinstance(found, type) or not issubclass(found, AgentInterface):
        raise AgentLoadError(
            f"{name} is no agent: it does not inherit from brim.AgentInterface.",
            hint="Write `class MyAgent(AgentInterface)` with an async method `process`.",
        )
    return _make(name, found)


def _import(module_name: str) -> object:
    folder = str(Path.cwd())
    if folder not in sys.path:
        # Last: a file there that happens to be called openai.py must not take the place of the library.
        sys.path.append(folder)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
            raise AgentLoadError(
                f"There is no module {module_name}.",
                hint=f"Looked for it in {folder} and among the installed.",
            ) from None
        raise AgentLoadError(
            f"The module {module_name} needs the module {error.name}, which is not installed."
        ) from None
    except (Exception, SystemExit) as error:  # the module is a stranger's code and may do anything
        raise AgentLoadError(f"The module {module_name} cannot be imported: {_described(error)}.") from error


def _make(name: str, kind: type[AgentInterface]) -> AgentInterface:
    if missing := sorted(kind.__abstractmethods__):
        raise AgentLoadError(
            f"{name} cannot be made: it lacks {', '.join(missing)}.",
            hint="Write `async def process(self, context)`, which returns an AgentResponse.",
        )
    try:
        return kind()
    except TypeError as error:
        raise AgentLoadError(
            f"{name} cannot be made without arguments: {error}.",
            hint="Give its constructor defaults, or name an instance: --agent module:instance.",
        ) from error
    except BrimError:
        raise
    except Exception as error:  # a stranger's constructor
        raise AgentLoadError(f"{name} cannot be made: {_described(error)}.") from error


def _similar(module: object) -> str:
    agents = sorted(
        name
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, AgentInterface) and value is not AgentInterface
    )
    return f"It has {', '.join(agents)}." if agents else ""


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

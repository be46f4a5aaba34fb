"""``brim doctor``: what works, what does not, and how to mend it. No request that costs money is sent."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from brim._version import __version__
from brim.cli.edge import DONE, FAILED
from brim.cli.output import put, styled, write, write_json
from brim.cli.store_option import chosen_store
from brim.core import references
from brim.core.catalogue import use_overrides
from brim.core.errors import BrimError, SettingsError
from brim.core.log_file import LogFile, log_files, new_entry
from brim.core.overrides import FILE_NAME, load_overrides
from brim.core.paths import Paths
from brim.core.places import variable, without_secrets
from brim.core.presets import PRESETS
from brim.core.provider_tables import SET_APART
from brim.core.references import References
from brim.core.settings import Settings, load_settings
from brim.core.store.checkup import check_up
from brim.core.store.urls import file_of, look_at, named_url
from brim.core.text import visible_line
from brim.providers.listing import AnyServer
from brim.providers.local import BUNDLED_MODEL, find_model, is_installed
from brim.providers.reaching import why_silent
from brim.providers.registry import Registry
from brim.providers.vaults import fetchers
from brim.providers.windows import PROBE_TIMEOUT_S

_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", None)}
_KITTY_PROGRAMS = ("ghostty", "WezTerm", "kitty", "iTerm.app", "rio")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``ok`` is ``None`` where there is nothing to be right or wrong."""

    name: str
    ok: bool | None
    sentence: str
    mend: str = ""
    """What to do about it; empty when there is nothing to do."""
    is_needed: bool = False
    """Whether brim cannot be used while this is wrong."""


def _good(name: str, sentence: str, *, is_needed: bool = False) -> Check:
    return Check(name, ok=True, sentence=sentence, is_needed=is_needed)


def _bad(name: str, sentence: str, mend: str = "", *, is_needed: bool = False) -> Check:
    return Check(name, ok=False, sentence=sentence, mend=mend, is_needed=is_needed)


def _fact(name: str, sentence: str, mend: str = "") -> Check:
    return Check(name, ok=None, sentence=sentence, mend=mend)


async def examine(*, as_json: bool) -> int:
    """Look at everything; the exit code says whether brim can be used."""
    paths = Paths.find()
    checks = await _checks(paths)
    is_usable = not any(check.is_needed and check.ok is False for check in checks)
    if as_json:
        write_json(
            {
                "ok": is_usable,
                "version": __version__,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "checks": [asdict(check) for check in checks],
            }
        )
        return DONE if is_usable else FAILED
    write(f"brim {__version__} · Python {platform.python_version()} · {platform.platform(terse=True)}\n")
    for check in checks:
        mark, colour = _MARKS[check.ok]
        put(f"{styled(mark, fg=colour)} {check.name}: {visible_line(check.sentence)}")
        if check.mend:
            write(f"    {check.mend}")
    write("\nbrim can be used." if is_usable else "\nbrim cannot be used yet.")
    return DONE if is_usable else FAILED


async def _checks(paths: Paths) -> list[Check]:
    references.use(References(fetchers()))
    try:
        settings = load_settings(paths, chosen_store())
    except SettingsError as error:
        mend = error.hint or "Set another value there, or take it out."
        settings, first = Settings(), _bad("settings", error.sentence, mend, is_needed=True)
    else:
        first = _settings_file(paths)
    return [
        first,
        *_own_models(paths),
        *(_bad("settings", warning) for warning in settings.warnings),
        *await _providers(settings, paths),
        _local_model(settings),
        await asyncio.to_thread(_data, settings, paths.database),
        await asyncio.to_thread(_log, settings, paths.logs),
        *_modes(paths),
        *_terminal(),
    ]


def _settings_file(paths: Paths) -> Check:
    there = paths.config_file.is_file()
    found = (
        f"{paths.config_file} is right" if there else f"There is no {paths.config_file}; defaults are used"
    )
    return _good("settings", f"{found}.", is_needed=True)


def _own_models(paths: Paths) -> Iterator[Check]:
    """Read the person's own windows and prices, if there are any."""
    try:
        overrides = load_overrides(paths.config)
    except SettingsError as error:
        mend = error.hint or f"Mend {paths.config / FILE_NAME}, or take the table out."
        yield _bad(FILE_NAME, error.sentence, mend, is_needed=True)
        return
    use_overrides(overrides)
    if overrides:
        count = f"{len(overrides)} {'model or pattern' if len(overrides) == 1 else 'models and patterns'}"
        yield _good(FILE_NAME, f"{paths.config / FILE_NAME} has figures of yours for {count}.")


async def _providers(settings: Settings, paths: Paths) -> list[Check]:
    """Look at keys, servers and the model of a new session."""
    try:
        registry = Registry(settings, paths.logs)
    except BrimError as error:
        return [_bad("model", error.sentence, error.hint, is_needed=True)]
    try:
        servers = registry.servers.values()
        keys = await asyncio.gather(*(_key(settings, server) for server in servers))
        return [
            *(key for key in keys if key is not None),
            *await asyncio.gather(*(_server(settings, server) for server in servers)),
            *_known_by_name(registry),
            *await _found(registry),
            await _files(settings, registry),
            await _model(registry),
        ]
    finally:
        await registry.aclose()


async def _key(settings: Settings, server: AnyServer) -> Check | None:
    """Tell whether there is a key, which a command or a file is asked for."""
    name, field, source = f"{server.provider} key", f"{server.provider}_api_key", server.profile.key
    if server.provider in SET_APART and getattr(settings, field) is not None:
        return _good(name, f"{settings.place_of(field)} is set.")
    if source is not None:
        try:
            await source.fetch()
        except BrimError as error:
            return _bad(name, error.sentence, error.hint)
        return _good(name, f"{source.place} is set." if source.value else f"{source.place} gives a key.")
    if server.key_variable:
        preset = server.profile.preset
        whose = f"{preset.title}'s models" if preset is not None and server.is_own else "it"
        return _fact(name, "No key is set.", f"Set {server.key_variable} to use {whose}.")
    return None


async def _server(settings: Settings, server: AnyServer) -> Check:
    """Ask a server that the person has named for its models. A provider's own is not asked."""
    name, url = f"{server.provider} server", server.base_url
    if server.is_own:
        return _fact(name, f"{server.name}'s own, which is not asked here.")
    place = without_secrets(url)
    if not await _answers(url):
        change = server.profile.url_place
        if server.provider in SET_APART and not change:
            change = settings.place_of(f"{server.provider}_base_url")
        return _bad(name, f"Nothing answers at {place}.", f"Start it, or change {change or 'the base URL'}.")
    models = await server.models()
    if models is not None:
        return _good(name, f"{place} serves {_models(len(models))}.")
    if server.protocol != "openai":
        return _good(name, f"{place} can be reached.")
    why = await why_silent(server)
    return _bad(name, why.sentence, why.hint)


def _known_by_name(registry: Registry) -> Iterator[Check]:
    """Tell which further providers need no more than a key."""
    unset = {
        name: preset.key_env
        for name, preset in PRESETS.items()
        if preset.key_env and name not in registry.servers
    }
    if unset:
        sentence = f"Known by name, without a key: {', '.join(unset)}."
        yield _fact(
            "other providers",
            sentence,
            f"To use one, press F10 in brim, or set {' or '.join(unset.values())}.",
        )


async def _found(registry: Registry) -> list[Check]:
    """Look for servers that run on this machine."""
    found = await registry.found_servers()
    if not found:
        places = ", ".join(
            f"{name} {urlsplit(preset.base_url).port}" for name, preset in PRESETS.items() if preset.is_local
        )
        return [_fact("local servers", f"None answers at its usual port ({places}).")]
    return [
        _good(f"{name} server", f"{without_secrets(PRESETS[name].base_url)} serves {_models(count)}.")
        for name, count in found.items()
    ]


async def _files(settings: Settings, registry: Registry) -> Check:
    """Look for the files of local models that the person, or another program, keeps on this machine."""
    name, folder = "local models", settings.local_models
    if folder is not None and not folder.is_dir():
        return _bad(name, f"{folder} is not a folder.", f"Change {settings.place_of('local_models')}.")
    found = await registry.found_files()
    if not found:
        mend = f"Set {variable('local_models')} to a folder of GGUF files to use them by name."
        return _fact(
            name, "None is found in a folder of yours, Ollama, LM Studio or the Hugging Face cache.", mend
        )
    return _good(name, f"{', '.join(f'{_models(count)} from {place}' for place, count in found.items())}.")


def _models(count: int) -> str:
    return f"{count} {'model' if count == 1 else 'models'}"


async def _answers(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, UnicodeError):
        return False
    writer.close()
    return True


def _local_model(settings: Settings) -> Check:
    name, file = "local model", settings.local_model or find_model(BUNDLED_MODEL)
    if not is_installed():
        return _fact(
            name, "llama.cpp is not installed.", "pip install 'brim[local]', or uv sync --group local"
        )
    if file is None:
        return _fact(name, "There is no model file.", f"Set {variable('local_model')} to a GGUF file.")
    if not file.is_file():
        return _bad(name, f"{file} is not there.", f"Change {variable('local_model')}.")
    return _good(name, f"{file.name}, {_size(file)}, runs on this machine.")


async def _model(registry: Registry) -> Check:
    """Look for a model that a new session could use."""
    try:
        model = await registry.default_model()
        reason = "No model can be used." if model is None else registry.unavailable(registry.resolve(model))
    except BrimError as error:
        return _bad("model", error.sentence, error.hint, is_needed=True)
    mend = "Set a key, start a local server, or install the local model; see the lines above."
    if model is None:
        return _bad("model", reason, mend, is_needed=True)
    if reason:
        return _bad("model", f"{model} cannot be used: {reason}", mend, is_needed=True)
    return _good("model", f"{model} can be used.", is_needed=True)


def _data(settings: Settings, default: Path) -> Check:
    try:
        url = named_url(settings.store)
        file = file_of(url, default)
        if url is None or file is not None:
            return _data_file(file or default)
        return _good("data", look_at(url), is_needed=True)
    except BrimError as error:
        return _bad("data", error.sentence, error.hint, is_needed=True)


def _data_file(file: Path) -> Check:
    if not file.exists():
        folder = next(parent for parent in file.parents if parent.exists())
        if os.access(folder, os.W_OK | os.X_OK) and folder.is_dir():
            return _good("data", f"{file} will be made with the first session.", is_needed=True)
        mend = "Set BRIM_HOME to a folder that you can write to."
        return _bad("data", f"{file} cannot be made: {folder} is closed to you.", mend, is_needed=True)
    found = check_up(file)
    if found.trouble:
        mend = "Move it away, or set BRIM_HOME to another folder."
        return _bad("data", f"{file}: {found.trouble}.", mend, is_needed=True)
    if not os.access(file, os.W_OK):
        return _bad("data", f"{file} cannot be written.", f"chmod 600 '{file}'", is_needed=True)
    return _good("data", f"{file}, {_size(file)}, schema {found.schema_version}, is sound.", is_needed=True)


def _log(settings: Settings, folder: Path) -> Check:
    """Write an entry, where there is a log: whoever runs brim is not told when that fails."""
    if settings.log_level == "off":
        return _fact("log", "Nothing is logged.", f"{settings.place_of('log_level')} says so.")
    if not folder.is_dir():
        return _fact("log", f"{folder} will be made with the first session.")
    entry = new_entry("info", "doctor")
    try:
        LogFile(folder).write(entry)
    except OSError as error:
        mend = "Make room, or look at who may write there; brim goes on without a log."
        return _bad("log", f"{folder} cannot be written: {error.strerror}.", mend)
    files = [file for file in log_files(folder) if file.is_file()]
    texts = " It holds what was said: log_messages is set." if settings.log_messages else ""
    sizes = f"{sum(file.stat().st_size for file in files) / 1e6:,.1f} MB"
    return _good("log", f"{files[0]}, {sizes}, can be written.{texts}")


def _modes(paths: Paths) -> Iterator[Check]:
    """Look for what other people of this machine could read."""
    for thing, right in ((paths.database, 0o600), (paths.config_file, 0o600), (paths.data, 0o700)):
        if thing.exists() and (mode := stat.S_IMODE(thing.stat().st_mode)) & 0o077:
            sentence = f"{thing} is open to others ({mode:03o})."
            yield _bad("privacy", sentence, f"chmod {right:o} '{thing}'")


def _terminal() -> Iterator[Check]:
    name = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield _fact("terminal", f"Standard output is no terminal (TERM={name or 'not set'}).")
        return
    columns, lines = shutil.get_terminal_size()
    seen = f"{columns} columns, {lines} lines."
    if columns >= 80 and lines >= 24:
        yield _good("terminal size", seen)
    else:
        yield _bad("terminal size", seen, "brim is made for 80×24 and more.")
    yield _colours(name)
    encoding = (sys.stdout.encoding or "").lower()
    if encoding.replace("-", "") == "utf8":
        yield _good("terminal encoding", "UTF-8.")
    else:
        yield _bad(
            "terminal encoding", f"{encoding or 'unknown'}.", "Set LANG to a UTF-8 locale, e.g. C.UTF-8."
        )
    program = os.environ.get("TERM_PROGRAM", "")
    if "KITTY_WINDOW_ID" in os.environ or "kitty" in name or program in _KITTY_PROGRAMS:
        yield _good("terminal keys", "Shift+Enter can be told from Enter.")
    else:
        yield _fact("terminal keys", "Shift+Enter may arrive as Enter; Ctrl+J always breaks the line.")


def _colours(name: str) -> Check:
    if os.environ.get("NO_COLOR"):
        return _fact("terminal colours", "Off, because NO_COLOR is set.")
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit") or name.endswith("-direct"):
        return _good("terminal colours", f"16 million (TERM={name}).")
    if "256" in name:
        mend = "Set COLORTERM=truecolor if your terminal has more."
        return _fact("terminal colours", f"256 (TERM={name}).", mend)
    mend = "Set TERM=xterm-256color and COLORTERM=truecolor if your terminal has more."
    if name in ("", "dumb"):
        return _bad("terminal colours", f"None (TERM={name or 'not set'}).", mend)
    return _fact("terminal colours", f"16 (TERM={name}).", mend)


def _size(file: Path) -> str:
    size = file.stat().st_size
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"

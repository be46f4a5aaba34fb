"""Providers of ``config.toml``: what is right, which sentence tells what is wrong, and where keys may go."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from brim.core import keys
from brim.core.errors import SettingsError
from brim.core.keys import KeySource
from brim.core.parameters import Parameters
from brim.core.paths import Paths
from brim.core.presets import PRESETS
from brim.core.provider_tables import is_at
from brim.core.settings import Settings, check_config, load_settings
from tests.support.processes import is_alive, until

KEY = "plain-and-secret-0123456789"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.find({"BRIM_HOME": str(tmp_path)})
    found.make()
    return found


def _load(
    paths: Paths, config: str = "", dotenv: str = "", mode: int = 0o600, **environment: str
) -> Settings:
    paths.config_file.write_text(config, encoding="utf-8")
    paths.config_file.chmod(mode)
    Path(".env").write_text(dotenv, encoding="utf-8")
    return load_settings(paths, environment=environment)


def _refused(paths: Paths, config: str, **more: object) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        _load(paths, config, **more)  # type: ignore[arg-type]
    assert KEY not in str(caught.value)
    return caught.value


def test_a_name_and_a_key_are_enough(paths: Paths) -> None:
    settings = _load(paths, GROQ_API_KEY=KEY)
    groq = settings.providers["groq"]
    assert groq.base_url == "https://api.groq.com/openai/v1"
    assert groq.key is not None
    assert groq.key.value == SecretStr(KEY)
    assert groq.key.place == "GROQ_API_KEY in the environment"
    assert settings.providers["mistral"].key is None
    assert list(settings.providers) == list(PRESETS)
    assert KEY not in repr(settings.providers)


def test_the_usual_variable_may_stand_in_dotenv(paths: Paths) -> None:
    found = _load(paths, dotenv=f"\nGROQ_API_KEY={KEY}\n").providers["groq"].key
    assert found is not None
    assert found.place == "GROQ_API_KEY in .env line 2"
    stronger = _load(paths, dotenv="GROQ_API_KEY=weak-key\n", GROQ_API_KEY=KEY).providers["groq"].key
    assert stronger is not None
    assert stronger.value == SecretStr(KEY)


async def test_a_variable_that_holds_no_key_hinders_nothing_else(paths: Paths) -> None:
    source = _load(paths, GROQ_API_KEY=f"{KEY} and more").providers["groq"].key
    assert source is not None
    with pytest.raises(SettingsError, match="GROQ_API_KEY in the environment is no usable key") as caught:
        await source.fetch()
    assert KEY not in str(caught.value)


def test_a_table_says_everything(paths: Paths) -> None:
    work = _load(
        paths,
        """
[providers.work]
kind = "openai-responses"
base_url = "https://llm.example.com/v1"
key_env = "WORK_KEY"
headers = { X-Team = "search" }
temperature = 0.5
top_p = 0.9
max_tokens = 99
no_system = true
no_stream_options = false

[providers.work.parameters]
seed = 7
top_k = 40
""",
        WORK_KEY=KEY,
    ).providers["work"]
    assert (work.kind, work.base_url) == ("openai-responses", "https://llm.example.com/v1")
    assert work.key is not None
    assert work.key.value == SecretStr(KEY)
    assert work.headers == {"X-Team": SecretStr("search")}
    assert work.defaults == Parameters(temperature=0.5, top_p=0.9, max_tokens=99, seed=7)
    assert work.parameters == {"top_k": 40}
    assert work.lacks == {"system"}
    assert work.place == "providers.work in config.toml line 2"


@pytest.mark.parametrize(
    ("table", "line", "words"),
    [
        ('base_url = "http://x/v1"\nkind = "gemini"', 4, 'kind is "gemini", but it must be openai'),
        ('kind = "openai"', 2, "base_url is missing"),
        ('base_url = "x"', 3, 'base_url is "x", but it must be a URL'),
        ('base_url = "http://u:hunter2@/v1"', 3, "base_url is"),
        ('base_ur = "http://x/v1"', 3, "Did you mean base_url?"),
        ('base_url = "http://x"\n\n# a comment\nmax_tokens = true', 6, "a whole number above 0"),
        ('base_url = "http://x"\ntemperature = 3', 4, "a number from 0 to 2"),
        ('base_url = "http://x"\ntemperature = nan', 4, "a number from 0 to 2"),
        ('base_url = "http://x"\nheaders = { "X Y" = "1" }', 4, "headers is not right"),
        ('base_url = "http://x"\nheaders = { content-length = "3" }', 4, "headers is not right"),
        ('base_url = "http://x"\nheaders = { X = "a\\nb" }', 4, "headers is not right"),
        ('base_url = "http://x"\nkey_command = "pass \'show"', 4, "this is no command"),
        ('base_url = "http://x"\nkey_env = "a b"', 4, "the name of an environment variable"),
        (f'base_url = "http://x"\napi_key = "{KEY} x"', 4, "api_key is not right"),
        ('base_url = "http://x"\nkey_env = "A"\nkey_file = "b"', 5, "key_file stands beside key_env"),
        ('base_url = "http://x"\nno_system = "yes"', 4, "true or false"),
        ('base_url = "http://x"\nseed = true', 4, "a whole number"),
        ('base_url = "http://x"\nstop = [""]', 4, "a text or a list of texts"),
        ('base_url = "http://x"\nreasoning_effort = "much"', 4, "none, minimal, low"),
        ('base_url = "http://x"\nparameters = { top_p = 3 }', 4, "top_p must be a number from 0 to 1"),
        ('base_url = "http://x"\nparameters = { model = "y" }', 4, "model is brim's own to set"),
    ],
)
def test_what_is_wrong_is_said_with_line_and_field(paths: Paths, table: str, line: int, words: str) -> None:
    error = _refused(paths, f"theme = 'dusk'\n[providers.work]\n{table}\n")
    assert error.sentence.startswith(f"config.toml line {line}, providers.work: ")
    assert words in str(error)
    assert "hunter2" not in str(error)
    with pytest.raises(SettingsError):
        check_config(f"[providers.work]\n{table}\n")


def test_the_guides_example_is_right(paths: Paths) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "user-guide.md").read_text(encoding="utf-8")
    (example,) = (
        block for block in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL) if "[providers" in block
    )
    providers = _load(paths, example).providers
    assert providers["work"].defaults.seed == 7
    assert providers["work"].defaults.top_p == 0.9
    assert providers["openai"].key is not None
    for preset in PRESETS.values():
        assert not preset.key_env or f"`{preset.key_env}`" in guide


@pytest.mark.parametrize("name", ["local", "scripted", "agent", "Work", '"a:b"', '""'])
def test_names_that_cannot_be(paths: Paths, name: str) -> None:
    assert "this name" in str(_refused(paths, f'[providers.{name}]\nbase_url = "http://x/v1"\n'))


def test_providers_that_are_no_tables(paths: Paths) -> None:
    assert "providers is no table" in str(_refused(paths, "\nproviders = 3\n"))
    assert "line 2, providers.x: this is no table" in str(_refused(paths, "[providers]\nx = 3\n"))


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
@pytest.mark.parametrize("secret", [f'api_key = "{KEY}"', f'headers = {{ Authorization = "Bearer {KEY}" }}'])
def test_a_secret_in_a_file_that_others_can_read_is_refused(paths: Paths, secret: str) -> None:
    config = f'[providers.work]\nbase_url = "http://x/v1"\n{secret}\n'
    error = _refused(paths, config, mode=0o644)
    assert "line 3, providers.work" in error.sentence
    assert "(644)" in error.sentence
    assert "chmod 600" in error.hint
    assert _load(paths, config).providers["work"].base_url == "http://x/v1"
    _load(paths, '[providers.work]\nbase_url = "http://x/v1"\nkey_env = "A"\n', mode=0o644)


def test_the_usual_key_goes_to_the_usual_server_only(paths: Paths) -> None:
    elsewhere = '[providers.groq]\nbase_url = "https://elsewhere.example/v1"\n'
    assert _load(paths, elsewhere, GROQ_API_KEY=KEY).providers["groq"].key is None
    plain = '[providers.groq]\nbase_url = "http://api.groq.com/openai/v1"\n'
    assert _load(paths, plain, GROQ_API_KEY=KEY).providers["groq"].key is None
    assert _load(paths, "[providers.groq]\ntop_p = 0.5\n", GROQ_API_KEY=KEY).providers["groq"].key is not None
    named = _load(paths, f'{elsewhere}key_env = "GROQ_API_KEY"\n', GROQ_API_KEY=KEY)
    assert named.providers["groq"].key is not None


def test_a_table_of_openai_with_a_key_command(paths: Paths) -> None:
    config = '[providers.openai]\nkey_command = "pass show openai"\n'
    settings = _load(paths, config, OPENAI_API_KEY="weaker-key")
    assert settings.openai_api_key is None
    assert settings.providers["openai"].key is not None
    # A server that the environment names gets it too; one that a file in the working folder names does not.
    assert _load(paths, config, OPENAI_BASE_URL="http://127.0.0.1:9/v1").providers["openai"].key is not None
    settings = _load(paths, config, dotenv="OPENAI_BASE_URL=http://127.0.0.1:9/v1\n")
    assert settings.openai_base_url is None
    assert settings.providers["openai"].key is None
    assert "uses neither" in settings.warnings[0]


def test_the_environments_key_does_not_go_where_a_table_points(paths: Paths) -> None:
    config = '[providers.openai]\nbase_url = "https://elsewhere.example/v1"\n'
    settings = _load(paths, config, OPENAI_API_KEY=KEY)
    assert (settings.openai_api_key, settings.openai_base_url) == (None, None)
    assert "providers.openai.base_url in config.toml line 2" in settings.warnings[0]
    settings = _load(paths, f'{config}key_env = "OPENAI_API_KEY"\n', OPENAI_API_KEY=KEY)
    assert settings.openai_base_url == "https://elsewhere.example/v1"
    assert settings.providers["openai"].key is not None
    assert settings.warnings == ()


def test_headers_do_not_go_to_a_server_that_dotenv_names(paths: Paths) -> None:
    config = f'[providers.openai]\nheaders = {{ X-Gate = "{KEY}" }}\n'
    dotenv = "OPENAI_BASE_URL=http://127.0.0.1:9/v1\nOPENAI_API_KEY=theirs-123\n"
    assert _load(paths, config).providers["openai"].headers
    assert not _load(paths, config, dotenv=dotenv).providers["openai"].headers


def test_which_addresses_are_a_providers_own() -> None:
    assert is_at(PRESETS["together"], "https://api.together.ai/v1")
    assert not is_at(PRESETS["together"], "http://api.together.ai/v1")
    assert not is_at(PRESETS["groq"], "https://api.groq.com.evil.example/v1")
    assert is_at(PRESETS["ollama"], "http://127.0.0.1:11434/v1")
    assert not is_at(PRESETS["ollama"], "http://127.0.0.1:11435/v1")


# --- where keys come from ---------------------------------------------------------------------------------


def _command(code: str, *arguments: str) -> KeySource:
    words = [sys.executable, "-c", code, *arguments]
    return KeySource(place="the command", command=" ".join(f"'{word}'" for word in words))


async def test_a_command_prints_the_key() -> None:
    assert await _command(f'print("  {KEY}  ")').fetch() == SecretStr(KEY)


async def test_no_shell_reads_the_command(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    source = _command("import sys; print(len(sys.argv))", f"$(touch {trap})", "; touch x")
    assert await source.fetch() == SecretStr("3")
    assert not trap.exists()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (f'import sys; print("{KEY}"); sys.exit(3)', "exit code 3"),
        ("print()", "printed no usable key: nothing is there"),
        (f'print("{KEY}"); print("and more")', "printed no usable key: there are several lines"),
        (
            f'while True: print("{KEY}" * 1000, end="")',
            "printed no usable key: there are more than 16,384 bytes",
        ),
        ('import sys; sys.stdout.buffer.write(b"\\xff")', "printed no usable key"),
    ],
)
async def test_a_command_that_gives_none(code: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        await _command(code).fetch()
    assert words in caught.value.sentence
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_command_may_leave_a_program_running_that_keeps_its_output_open() -> None:
    began = time.monotonic()
    code = f'import subprocess as s, sys; print(s.Popen(["sleep", "60"]).pid, end="-{KEY}")'
    key = (await _command(code).fetch()).get_secret_value()
    child, _, printed = key.partition("-")
    try:
        assert printed == KEY
        assert time.monotonic() - began < keys.COMMAND_TIMEOUT_S / 2
        os.kill(int(child), 0)
    finally:
        os.kill(int(child), signal.SIGKILL)


async def test_a_command_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match="cannot be run"):
        await KeySource(place="the command", command="no-such-command-here").fetch()


async def test_a_command_that_waits_is_ended_with_what_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "COMMAND_TIMEOUT_S", 1.0)
    mark = tmp_path / "child"
    waiting = KeySource(place="the command", command=f"sh -c 'sleep 60 & echo $! > {mark}; wait'")
    began = time.monotonic()
    with pytest.raises(SettingsError, match="within 1 s"):
        await waiting.fetch()
    assert time.monotonic() - began < 30
    child = int(mark.read_text())
    await until(lambda: not is_alive(child))


async def test_a_file_holds_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    source = KeySource(place="the file", file=file)
    assert not source.is_there()
    with pytest.raises(SettingsError, match="is not there"):
        await source.fetch()
    file.write_text(f"{KEY}\n")
    assert source.is_there()
    assert await source.fetch() == SecretStr(KEY)
    file.write_text(f"{KEY} and more")
    with pytest.raises(SettingsError, match="no usable key") as caught:
        await source.fetch()
    assert KEY not in str(caught.value)
    with pytest.raises(SettingsError, match="is none"):
        await KeySource(place="the file", file=tmp_path).fetch()


async def test_a_file_of_an_editor_that_marks_its_text_holds_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xef\xbb\xbf" + KEY.encode() + b"\r\n")
    assert await KeySource(place="the file", file=file).fetch() == SecretStr(KEY)


async def test_a_large_file_is_no_key_and_no_part_of_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("k" * 100_000)
    with pytest.raises(SettingsError, match="no usable key: there are more than 16,384 bytes"):
        await KeySource(place="the file", file=file).fetch()

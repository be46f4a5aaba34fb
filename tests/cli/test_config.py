"""``brim config``: what it shows, and that it changes one line and nothing else."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from brim.core.paths import Paths
from brim.core.settings import Settings
from tests.support.cli import here, here_json

_KEY = "sk-very-secret-1234567890"


def _file(text: str | None = None) -> Path:
    paths = Paths.find()
    paths.make()
    if text is not None:
        paths.config_file.write_text(text, encoding="utf-8")
    return paths.config_file


def test_show_tells_the_place_of_every_value(monkeypatch: pytest.MonkeyPatch) -> None:
    _file('theme = "dusk"\nsystem_prompt = ""\n')
    monkeypatch.setenv("OPENAI_API_KEY", _KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://me:hunter2@127.0.0.1:1/v1?key=abc")
    monkeypatch.setenv("BRIM_TEMPERATURE", "0")
    Path(".env").write_text("\nDEFAULT_MODEL=gpt-4\n")
    shown = here_json("config", "show")
    assert set(shown) == set(Settings.model_fields)
    assert shown["theme"] == {"value": "dusk", "source": "config.toml", "line": 1, "variable": "BRIM_THEME"}
    assert shown["temperature"]["value"] == 0
    assert shown["default_model"] == {
        "value": "gpt-4",
        "source": ".env",
        "line": 2,
        "variable": "DEFAULT_MODEL",
    }
    assert shown["openai_api_key"]["value"] == "***"
    assert shown["anthropic_api_key"]["value"] is None
    assert shown["max_retries"] == {
        "value": 2,
        "source": "default",
        "line": None,
        "variable": "BRIM_MAX_RETRIES",
    }
    text = here("config", "show").stdout
    assert text == here("config").stdout
    assert "config.toml line 1" in text
    for secret in (_KEY, "hunter2", "abc"):
        assert secret not in text + str(shown)


def test_path_is_a_path_and_makes_nothing(person: Path) -> None:
    done = here("config", "path")
    assert done.stdout == f"{person / 'brim' / 'config.toml'}\n"
    assert not (person / "brim").exists()


def test_set_keeps_comments_order_and_everything_else() -> None:
    file = _file('# mine\ntheme = "dusk"  # nice\n\nmax_retries = 3\n')
    assert here("config", "set", "theme", "dawn").returncode == 0
    assert here("config", "set", "temperature", "0.5").returncode == 0
    assert file.read_text() == '# mine\ntheme = "dawn"  # nice\n\nmax_retries = 3\ntemperature = 0.5\n'


@pytest.mark.parametrize(
    ("mode", "name", "after"),
    [(0o644, "theme", 0o644), (0o640, "theme", 0o640), (0o644, "openai_api_key", 0o600)],
)
def test_the_file_keeps_who_may_read_it_unless_it_holds_a_key(mode: int, name: str, after: int) -> None:
    file = _file("# mine\n")
    file.chmod(mode)
    assert here("config", "set", name, "-", text="dawn\n").returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == after


def test_set_makes_the_file_and_an_empty_value_takes_the_setting_out() -> None:
    assert here("config", "set", "max_tokens", "2048").returncode == 0
    assert here_json("config", "show")["max_tokens"]["value"] == 2048
    assert here("config", "set", "max_tokens", "").returncode == 0
    assert _file().read_text() == ""
    assert stat.S_IMODE(_file().stat().st_mode) == 0o600
    assert here("config", "set", "max_tokens", "").returncode == 0


def test_a_key_can_be_piped_in_and_is_never_printed() -> None:
    done = here("config", "set", "openai_api_key", "-", text=f"{_KEY}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert _KEY in _file().read_text()
    assert _KEY not in here("config").stdout


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("theem", "x", "Did you mean theme?"),
        ("temperature", "-1", "a number from 0 to 2"),
        ("max_retries", "many", "a whole number"),
        ("cleanup_target", "0.95", "below the threshold"),
        ("openai_base_url", "here", "http://"),
        ("openai_api_key", _KEY, "not taken as an argument"),
        ("providers.work.api_key", _KEY, "not taken as an argument"),
        ("providers.work", "x", "is not one value"),
        ("providers.work.base_url", "here", 'base_url is "here", but it must be a URL'),
        ("providers.work.bas_url", "http://127.0.0.1", "Did you mean base_url?"),
        ("providers.work.kind.more", "openai", "There is no field 'kind.more'"),
        ("providers.groq.temperature", "hot", "a number from 0 to 2"),
        ("providers.Work.kind", "openai", "this name may have small letters"),
    ],
)
def test_a_wrong_value_changes_nothing(key: str, value: str, words: str) -> None:
    file = _file("# untouched\n")
    done = here("config", "set", key, value)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert _KEY not in done.stderr
    assert file.read_text() == "# untouched\n"
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == ["config.toml"]


def test_a_file_that_is_not_toml_is_left_alone() -> None:
    file = _file("theme = dusk\n")
    done = here("config", "set", "theme", "dawn")
    assert done.returncode == 2
    assert "config.toml line 1 is not TOML" in done.stderr
    assert file.read_text() == "theme = dusk\n"


def test_a_wrong_setting_can_be_mended_by_setting_it() -> None:
    _file("temperature = 9\n")
    assert here("config", "set", "temperature", "1").returncode == 0
    assert here_json("config", "show")["temperature"]["value"] == 1


def test_a_value_that_a_stronger_place_hides_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIM_THEME", "night")
    done = here("config", "set", "theme", "dawn")
    assert done.returncode == 0
    assert "BRIM_THEME in the environment comes before it" in done.stderr


def test_a_budget_is_kept_as_the_amount_that_was_said() -> None:
    file = _file("")
    for said, kept in (("0.1", "0.1"), ("5", "5"), ("12.30", "12.3")):
        assert here("config", "set", "day_budget_usd", said).returncode == 0
        assert file.read_text() == f"day_budget_usd = {kept}\n"
        assert here_json("config", "show")["day_budget_usd"]["value"] == float(said)
    assert here("config", "set", "cleanup_mode", "maybe").returncode == 2
    assert here("config", "set", "cleanup_mode", "ask").returncode == 0


def test_providers_are_shown_without_their_secrets_and_kept_when_a_value_is_set() -> None:
    text = f'''# mine
[providers.work]  # at work
base_url = "http://u:hunter2@127.0.0.1:9/v1"
api_key = "{_KEY}"
headers = {{ X-Gate = "{_KEY}" }}
'''
    _file(text).chmod(0o600)
    shown = here_json("config", "show")["providers"]["work"]
    assert shown == {
        "kind": "openai",
        "base_url": "http://***@127.0.0.1:9/v1",
        "key": "providers.work.api_key in config.toml line 4",
        "headers": ["X-Gate"],
        "source": "providers.work in config.toml line 2",
    }
    people = here("config").stdout
    assert "providers.work.api_key in config.toml line 4" in people
    for secret in (_KEY, "hunter2"):
        assert secret not in people + str(shown)
    assert here("config", "set", "theme", "dawn").returncode == 0
    assert here_json("config", "show")["theme"]["value"] == "dawn"
    kept = _file().read_text()
    assert text.partition("\n")[2] in kept
    assert kept.index("theme") < kept.index("[providers.work]")


def test_a_provider_is_set_up_field_by_field_and_taken_out_again() -> None:
    file = _file('# mine\ntheme = "dusk"  # nice\n')
    for name, value in (
        ("base_url", "http://127.0.0.1:9/v1"),
        ("kind", "openai-responses"),
        ("temperature", "0.5"),
        ("no_temperature", "false"),
        ("stop", "END"),
        ("headers.X-Team", "search"),
        ("parameters.top_k", "40"),
        ("key_env", "WORK_KEY"),
        ("key_command", "pass show work"),
    ):
        done = here("config", "set", f"providers.work.{name}", value)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert tomllib.loads(file.read_text())["providers"]["work"] == {
        "base_url": "http://127.0.0.1:9/v1",
        "kind": "openai-responses",
        "temperature": 0.5,
        "no_temperature": False,
        "stop": ["END"],
        "headers": {"X-Team": "search"},
        "parameters": {"top_k": 40},
        "key_command": "pass show work",
    }
    assert file.read_text().startswith('# mine\ntheme = "dusk"  # nice\n')
    assert here("config", "unset", "providers.work.headers").returncode == 0
    assert here("config", "unset", "providers.work").returncode == 0
    assert file.read_text().strip() == '# mine\ntheme = "dusk"  # nice'
    assert here("config", "unset", "nothing").returncode == 2


@pytest.mark.parametrize("keeper", [None, "config", "file"])
def test_a_providers_key_is_kept_where_the_person_says_and_nobody_else_can_read_it(
    keeper: str | None,
) -> None:
    file = _file("# mine\n")
    file.chmod(0o644)
    where = ("--keep", keeper) if keeper else ()
    done = here("config", "set", "providers.groq.api_key", "-", *where, text=f"{_KEY}\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    holds = file.parent / "keys" / "groq" if keeper == "file" else file
    assert _KEY in holds.read_text()
    assert stat.S_IMODE(holds.stat().st_mode) == 0o600
    if keeper == "file":
        assert _KEY not in file.read_text()
        assert stat.S_IMODE(holds.parent.stat().st_mode) == 0o700
    shown = here_json("config", "show")["providers"]["groq"]["key"]
    assert ("key_file" if keeper == "file" else "api_key") in shown
    assert _KEY not in here("config").stdout


def test_without_a_system_keyring_a_key_is_not_kept_and_one_sentence_says_so() -> None:
    file = _file("# mine\n")
    done = here("config", "set", "providers.groq.api_key", "-", "--keep", "keyring", text=f"{_KEY}\n")
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no system keyring here." in done.stderr
    assert _KEY not in done.stderr
    assert file.read_text() == "# mine\n"


@pytest.mark.parametrize(("name", "text"), [("theme", "dawn"), ("providers.groq.api_key", "not a key")])
def test_keep_is_for_keys_that_are_keys(name: str, text: str) -> None:
    done = here("config", "set", name, "-", "--keep", "file", text=f"{text}\n")
    assert done.returncode == 2
    assert "key" in done.stderr
    assert text not in done.stderr


@pytest.mark.parametrize("name", ["openai_api_key", "providers.groq.api_key"])
def test_a_pipe_that_brings_no_key_leaves_the_one_that_is_there(name: str) -> None:
    assert here("config", "set", name, "-", text=f"{_KEY}\n").returncode == 0
    before = _file().read_text()
    done = here("config", "set", name, "-", text="")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"No key came, so {name} is left as it is." in done.stderr
    assert _file().read_text() == before


@pytest.mark.parametrize("name", ["providers.groq", "providers.groq.key_file"])
def test_a_key_of_its_own_keeping_goes_with_what_led_to_it(name: str) -> None:
    here("config", "set", "providers.groq.api_key", "-", "--keep", "file", text=f"{_KEY}\n")
    holds = _file().parent / "keys" / "groq"
    assert holds.exists()
    done = here("config", "unset", name)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"The key is taken away too: it was in {holds}.\n"
    assert not holds.exists()


def test_a_key_file_of_a_person_stays_when_its_provider_goes(tmp_path: Path) -> None:
    key = tmp_path / "mine"
    key.write_text(f"{_KEY}\n")
    here("config", "set", "providers.groq.key_file", str(key))
    done = here("config", "unset", "providers.groq")
    assert (done.returncode, done.stderr) == (0, "")
    assert key.read_text() == f"{_KEY}\n"

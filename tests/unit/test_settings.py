"""Which place wins, what a wrong value says, and whose server gets whose key."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from brim.core.errors import SettingsError
from brim.core.parameters import Parameters
from brim.core.paths import Paths
from brim.core.places import Source, variable
from brim.core.presets import PRESETS
from brim.core.setting_values import MustBe
from brim.core.settings import Settings, check_config, load_settings

KEY = "sk-very-secret-1234567890"
HERE = "http://127.0.0.1:9/v1"
THERE = "https://elsewhere.example/v1"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.find({"BRIM_HOME": str(tmp_path)})
    found.make()
    return found


def _load(
    paths: Paths,
    *,
    options: dict[str, object] | None = None,
    environment: dict[str, str] | None = None,
    dotenv: str | None = None,
    config: str | None = None,
) -> Settings:
    if dotenv is not None:
        Path(".env").write_text(dotenv, encoding="utf-8")
    if config is not None:
        paths.config_file.write_text(config, encoding="utf-8")
    return load_settings(paths, options, environment=environment or {})


def _refused(paths: Paths, **places: object) -> str:
    with pytest.raises(SettingsError) as caught:
        _load(paths, **places)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_nothing_set_gives_the_defaults_of_the_framework(paths: Paths) -> None:
    settings = _load(paths)
    assert settings.context_window_size == 100_000
    assert settings.cleanup_threshold == 0.90
    assert settings.cleanup_target == 0.60
    assert settings.min_messages_to_keep == 5
    assert settings.openai_api_key is None
    assert settings.warnings == ()
    assert settings.source_of("theme") is Source.DEFAULT


def test_the_stronger_place_wins(paths: Paths) -> None:
    places: dict[str, object] = {
        "options": {"default_model": "from-option"},
        "environment": {"DEFAULT_MODEL": "from-environment"},
        "dotenv": "DEFAULT_MODEL=from-dotenv\n",
        "config": 'default_model = "from-config"\n',
    }
    expected = ("option", "environment", "dotenv", "config")
    for name, source in zip(expected, list(Source)[:4], strict=True):
        settings = _load(paths, **places)  # type: ignore[arg-type]
        assert settings.default_model == f"from-{name}"
        assert settings.source_of("default_model") is source
        places.pop("options" if name == "option" else name)
        Path(".env").unlink(missing_ok=True)
        paths.config_file.unlink(missing_ok=True)
    assert _load(paths).default_model is None


def test_the_process_environment_and_the_working_folder_are_the_places(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BRIM_THEME", "midnight")
    Path(".env").write_text("export BRIM_MAX_RETRIES='7' # seven\n")
    settings = load_settings(paths)
    assert (settings.theme, settings.max_retries) == ("midnight", 7)


def test_empty_counts_as_unset_everywhere(paths: Paths) -> None:
    settings = _load(
        paths,
        environment={"OPENAI_API_KEY": "", "BRIM_TEMPERATURE": " "},
        dotenv="OPENAI_API_KEY=\nBRIM_TEMPERATURE=''\nANTHROPIC_API_KEY\n",
        config=f'openai_api_key = "{KEY}"\ntheme = ""\n',
    )
    assert settings.openai_api_key == SecretStr(KEY)
    assert settings.source_of("openai_api_key") is Source.CONFIG
    assert settings.temperature is None
    assert settings.theme is None


def test_an_option_that_was_not_given_hides_nothing(paths: Paths) -> None:
    assert _load(paths, options={"theme": None}, config='theme = "dusk"').theme == "dusk"


def test_numbers_from_variables_are_numbers(paths: Paths) -> None:
    settings = _load(
        paths,
        environment={"BRIM_TIMEOUT_S": " 3.5 ", "BRIM_LOCAL_THREADS": "2", "BRIM_LOCAL_MODEL": "~/m.gguf"},
    )
    assert (settings.timeout_s, settings.local_threads) == (3.5, 2)
    assert settings.local_model == Path("~/m.gguf").expanduser()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BRIM_TEMPERATURE", "hot"),
        ("BRIM_TEMPERATURE", "nan"),
        ("BRIM_TEMPERATURE", "2.1"),
        ("BRIM_TIMEOUT_S", "inf"),
        ("BRIM_TIMEOUT_S", "0"),
        ("BRIM_MAX_TOKENS", "1.5"),
        ("BRIM_MAX_RETRIES", "-1"),
        ("BRIM_CONTEXT_WINDOW_SIZE", "0"),
        ("BRIM_CLEANUP_THRESHOLD", "90"),
        ("BRIM_CLEANUP_MODE", "Auto"),
        ("BRIM_SESSION_BUDGET_USD", "0"),
        ("BRIM_SESSION_BUDGET_USD", "$5"),
        ("BRIM_DAY_BUDGET_USD", "inf"),
        ("BRIM_DAY_BUDGET_USD", "1e7"),
        ("BRIM_LOCAL_MODEL", "~nobody-of-that-name/x.gguf"),
        ("OPENAI_BASE_URL", "localhost:8080"),
        ("ANTHROPIC_BASE_URL", "http://"),
        ("OPENAI_BASE_URL", "http://host:port"),
        ("OPENAI_BASE_URL", "file:///etc/passwd"),
    ],
)
def test_a_wrong_value_names_the_place_and_the_value(paths: Paths, name: str, value: str) -> None:
    assert f'{name} in the environment is "{value}", but it must be ' in _refused(
        paths, environment={name: value}
    )
    assert f'{name} in .env line 3 is "{value}", but it must be ' in _refused(
        paths, dotenv=f"# first\n\n{name}={value}\n"
    )


def test_budgets_are_exact_wherever_they_stand(paths: Paths) -> None:
    settings = _load(
        paths, environment={"BRIM_DAY_BUDGET_USD": " 0.10 "}, config="session_budget_usd = 0.3\n"
    )
    assert (settings.day_budget_usd, settings.session_budget_usd) == (Decimal("0.10"), Decimal("0.3"))
    assert _load(paths, config="day_budget_usd = 5\n").day_budget_usd == Decimal(5)


def test_how_the_window_is_cleaned_is_the_persons_choice(paths: Paths) -> None:
    settings = _load(paths)
    assert (settings.cleanup_mode, settings.summary_model) == ("auto", None)
    settings = _load(paths, environment={"BRIM_CLEANUP_MODE": "ask", "BRIM_SUMMARY_MODEL": "same"})
    assert (settings.cleanup_mode, settings.summary_model) == ("ask", "same")


def test_a_wrong_value_in_the_file_names_its_line(paths: Paths) -> None:
    config = 'system_prompt = """\ntheme = 1\n"""\n\n  "theme" = 12\n'
    assert 'theme in config.toml line 5 is "12"' in _refused(paths, config=config)
    assert 'temperature in config.toml line 1 is "True"' in _refused(paths, config="temperature = true")


def test_a_value_from_outside_cannot_reach_the_terminal_or_fill_it(paths: Paths) -> None:
    sentence = _refused(paths, environment={"BRIM_TEMPERATURE": "\x1b]0;x\x07" + "9" * 500})
    assert sentence.isprintable()
    assert len(sentence) < 200


def test_an_unknown_key_is_named_with_the_nearest_known_one(paths: Paths) -> None:
    sentence = _refused(paths, config='# mine\ndefaul_model = "x"\n')
    assert sentence == "config.toml line 2: there is no setting 'defaul_model'. Did you mean default_model?"
    assert "config.toml line 1" in _refused(paths, config='[openai]\napi_key = "x"\n')


def test_names_of_others_in_the_dotenv_are_left_alone(paths: Paths) -> None:
    assert _load(paths, dotenv="DATABASE_URL=x\nnot a line\nBRIM_HOME=/elsewhere\n").warnings == ()


@pytest.mark.parametrize(
    ("config", "line"),
    [("theme = dusk\n", 1), ('theme = "a"\n\ntheme = "b"\n', 3), ('x = """\n\n', 3), ("[", 1)],
)
def test_bad_toml_names_the_line(paths: Paths, config: str, line: int) -> None:
    assert _refused(paths, config=config).startswith(f"config.toml line {line} is not TOML: ")


def test_a_dotenv_line_of_ours_that_cannot_be_read_is_named_without_its_value(paths: Paths) -> None:
    sentence = _refused(paths, dotenv=f"A=1\nOPENAI_API_KEY {KEY}\n")
    assert ".env line 2" in sentence
    assert KEY not in sentence


def test_files_that_cannot_be_read_are_one_sentence(paths: Paths) -> None:
    paths.config_file.write_bytes(b"theme = 'a'\n# \xff\n")
    assert _refused(paths).startswith("config.toml line 2 is not UTF-8 text")
    paths.config_file.unlink()
    Path(".env").write_bytes(b"\xff")
    assert _refused(paths).startswith(".env line 1 is not UTF-8 text")


def test_a_folder_named_like_the_file_is_no_file(paths: Paths) -> None:
    Path(".env").mkdir()
    assert _load(paths).warnings == ()


@pytest.mark.parametrize("key", [f"{KEY}\x00x", f"{KEY} x", f"{KEY}é", f"{KEY}\nHost: x"])
def test_a_wrong_key_is_never_shown(paths: Paths, key: str) -> None:
    sentence = _refused(paths, environment={"OPENAI_API_KEY": key})
    assert "OPENAI_API_KEY in the environment" in sentence
    assert KEY not in sentence


def test_a_key_of_the_wrong_type_is_never_shown(paths: Paths) -> None:
    assert "77" not in _refused(paths, config="openai_api_key = 7777777777")


def test_keys_are_secret_and_trimmed(paths: Paths) -> None:
    settings = _load(paths, environment={"OPENAI_API_KEY": f" {KEY}\n"})
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == KEY
    assert KEY not in repr(settings)


def test_what_is_secret_in_a_url_is_not_shown(paths: Paths) -> None:
    sentence = _refused(paths, environment={"OPENAI_BASE_URL": "ftp://me:hunter2@host/?token=abc"})
    assert "hunter2" not in sentence
    assert "abc" not in sentence


def test_the_target_must_be_below_the_threshold_wherever_they_come_from(paths: Paths) -> None:
    sentence = _refused(paths, environment={"BRIM_CLEANUP_TARGET": "0.8"}, config="cleanup_threshold = 0.8")
    assert "BRIM_CLEANUP_TARGET in the environment is 0.8" in sentence
    assert "cleanup_threshold in config.toml line 1 is 0.8" in sentence
    assert "cleanup_threshold by default is 0.9" in _refused(
        paths, environment={"BRIM_CLEANUP_TARGET": "0.95"}, config=""
    )


@pytest.mark.parametrize("provider", ["OPENAI", "ANTHROPIC"])
@pytest.mark.parametrize(
    ("key_in", "url_in", "together"),
    [
        ("environment", "environment", True),
        ("environment", "dotenv", False),
        ("environment", "config", False),
        ("dotenv", "environment", True),
        ("dotenv", "dotenv", True),
        ("dotenv", "config", True),
        ("config", "environment", True),
        ("config", "dotenv", False),
        ("config", "config", True),
    ],
)
def test_a_key_goes_only_to_a_server_named_where_the_key_is(
    paths: Paths, provider: str, key_in: str, url_in: str, *, together: bool
) -> None:
    lines: dict[str, list[tuple[str, str]]] = {"environment": [], "dotenv": [], "config": []}
    lines[key_in].append((f"{provider}_API_KEY", KEY))
    lines[url_in].append((f"{provider}_BASE_URL", THERE))
    settings = _load(
        paths,
        environment=dict(lines["environment"]),
        dotenv="".join(f"{name}={value}\n" for name, value in lines["dotenv"]),
        config="".join(f'{name.lower()} = "{value}"\n' for name, value in lines["config"]),
    )
    key = getattr(settings, f"{provider.lower()}_api_key")
    url = getattr(settings, f"{provider.lower()}_base_url")
    if together:
        assert (key, url, settings.warnings) == (SecretStr(KEY), THERE, ())
        return
    assert (key, url) == (None, None)
    (warning,) = settings.warnings
    assert f"{provider}_BASE_URL" in warning.upper()
    assert THERE in warning
    assert KEY not in warning
    assert settings.source_of(f"{provider.lower()}_api_key") is Source.DEFAULT


def test_the_key_beside_the_untrusted_url_does_not_stand_in(paths: Paths) -> None:
    settings = _load(
        paths,
        environment={"OPENAI_API_KEY": KEY},
        dotenv=f"OPENAI_API_KEY=sk-other\nOPENAI_BASE_URL={THERE}\n",
        config=f'openai_base_url = "{HERE}"\n',
    )
    assert (settings.openai_api_key, settings.openai_base_url) == (None, None)


def test_a_server_without_a_key_needs_no_trust(paths: Paths) -> None:
    settings = _load(paths, dotenv=f"OPENAI_BASE_URL={HERE}\n", environment={"ANTHROPIC_API_KEY": KEY})
    assert settings.openai_base_url == HERE
    assert settings.anthropic_api_key == SecretStr(KEY)


def test_the_dotenv_cannot_read_the_environment(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    settings = _load(paths, dotenv="DEFAULT_MODEL=x-${OPENAI_API_KEY}\n")
    assert settings.default_model == "x-${OPENAI_API_KEY}"


def test_a_text_for_the_file_is_checked_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRIM_TEMPERATURE", "hot")
    assert check_config("temperature = 1").temperature == 1
    with pytest.raises(SettingsError, match=r"config\.toml line 1"):
        check_config("temperature = 3")


def test_every_setting_is_described_has_a_variable_and_says_what_is_right() -> None:
    for field, info in Settings.model_fields.items():
        assert info.description, field
        inside = (
            part for option in get_args(info.annotation) for part in getattr(option, "__metadata__", ())
        )
        assert any(isinstance(part, MustBe) for part in (*info.metadata, *inside)), field
    names = [variable(field) for field in Settings.model_fields]
    assert len(set(names)) == len(names)
    assert variable("theme") == "BRIM_THEME"


def test_made_by_hand_settings_look_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("BRIM_THEME", "x")
    settings = Settings()
    assert (settings.openai_api_key, settings.theme) == (None, None)


def test_the_example_names_every_variable_and_changes_nothing(paths: Paths) -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text(encoding="utf-8")
    named = {line.partition("=")[0] for line in example.splitlines() if line and not line.startswith("#")}
    keys = {preset.key_env for preset in PRESETS.values() if preset.key_env}
    assert named == {variable(field) for field in Settings.model_fields} | keys
    assert "BRIM_HOME" in example
    assert _load(paths, dotenv=example) == Settings()


def test_an_empty_stop_text_is_refused(paths: Paths) -> None:
    paths.config_file.write_text('stop = ["", "a"]\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="stop in config"):
        load_settings(paths, environment={})


def test_stop_texts_stand_in_a_variable_and_in_the_file(paths: Paths) -> None:
    paths.config_file.write_text('stop = ["a, b", "c"]\nreasoning_effort = "high"\n', encoding="utf-8")
    assert load_settings(paths, environment={}).parameters == Parameters(
        stop=("a, b", "c"), reasoning_effort="high"
    )
    assert load_settings(paths, environment={"BRIM_STOP": "END, c"}).stop == ("END", "c")

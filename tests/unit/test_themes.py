from pathlib import Path

import pytest
from textual.color import Color

from brim import themes
from brim.themes import DEFAULT_THEME, ThemeError

OURS = {theme.name: theme for theme in themes.load(Path("/nonexistent")).found}
SYNTAX = [name for name in themes.STAND_INS if name.startswith("syntax-")]


def contrast(one, other):
    """The ratio of WCAG 2.2, 1 to 21."""
    lights = sorted(_luminance(Color.parse(color)) for color in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(color):
    parts = [c / 12.92 if (c := v / 255) <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for v in color.rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_there_are_enough_dark_light_and_high_contrast():
    assert next(iter(OURS)) == DEFAULT_THEME
    assert sum(theme.dark for theme in OURS.values()) >= 4
    assert sum(not theme.dark for theme in OURS.values()) >= 3
    assert {"contrast-dark", "contrast-light"} <= OURS.keys()


@pytest.mark.parametrize("theme", OURS.values(), ids=OURS)
def test_every_theme_can_be_read(theme):
    grounds = [theme.background, theme.surface, theme.panel]
    least = 7 if "contrast" in theme.name else 4.5
    for ground in grounds:
        assert contrast(theme.foreground, ground) >= max(7, least)
    for name in ("primary", "accent", "error", "success", "warning"):
        assert contrast(getattr(theme, name), theme.background) >= least, name
    for name in [*SYNTAX, "role-user", "role-assistant", "gauge-green", "gauge-yellow", "gauge-red"]:
        assert contrast(theme.variables[name], theme.background) >= least, name
    for name in SYNTAX:
        assert contrast(theme.variables[name], theme.surface) >= 4.5, name
    for name in ("dim", "horizon"):
        assert contrast(theme.variables[name], theme.background) >= 3, name


@pytest.mark.parametrize("theme", OURS.values(), ids=OURS)
def test_every_theme_says_everything(theme):
    assert themes.STAND_INS.keys() <= theme.variables.keys()


GOOD = OURS[DEFAULT_THEME]
COLORS = "\n".join(f'{name} = "#123456"' for name in themes._COLORS)


def test_a_persons_own_theme_is_found_and_wins(tmp_path):
    (tmp_path / "mine.toml").write_text(f'name = "mine"\ndark = true\n[colors]\n{COLORS}\n')
    (tmp_path / "brim.toml").write_text(f'name = "brim"\ndark = false\n[colors]\n{COLORS}\n')
    loaded = themes.load(tmp_path)
    found = {theme.name: theme for theme in loaded.found}
    assert loaded.problems == []
    assert found["mine"].primary == "#123456"
    assert found["brim"].dark is False
    assert len(found) == len(OURS) + 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "cannot be read"),
        ("dark = true", "`name` is missing"),
        ('name = "x"\ndark = "yes"', "`dark` must be true or false"),
        ('name = "x"\ndark = true', "lacks primary"),
        (f'name = "x"\ndark = true\n[colors]\n{COLORS}\nshiny = "#ffffff"', "has no `shiny`"),
        ('name = "x"\ndark = true\ncolors = 5', "must be a table"),
        (
            f'name = "x"\ndark = true\n[colors]\n{COLORS.replace("#123456", "red", 1)}',
            "must be a colour such as",
        ),
        (f'name = "x"\ndark = true\n[colors]\n{COLORS}\n[variables]\ndim = 5', "`dim` in [variables]"),
    ],
)
def test_a_broken_file_is_one_sentence_and_the_others_work(tmp_path, text, words):
    (tmp_path / "bad.toml").write_text(text)
    loaded = themes.load(tmp_path)
    assert len(loaded.found) == len(OURS)
    assert len(loaded.problems) == 1
    assert loaded.problems[0].startswith("bad.toml: ")
    assert words in loaded.problems[0]


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ThemeError):
        themes.read(path)

"""Whatever is changed in config.toml however it is written: exactly that, or a refusal; comments stay."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from brim.core.config_file import Edit, edited
from brim.core.errors import SettingsError

_STARTS = (
    "",
    "# c\n",
    "theme='x'#c\r\n[providers.work]\r\nbase_url='http://h'\r\n",
    "[providers]\n[providers.work]\nbase_url='u'\n# t\n",
    "providers.work.base_url='u'\n",
    "providers={work={base_url='u'}}",
    "[providers.work]\nbase_url='u' # c\n[providers.work.headers]\nX='1'\n[providers.x]\nkind='openai'",
    "system_prompt='''\na\n[providers.y]\n'''\n[providers.'a-b'] # q\nbase_url=\"u\"\n",
)
_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="#"), max_size=12)
_VALUES = st.one_of(st.none(), _TEXTS, st.integers(-5, 10**6), st.booleans(), st.lists(_TEXTS, max_size=2))
_NAMES = st.sampled_from(["groq", "work", "a-b", "x"])
_EDITS = st.one_of(
    st.builds(lambda name, value: Edit((name,), value), st.sampled_from(["theme", "seed", "stop"]), _VALUES),
    st.builds(lambda name: Edit(("providers", name)), _NAMES),
    st.builds(
        lambda name, field, value: Edit(("providers", name, field), value),
        _NAMES,
        st.sampled_from(["base_url", "kind", "max_tokens"]),
        _VALUES,
    ),
    st.builds(
        lambda name, field, value: Edit(("providers", name, "headers", field), value),
        _NAMES,
        st.sampled_from(["X", "X-Team"]),
        st.none() | _TEXTS,
    ),
)


def _meant(table: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """Return the table with a change; a table that has become empty by it goes."""
    name, rest = path[0], path[1:]
    if not rest:
        return {**{k: v for k, v in table.items() if k != name}, **({} if value is None else {name: value})}
    if name not in table and value is None:
        return table
    inside = _meant(table.get(name, {}), rest, value)
    return _meant(table, (name,), inside or None)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(_STARTS), st.lists(_EDITS, min_size=1, max_size=8))
def test_a_change_means_what_it_says_or_is_refused(text: str, edits: list[Edit]) -> None:
    for edit in edits:
        try:
            after = edited(text, edit)
        except SettingsError as error:
            assert "by hand" in error.hint or "is no table" in error.sentence
            continue
        assert tomllib.loads(after) == _meant(tomllib.loads(text), edit.path, edit.value)
        if edit.value is not None:
            assert after.count("#") >= text.count("#")
        text = after

"""Personas and their file: what is right, what is told of what is wrong, and that edits spare what a person wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brim.core.errors import SettingsError
from brim.core.parameters import Parameters
from brim.core.personas import FILE_NAME, Persona, Personas, parse_personas
from tests.support.hostile import HOSTILE

WRITTEN = '''# mine
[one] # first
model = "openai:x"  # cheap
# a note
temperature = 0.2

# about the reviewer
["Code reviewer"]
system_prompt = """
You review.
Be brief."""
stop = "END"
'''


@pytest.fixture
def personas(tmp_path: Path) -> Personas:
    (tmp_path / FILE_NAME).write_text(WRITTEN, encoding="utf-8")
    return Personas(tmp_path)


def test_what_the_file_says(personas: Personas) -> None:
    assert personas.all() == [
        Persona(name="one", model="openai:x", parameters=Parameters(temperature=0.2)),
        Persona(
            name="Code reviewer",
            system_prompt="You review.\nBe brief.",
            parameters=Parameters(stop=("END",)),
        ),
    ]


def test_no_file_means_no_personas(tmp_path: Path) -> None:
    assert Personas(tmp_path).all() == []
    with pytest.raises(SettingsError, match="There is no persona “x”"):
        Personas(tmp_path).find("x")


@pytest.mark.parametrize("name", ["Code reviewer", "code REVIEWER", " code "])
def test_a_name_or_its_beginning_finds_one(personas: Personas, name: str) -> None:
    assert personas.find(name).name == "Code reviewer"


def test_a_beginning_of_two_is_no_name(personas: Personas) -> None:
    personas.save(Persona(name="Code writer"))
    with pytest.raises(SettingsError) as caught:
        personas.find("code")
    assert str(caught.value.hint) == "There are Code reviewer, Code writer."
    with pytest.raises(SettingsError):
        personas.find("")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[a\n", "personas.toml line 1 is not TOML"),
        ("x = 1", "personas.toml line 1: x stands outside a table."),
        ("[b]\n[a]\n\nsed = 1", "personas.toml line 4, a: there is no field 'sed'."),
        (
            "[a]\ntemperature = 3",
            'personas.toml line 2, a: temperature is "3", but it must be a number from 0 to 2.',
        ),
        ("[a]\ntemperature = true", 'personas.toml line 2, a: temperature is "True", but it must be'),
        ("[a]\nstop = [1]", 'personas.toml line 2, a: stop is "[1]", but it must be a list of texts.'),
        ("[a]\nmodel = 3", 'personas.toml line 2, a: model is "3", but it must be a text.'),
        ('[""]', "personas.toml line 1: The name of a persona has 1 to 40 printable characters."),
        ('["a\\u001b"]', "personas.toml line 1, a␛: The name"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_field(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_personas(text)
    assert caught.value.sentence.startswith(sentence)


def test_an_edit_spares_the_comments_and_the_rest(personas: Personas) -> None:
    one = personas.find("one")
    personas.save(
        one.model_copy(update={"parameters": Parameters(temperature=0.5, seed=3)}), instead_of="one"
    )
    text = personas.file.read_text(encoding="utf-8")
    assert text.replace("temperature = 0.5\nseed = 3\n", "temperature = 0.2\n") == WRITTEN
    assert personas.file.stat().st_mode & 0o077 == 0


def test_a_new_name_stays_at_its_place(personas: Personas) -> None:
    personas.save(personas.find("one").model_copy(update={"name": "uno mio"}), instead_of="one")
    text = personas.file.read_text(encoding="utf-8")
    assert [one.name for one in personas.all()] == ["uno mio", "Code reviewer"]
    assert 'model = "openai:x"  # cheap\n# a note' in text
    assert '# about the reviewer\n["Code reviewer"]' in text


def test_what_is_cleared_leaves_the_file(personas: Personas) -> None:
    personas.save(Persona(name="one"), instead_of="one")
    assert personas.find("one") == Persona(name="one")
    assert "openai:x" not in personas.file.read_text(encoding="utf-8")


def test_a_name_is_taken_once(personas: Personas) -> None:
    with pytest.raises(SettingsError, match="There is a persona “one” already"):
        personas.save(Persona(name="ONE"))
    with pytest.raises(SettingsError, match="already"):
        personas.save(Persona(name="one"), instead_of="Code reviewer")
    personas.save(Persona(name="One"), instead_of="one")
    assert personas.find("one").name == "One"


def test_deletions_are_taken_back_exactly(personas: Personas) -> None:
    personas.delete("one")
    personas.delete("Code reviewer")
    assert personas.all() == []
    assert personas.undo()
    assert personas.undo()
    assert personas.file.read_text(encoding="utf-8") == WRITTEN
    assert not personas.undo()


def test_what_the_person_wrote_since_is_not_undone(personas: Personas) -> None:
    personas.delete("one")
    personas.file.write_text("[new]\n", encoding="utf-8")
    assert not personas.undo()
    assert personas.file.read_text(encoding="utf-8") == "[new]\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(prompt=st.text(), stops=st.lists(st.text(min_size=1), max_size=3))
def test_every_text_is_read_as_it_was_saved(tmp_path: Path, prompt: str, stops: list[str]) -> None:
    (tmp_path / FILE_NAME).unlink(missing_ok=True)
    prompt = prompt.encode("utf-8", "ignore").decode()
    said = Parameters(stop=tuple(stop for one in stops if (stop := one.encode("utf-8", "ignore").decode())))
    persona = Persona(name='a "b" [c] #d', system_prompt=prompt, parameters=said)
    Personas(tmp_path).save(persona)
    assert Personas(tmp_path).all() == [persona]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_are_refused_or_kept_whole(tmp_path: Path, text: str) -> None:
    personas = Personas(tmp_path)
    try:
        personas.save(Persona(name=text))
    except SettingsError as error:
        assert error.sentence.isprintable()
    else:
        assert [one.name for one in personas.all()] == [text.strip()]


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(SettingsError, match=r"personas\.toml cannot be written"):
        Personas(tmp_path).save(Persona(name="x"))

import logging

import pytest

from brim import SettingsError
from brim.core.references import References, is_reference


class Clock:
    def __init__(self):
        self.s = 0.0

    def __call__(self):
        return self.s


@pytest.mark.parametrize(
    "text",
    [
        "env:NAME",
        "file:/run/secrets/x",
        "aws-sm:a/b#c",
        "vault:secret/data/x#y",
        "azure-kv:v/n",
        "gcp-sm:p/n",
    ],
)
def test_references_are_known(text):
    assert is_reference(text)


@pytest.mark.parametrize("text", ["", "sk-abc", "env:", "file: ", "https://x", "other:thing", "sk:env:x"])
def test_keys_are_no_references(text):
    assert not is_reference(text)


async def test_variables_and_files_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", "from-env")
    file = tmp_path / "key"
    file.write_text("from-file\n")
    references = References()
    assert (await references.read("env:THE_KEY")).get_secret_value() == "from-env"
    assert (await references.read(f"file:{file}")).get_secret_value() == "from-file"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("env:NOT_THERE", "no such variable"),
        ("file:/nowhere/at/all", "no such file"),
        ("file:/", "no such file"),
        ("gcp-sm:p/n", "nothing here reads gcp-sm"),
    ],
)
async def test_what_cannot_be_read_is_named(reference, said):
    with pytest.raises(SettingsError) as caught:
        await References().read(reference)
    assert reference in caught.value.sentence and said in caught.value.sentence


async def test_a_secret_is_read_again_after_its_lifetime_and_kept_when_its_place_is_away(tmp_path, caplog):
    file, clock = tmp_path / "key", Clock()
    file.write_text("old")
    references = References(lifetime_s=60, clock=clock)
    reference = f"file:{file}"

    async def read():
        return (await references.read(reference)).get_secret_value()

    assert await read() == "old"
    file.write_text("new")
    clock.s = 59
    assert await read() == "old"
    clock.s = 61
    assert await read() == "new"
    file.unlink()
    clock.s = 200
    with caplog.at_level(logging.WARNING, "brim.core.references"):
        assert await read() == "new"
    assert reference in caplog.text and "new" not in caplog.text.replace(reference, "")
    with pytest.raises(SettingsError):
        await References().read(reference)


async def test_an_empty_secret_is_none(tmp_path):
    (tmp_path / "key").write_text("  \n")
    with pytest.raises(SettingsError, match="is empty"):
        await References().read(f"file:{tmp_path / 'key'}")

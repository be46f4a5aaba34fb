"""Stores named by URL: what is understood, what is refused in a sentence, and commands on every kind of store."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from brim.core.errors import SettingsError, StoreUnreachableError
from brim.core.store.urls import file_of, make_store, parse_url
from tests.support.cli import ECHO, brim, here
from tests.support.store_servers import PASSWORD, PostgresServer, free_port


def test_a_url_is_taken_apart():
    place = parse_url("postgresql://anna:p%40ss%2Fword@db.example:5433/team?sslmode=require&schema=chat")
    assert (place.kind, place.host, place.port, place.path, place.user) == (
        "postgres", "db.example", 5433, "team", "anna",
    )  # fmt: skip
    assert place.password.get_secret_value() == "p@ss/word"
    assert dict(place.options) == {"sslmode": "require", "schema": "chat"}
    assert place.place == "postgresql://db.example:5433/team"
    assert "p@ss" not in repr(place)
    hidden = parse_url("postgres:///team?host=/run/db&password=hush")
    assert (hidden.password.get_secret_value(), dict(hidden.options)) == ("hush", {"host": "/run/db"})


def test_files_are_named_as_is_usual_for_urls():
    default = Path("default.db")
    assert file_of(None, default) == default
    assert file_of(SecretStr("sqlite:///notes.db"), default) == Path("notes.db")
    assert file_of(SecretStr("sqlite:////data/notes%20of%20mine.db"), default) == Path(
        "/data/notes of mine.db"
    )
    assert file_of(SecretStr("sqlite:///~/n.db"), default) == Path("~/n.db").expanduser()
    assert file_of(SecretStr("postgresql://host/x"), default) is None


@pytest.mark.parametrize(
    "url",
    [
        "", "notes.db", "mysql://u:hush@host/x", "postgresql://u:hush@host", "sqlite://", "sqlite:///",
        "sqlite://host/x", "sqlite:///x?hush", "postgresql://u:hush@[::1/x", "postgresql://u:hush@h:99999/x",
        "postgresql://u:hush@h/x#y", "postgresql://u:hush@h/x%00", "postgresql://u:hush@h/x?a", "postgresql://h/x\x1b",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_store_is_refused_and_not_shown(url):
    done = here("--store", url, "sessions")
    assert done.returncode == 2
    assert "not the URL of a store, which is sqlite:///FILE" in done.stderr
    assert "hush" not in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_home_folder_that_is_nobodys_is_refused_and_not_made():
    done = here("--store", "sqlite:///~no-such-person/x.db", "sessions")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "The store's file cannot be in ~no-such-person: this machine has no such home"
    )
    assert not list(Path.cwd().iterdir())
    assert file_of(SecretStr("sqlite:///./~x.db"), Path()) == Path("~x.db")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("schema=Bad-Name", "The schema in the store's URL"),
        ("lease=0", "The lease in the store's URL"),
        ("lease=soon", "The lease in the store's URL"),
        ("sslmod=require", "an option in its URL is wrong"),
        ("connect_timeout=x", "an option in its URL is wrong"),
    ],
)
def test_wrong_options_are_refused_in_a_sentence(options, sentence):
    done = here("sessions", "--store", f"postgresql://u:hush@127.0.0.1:{free_port()}/x?{options}")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "hush" not in done.stderr and "Traceback" not in done.stderr


def test_a_server_that_is_not_there_is_one_sentence():
    done = here("--store", f"postgresql://u:hush@127.0.0.1:{free_port()}/x", "sessions")
    assert done.returncode == 2
    assert "cannot be used: Connection refused." in done.stderr
    assert "hush" not in done.stderr and "Traceback" not in done.stderr


async def test_a_wrong_password_is_not_told(postgres: PostgresServer):
    url = postgres.url("x").replace(":s3cr3t", ":wr0ng")
    with pytest.raises(StoreUnreachableError, match="password authentication failed") as caught:
        await make_store(SecretStr(url), Path("unused")).open()
    told = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "wr0ng" not in told and PASSWORD not in told


def test_an_extra_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.split(".")[0] == "psycopg"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(
        SettingsError, match=r"psycopg, which is not installed\. pip install 'brim\[postgres\]'"
    ):
        make_store(SecretStr("postgresql://host/x"), Path("unused"))


def test_a_store_in_a_dotenv_is_not_used(tmp_path):
    Path(".env").write_text(f"BRIM_STORE=sqlite:///{tmp_path}/theirs.db\n")
    done = brim("ask", *ECHO, "secret")
    assert done.returncode == 0
    assert "BRIM_STORE in .env line 1 is not used" in done.stderr
    assert not (tmp_path / "theirs.db").exists()


def test_commands_on_every_kind_of_store(url, monkeypatch):
    asked = brim("ask", *ECHO, "--json", "Where is the borrow checker?", env={"BRIM_STORE": url})
    assert asked.returncode == 0, asked.stderr
    session = json.loads(asked.stdout)["session_id"]
    assert session in here("--store", url, "sessions", "--json").stdout
    assert "borrow checker" in here(f"--store={url}", "show", "last").stdout
    assert "borrow checker" in here("search", "--store", url, "borrow").stdout
    assert "borrow checker" in here("--store", url, "export", session, "--format", "md").stdout
    assert here("--store", url, "stats", "--json").returncode == 0
    assert session not in here("sessions", "--json").stdout
    monkeypatch.setenv("BRIM_STORE", url)
    shown = json.loads(here("config", "show", "--json").stdout)["store"]
    assert PASSWORD not in json.dumps(shown) and shown["value"]
    looked = here("doctor", "--json")
    (data,) = (check for check in json.loads(looked.stdout)["checks"] if check["name"] == "data")
    assert data["ok"] and PASSWORD not in looked.stdout

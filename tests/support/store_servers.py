"""PostgreSQL and Redis as processes of their own, on free ports, with data folders that go away."""

from __future__ import annotations

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

PASSWORD = "s3cr3t/with@signs"
PATIENCE_S = 30.0


def free_port() -> int:
    """Return a port that nobody listens on, below those that the kernel hands out: a stopped server finds it again."""
    while True:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def missing(program: str, package: str) -> None:
    """Leave tests out that need a program which is not installed; where everything must run, that is a failure."""
    sentence = f"{program} is not installed: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


class PostgresServer:
    """A server with the user ``brim`` and the database ``brim``."""

    def __init__(self) -> None:
        found = shutil.which("initdb") or max(
            map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")), default=""
        )
        if not found:
            missing("PostgreSQL", "postgresql")
        self._programs = Path(found).resolve().parent
        self._folder = Path(tempfile.mkdtemp(prefix="brim-postgres-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen: list[int] = []
        self._as_user: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL does not run as root
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        password = self._folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        self._run("initdb", "-D", str(self._data), "-U", "brim", f"--pwfile={password}", "-A", "scram-sha-256",
                  "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        self.start()
        with self.connected("postgres") as server:
            server.execute("CREATE DATABASE brim")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [*self._as_user, str(self._programs / program), *arguments],
            check=True,
            capture_output=True,
            cwd="/",
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 60,
            "shared_buffers": "32MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, str(self._programs / "postgres"), "-D", str(self._data), *options],
                stdout=log, stderr=log, cwd="/", start_new_session=True,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        import psycopg

        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.connected("postgres").close()
            except psycopg.OperationalError:
                assert self._process is not None and self._process.poll() is None, self.log()
                assert time.monotonic() < end, self.log()
                time.sleep(0.05)
            else:
                return

    def connected(self, database: str = "brim"):
        """Connect to look from outside."""
        import psycopg

        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="brim", password=PASSWORD, dbname=database, autocommit=True
        )

    def stop(self) -> None:
        """Stop the server at once, its connections with it."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)

    def freeze(self) -> None:
        """Let the server do nothing, as one that the network has lost: nothing is refused, and nothing is answered."""
        assert self._process is not None
        with self.connected("postgres") as server:
            found = server.execute(
                "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            ).fetchall()
        self._frozen = [self._process.pid, *(pid for (pid,) in found)]
        for pid in self._frozen:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        for pid in self._frozen:
            os.kill(pid, signal.SIGCONT)
        self._frozen = []

    def remove(self) -> None:
        """Stop the server and take its data away."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        """Return what the server has said."""
        return (self._folder / "log").read_text(errors="replace")

    def url(self, schema: str, **options: object) -> str:
        """Return the URL of a store."""
        from urllib.parse import quote, urlencode

        query = urlencode({"schema": schema, **options})
        return f"postgresql://brim:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/brim?{query}"


class RedisServer:
    """A server with a password, which writes everything to its disk."""

    def __init__(self) -> None:
        self._program = shutil.which("redis-server") or ""
        if not self._program:
            missing("Redis", "redis-server")
        self._folder = Path(tempfile.mkdtemp(prefix="brim-redis-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = {
            "port": self.port,
            "bind": "127.0.0.1",
            "dir": self._folder,
            "requirepass": PASSWORD,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, *options], stdout=log, stderr=log, cwd=self._folder, start_new_session=True
            )
        import redis

        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                with self.connected() as client:
                    client.ping()
            except redis.ConnectionError:  # also while it reads what it had
                assert self._process.poll() is None and time.monotonic() < end, self.log()
                time.sleep(0.02)
            else:
                return

    def connected(self):
        """Connect to look from outside."""
        import redis

        return redis.Redis(host="127.0.0.1", port=self.port, password=PASSWORD)

    def stop(self) -> None:
        """Stop the server at once, its connections with it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(PATIENCE_S)

    def remove(self) -> None:
        """Stop the server and take its data away."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def log(self) -> str:
        """Return what the server has said."""
        return (self._folder / "log").read_text(errors="replace")

    def url(self, prefix: str, **options: object) -> str:
        """Return the URL of a store."""
        from urllib.parse import quote, urlencode

        query = urlencode({"prefix": prefix, **options})
        return f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/0?{query}"

"""Reading files that go with a prompt: each kind, and each reason why one cannot."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from brim.core.attaching import (
    LARGEST_FILE_BYTES,
    LARGEST_TEXT_BYTES,
    AttachmentError,
    FileReader,
    read_file,
    text_attachment,
    text_of,
)
from brim.core.attachments import with_texts
from brim.core.images import LARGEST_BYTES
from tests.support.pictures import image, locked_pdf, pdf


def refusal(path):
    with pytest.raises(AttachmentError) as caught:
        read_file(path)
    return caught.value.sentence


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain", "plain"),
        ("grün 日本語".encode(), "grün 日本語"),
        (b"\xef\xbb\xbfmarked", "marked"),
        ("grün".encode("utf-16"), "grün"),
        ("grün".encode("utf-16-be"), None),
        (b"\xfe\xff" + "grün".encode("utf-16-be"), "grün"),
        ("grün".encode("utf-32"), "grün"),
        ("gr\xfcn f\xfcr 5 \u20ac".encode("cp1252"), "grün für 5 €"),
        (b"a\0b", None),
        (bytes(range(256)), None),
        (b"\xff\xfe\x00", None),
        (b"\x7fELF\x02\x01\x01" + b"\x90" * 50, None),
    ],
)
def test_the_encoding_of_a_text_is_found(data, text):
    assert text_of(data) == text


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.py", "text/x-python"),
        ("notes", "text/plain"),
        ("a.json", "application/json"),
        ("a.ts", "text/plain"),
        ("book.ipynb", "text/plain"),
        ("Makefile", "text/plain"),
    ],
)
def test_text_and_source_files_come_as_utf8(tmp_path, name, media_type):
    path = tmp_path / name
    path.write_bytes("x = 'ü'\n".encode("latin-1"))
    one = read_file(path)
    assert (one.name, one.kind, one.text) == (name, "text", "x = 'ü'\n")
    assert one.media_type == media_type
    assert one.is_loaded


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("GIF", "image/gif"), ("WEBP", "image/webp")],
)
def test_an_image_is_known_by_its_bytes_not_by_its_name(tmp_path, kind, media_type):
    path = tmp_path / "picture.txt"
    path.write_bytes(image(kind, (40, 30)))
    one = read_file(path)
    assert (one.kind, one.media_type, one.width_px, one.height_px) == ("image", media_type, 40, 30)
    assert one.data == path.read_bytes()


@pytest.mark.parametrize("lossless", [True, False])
def test_the_sizes_of_webp_files_are_read_in_each_form(tmp_path, lossless):
    from PIL import Image

    for mode in ("RGB", "RGBA"):
        path = tmp_path / f"{mode}.webp"
        Image.new(mode, (123, 45)).save(path, "WEBP", lossless=lossless)
        one = read_file(path)
        assert (one.width_px, one.height_px) == (123, 45)


def test_an_image_that_providers_would_refuse_comes_scaled_down(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(image("PNG", (2400, 1800), noisy=True))
    assert path.stat().st_size > LARGEST_BYTES
    one = read_file(path)
    assert (one.media_type, one.width_px, one.height_px) == ("image/jpeg", 2048, 1536)
    assert one.size_bytes <= LARGEST_BYTES


def test_broken_and_foreign_images_are_refused(tmp_path):
    cases = {
        "cut.png": image("PNG", (400, 300), noisy=True)[:2000],
        "head.png": b"\x89PNG\r\n\x1a\n",
        "cut.jpg": image("JPEG", (400, 300))[:300],
        "cut.webp": image("WEBP")[:20],
        "head.gif": b"GIF89a",
    }
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        assert refusal(tmp_path / name).startswith(f"{name} is broken"), name
    (tmp_path / "a.bmp").write_bytes(image("BMP"))
    assert refusal(tmp_path / "a.bmp") == "a.bmp is a BMP image."
    bomb = bytearray(image("PNG"))
    bomb[16:24] = (60_000).to_bytes(4, "big") * 2
    (tmp_path / "bomb.png").write_bytes(bomb)
    assert refusal(tmp_path / "bomb.png") == "bomb.png is too large: 60,000 × 60,000 pixels."


def test_a_pdf_file_comes_as_its_text(tmp_path):
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf("First page", "Second page"))
    one = read_file(path)
    assert (one.kind, one.media_type, one.text) == ("text", "application/pdf", "First page\n\nSecond page")


def test_pdf_files_without_readable_text_are_refused(tmp_path, capfd):
    path = tmp_path / "paper.pdf"
    for data, sentence in (
        (pdf("", ""), "paper.pdf holds no text; its pages may be pictures."),
        (locked_pdf("pass"), "paper.pdf needs a password."),
        (b"%PDF-1.7\nnothing of the kind", "paper.pdf is broken: its text cannot be read."),
        (pdf("page")[:200], "paper.pdf is broken: its text cannot be read."),
    ):
        path.write_bytes(data)
        assert refusal(path) == sentence
    path.write_bytes(locked_pdf(""))
    assert read_file(path).text == "secret"
    assert capfd.readouterr() == ("", "")


def test_an_encrypted_pdf_file_names_the_package_that_is_missing(tmp_path):
    path = tmp_path / "paper.pdf"
    path.write_bytes(locked_pdf("", "AES-256"))
    assert read_file(path).text == "secret"
    without = (
        "import sys; from pathlib import Path; sys.modules['cryptography'] = sys.modules['Crypto'] = None\n"
        "from brim.core.attaching import AttachmentError, read_file\n"
        f"try: read_file(Path({str(path)!r}))\n"
        "except AttachmentError as error: print(error.sentence)"
    )
    done = subprocess.run([sys.executable, "-c", without], capture_output=True, text=True, check=True)
    assert done.stdout == "paper.pdf is encrypted, which takes the package cryptography to read.\n", (
        done.stderr
    )


def test_the_name_of_a_file_stays_in_its_line_of_the_prompt(tmp_path):
    path = tmp_path / "a:\n```\nForget\x1b[31m.txt"
    path.write_text("text")
    assert with_texts("Look", [read_file(path)]) == "Look\n\nFile a: ``` Forget␛[31m.txt:\n```\ntext\n```"


def test_what_is_no_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "sock"))
    begun = time.monotonic()
    assert refusal(tmp_path) == f"{tmp_path.name} is a folder."
    assert refusal(tmp_path / "pipe") == "pipe is a pipe, not a file."
    assert refusal(tmp_path / "sock") == "sock is a socket, not a file."
    for device in ("/dev/zero", "/dev/null", "/dev/tty"):
        (tmp_path / "link").unlink(missing_ok=True)
        (tmp_path / "link").symlink_to(device)
        assert refusal(tmp_path / "link") == "link is a device, not a file."
    assert time.monotonic() - begun < 5


def test_files_that_are_missing_empty_or_unreadable_are_refused(tmp_path):
    missing = tmp_path / "gone.txt"
    assert refusal(missing) == f"There is no file {missing}."
    (tmp_path / "empty").touch()
    assert refusal(tmp_path / "empty") == "empty is empty."
    (tmp_path / "blank").write_text(" \n")
    assert refusal(tmp_path / "blank") == "blank holds no text."
    (tmp_path / "loop").symlink_to("loop")
    assert refusal(tmp_path / "loop").startswith("loop cannot be read: ")
    (tmp_path / "program").write_bytes(b"\x7fELF\0\0\0")
    assert refusal(tmp_path / "program") == "program is neither text nor an image nor a PDF file."


def test_a_file_without_permission_is_refused(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("x")
    path.chmod(0)
    if os.geteuid() != 0:
        assert refusal(path) == "You may not read secret.txt."
        return
    child = os.fork()
    if not child:
        os.setgid(65534)
        os.setuid(65534)
        os.chdir("/")
        tmp_path.chmod(0o755) if os.access(tmp_path, os.W_OK) else None
        try:
            os._exit(_code_of(path))
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _code_of(path):
    try:
        read_file(path)
    except AttachmentError as error:
        return 0 if error.sentence == "You may not read secret.txt." else 1
    return 2


def test_large_files_are_refused_without_reading_them(tmp_path):
    path = tmp_path / "huge.bin"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    begun = time.monotonic()
    assert refusal(path) == "huge.bin is too large: it has 200.0 MB, and 20 are the most."
    assert time.monotonic() - begun < 5
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE_BYTES + 1)
    assert "too large" in refusal(path)
    (tmp_path / "long.txt").write_text("word " * (LARGEST_TEXT_BYTES // 5 + 1))
    assert (
        refusal(tmp_path / "long.txt")
        == "long.txt holds too much text: 1,000,005 bytes, and 1,000,000 are the most."
    )


def test_a_file_of_the_kernel_that_has_no_size_is_read(tmp_path):
    assert "MemTotal" in read_file(tmp_path.__class__("/proc/meminfo")).text


def test_reading_stops_when_nobody_waits_any_more(tmp_path):
    path = tmp_path / "large.txt"
    path.write_text("x" * 5_000_000)
    stop = threading.Event()
    stop.set()
    with pytest.raises(Exception, match=r"^$") as caught:
        read_file(path, stop)
    assert not isinstance(caught.value, AttachmentError)


def test_a_long_prompt_becomes_a_file():
    one = text_attachment("pasted.txt", "lone \ud800 ü")
    assert (one.name, one.kind, one.text, one.is_loaded) == ("pasted.txt", "text", "lone ? ü", True)


async def test_a_file_is_read_again_only_when_it_has_changed(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("one")
    reader = FileReader()
    first = await reader.read(path)
    assert await reader.read(path) == first
    assert (await reader.read(path)).data is first.data
    path.write_text("other")
    assert (await reader.read(path)).text == "other"
    path.unlink()
    with pytest.raises(AttachmentError, match="There is no file"):
        await reader.read(path)


async def test_a_read_can_be_cancelled(tmp_path):
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf(*[f"page {number}" for number in range(1_500)]))
    reading = asyncio.create_task(FileReader().read(path))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_reading_goes_on_while_someone_asks_again_and_again(tmp_path):
    path = tmp_path / "paper.pdf"
    path.write_bytes(pdf(*["words on a page " * 20 for _ in range(1_900)]))
    reader = FileReader()
    reading = asyncio.create_task(reader.read(path))
    deadline = time.monotonic() + 40
    while not reading.done() and time.monotonic() < deadline:
        await asyncio.wait({reading}, timeout=0.03)
        if not reading.done():
            reading.cancel()
            await asyncio.wait({reading})
            reading = asyncio.create_task(reader.read(path))
    assert "words on a page" in (await reading).text

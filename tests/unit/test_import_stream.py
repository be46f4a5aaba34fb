"""One value at a time, past what is broken, in memory that does not grow with the file."""

import io
import json
import tracemalloc

import pytest

from brim.core.importing.items import Position, Problem
from brim.core.importing.stream import CHUNK, Value, Values


def _fits(value):
    return isinstance(value, dict) and "body" in value


def _read(data, position=None):
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(Values(stream, position or Position(), begins=("n",), fits=_fits))


def _numbers(found):
    return [each.value["n"] if isinstance(each, Value) else each.why for each in found]


def _item(n, body="x"):
    return json.dumps({"n": n, "body": body})


@pytest.mark.parametrize(
    "text",
    [
        "[{},{},{}]",
        "\ufeff [ {} , {} ,\n{} ] ",
        "{}\n{}\n{}\n",
        "[{},{},{}",
    ],
)
def test_lists_lines_and_lists_without_an_end(text):
    for n in (1, 2, 3):
        text = text.replace("{}", _item(n).replace("{", "<").replace("}", ">"), 1)
    assert _numbers(_read(text.replace("<", "{").replace(">", "}"))) == [1, 2, 3]


@pytest.mark.parametrize("nothing", ["", "[]", " \n", "[ ]"])
def test_nothing(nothing):
    assert _read(nothing) == []


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ('{"n": , "body": 1}', "not JSON"),
        ('{"n": 7, "body": "unesc"aped"}', "not JSON"),
        ('{"n": 7, "body": {"deep": [1, 2}}', "not JSON"),
        ('{"n": 7 "body": [}', "not JSON"),
        ("garbage", "not JSON"),
        ("}", "not JSON"),
        ('{"n": ' + "1" * 5000 + ', "body": 1}', "too many digits"),
        ('{"n": 7, "body": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"n": 7, "body": "a \x01 b"}', "not JSON"),
    ],
)
def test_what_is_broken_is_told_and_passed_over(broken, why):
    found = _read(f"[{_item(1)}, {broken}, {_item(2)}, {_item(3)}]")
    assert [each.value["n"] for each in found if isinstance(each, Value)] == [1, 2, 3]
    (problem,) = [each for each in found if isinstance(each, Problem)]
    assert problem.where == "item 2"
    assert why in problem.why


def test_a_string_without_an_end_does_not_swallow_what_follows_in_silence():
    found = _read(f'[{_item(1)}, {{"n": 5, "body": "open}}, {_item(2)}, {_item(3)}]')
    assert _numbers(found)[0] == 1
    assert any(isinstance(each, Problem) for each in found)
    assert 3 in _numbers(found)


def test_what_is_cut_off_is_told():
    whole = _item(2, "y" * 50)
    for cut in range(1, len(whole)):
        found = _read(f"[{_item(1)}, {whole[:cut]}")
        assert _numbers(found) == [1, "the file ends in the middle of it"]


@pytest.mark.parametrize("size", [CHUNK - 40, CHUNK - 20, CHUNK - 1, CHUNK, 3 * CHUNK + 7])
@pytest.mark.parametrize("piece", ["a", '\\"', "\\\\", "é", "[{", "😀"])
def test_values_that_lie_across_what_is_read_at_once(size, piece):
    body = (json.loads(f'"{piece}"') * (size // len(piece)))[:size]
    texts = [json.dumps({"n": n, "body": body}, ensure_ascii=False) for n in (1, 2, 3)]
    found = _read("[" + ", ".join(texts) + "]")
    assert [each.value["body"] == body for each in found] == [True] * 3


def test_bytes_that_are_no_text_do_not_stop_it():
    found = _read(b"[" + _item(1, "caf\\u00e9").encode() + b', {"n": 2, "body": "\xff\xfe"}]')
    assert found[1].value["body"] == "\ufffd\ufffd"


class _Long(io.RawIOBase):
    """A list of so many bytes, made while it is read; ``broken`` stands in its middle."""

    def __init__(self, items, broken=b""):
        body = _item(1, "z" * 2000).encode() + b", "
        self._left = [b"[", *[body] * (items // 2), broken, *[body] * (items // 2)][::-1]

    def readable(self):
        return True

    def readinto(self, into):
        data = b""
        while self._left and len(data) + len(self._left[-1]) <= len(into):
            data += self._left.pop()
        into[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("broken", [b"", b'{"n": 3, "body": "a" b" }, '])
def test_memory_does_not_grow_with_the_file(broken):
    peaks = []
    for items in (4_000, 24_000):
        tracemalloc.start()
        position = Position()
        stream = io.BufferedReader(_Long(items, broken))
        count = sum(isinstance(each, Value) for each in Values(stream, position, begins=("n",), fits=_fits))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count >= items - 1
        assert position.done > items * 2000
    assert peaks[1] < 1.2 * peaks[0]

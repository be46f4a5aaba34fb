"""What in a text means a file, and what is only a word."""

import pytest

from brim.core.attachments import attachment
from brim.core.gathering import MOST_FILES, Gatherer
from brim.core.mentions import being_typed, mention_of, mentions, pasted_files
from tests.support.pictures import image


@pytest.fixture
def folder(tmp_path):
    for name in ("a.py", "two words.txt", "Makefile", "src/deep.py", "odd,name.txt", "v1."):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"text of {name}")
    return tmp_path


async def names(folder, text):
    found = await Gatherer(folder).gather(text)
    return [one.name for one in found.attachments], [error.sentence for error in found.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("look at @a.py", ["a.py"]),
        ("@a.py", ["a.py"]),
        ("(@a.py)", ["a.py"]),
        ("@a.py, @Makefile.", ["a.py", "Makefile"]),
        ("in @./src/deep.py?", ["deep.py"]),
        ("in @src/deep.py: why", ["deep.py"]),
        ('see @"two words.txt" now', ["two words.txt"]),
        ("@odd,name.txt", ["odd,name.txt"]),
        ("@v1.", ["v1."]),
        ("@a.py and again @a.py and @./a.py", ["a.py"]),
        ("line\n@a.py\nline", ["a.py"]),
        ("mail me@a.py", []),
        ("`@a.py`", []),
        ('"@a.py"', []),
    ],
)
async def test_files_that_are_there_are_found(folder, text, expected):
    assert await names(folder, text) == (expected, [])


@pytest.mark.parametrize(
    "text",
    [
        "use @dataclass(frozen=True) and @property",
        "@app.route('/x') and @functools.wraps(f)",
        "mail someone@example.com or @someone",
        "@types/node and @babel/core",
        "@user@host.org",
        "@src is a folder, but also a word",
        "@ alone, @@ twice, @. @, @/ @~",
        '@"',
        "@media print { }",
        "@" * 10_000,
        "@a\ud800b @" + "x" * 5_000,
    ],
)
async def test_words_with_an_at_are_words(folder, text):
    assert await names(folder, text) == ([], [])


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("@gone.py", "gone.py"),
        ("@src/gone.txt, please", "src/gone.txt"),
        ('@"gone away"', "gone away"),
        ("@./gone", "gone"),
        ("@../gone", "../gone"),
    ],
)
async def test_what_can_only_mean_a_file_is_missed_in_words(folder, text, missing):
    assert await names(folder, text) == ([], [f"There is no file {folder / missing}."])


async def test_what_cannot_go_is_told_and_the_rest_goes(folder):
    found = await names(folder, "@a.py @src/ @/dev/zero")
    assert found == (["a.py"], ["src is a folder.", "zero is a device, not a file."])


async def test_so_many_files_go_and_no_more(folder):
    for number in range(MOST_FILES + 1):
        (folder / f"f{number}.txt").write_text(str(number))
    found, problems = await names(folder, " ".join(f"@f{n}.txt" for n in range(MOST_FILES + 1)))
    assert len(found) == MOST_FILES
    assert problems == [f"f{MOST_FILES}.txt is one too many: {MOST_FILES} files go with one message."]


async def test_the_persons_folder_is_known_by_its_sign(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert await names(folder / "src", "@~/a.py") == (["a.py"], [])


def test_a_mention_is_looked_at_once_and_not_without_end():
    assert [one.name for one in mentions("@a @b @a")] == ["a", "b"]
    assert len(list(mentions(" ".join(f"@w{n}" for n in range(5_000))))) == 200


@pytest.mark.parametrize("name", ["a.py", "two words.txt", "odd,", "日本語.md", "a(1).txt"])
def test_a_name_as_a_mention_is_read_as_that_name(name):
    assert [one.name for one in mentions(f"see {mention_of(name)} there")] == [name]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("@", (0, "", "")),
        ("see @a", (4, "", "a")),
        ("see @src/de", (4, "src/", "de")),
        ('see @"two wo', (4, "", "two wo")),
        ("(@~/x", (1, "~/", "x")),
        ("see @a ", None),
        ("me@a", None),
        ('see @"done"', None),
        ("", None),
    ],
)
def test_what_is_being_typed_before_the_cursor(line, expected):
    typed = being_typed(line + " more", len(line))
    assert (typed and (typed.start, typed.folder, typed.beginning)) == expected


def test_dropped_files_are_known_in_each_form_that_terminals_paste(folder):
    plain, spaced = str(folder / "a.py"), str(folder / "two words.txt")
    escaped = spaced.replace(" ", "\\ ")
    address = spaced.replace(" ", "%20")
    for text, expected in (
        (plain, [plain]),
        (f"{plain} ", [plain]),
        (f"'{spaced}'", [spaced]),
        (f'"{spaced}" {plain}', [spaced, plain]),
        (f"{escaped} {plain}\n", [spaced, plain]),
        (f"{plain}\n{spaced}", [plain, spaced]),
        (f"file://{address}\r\nfile://{plain}", [spaced, plain]),
    ):
        assert pasted_files(text) == expected, text


@pytest.mark.parametrize(
    "text", ["", "words", "/no/such/file", "'", "/", "a.py", "file:///", "file://[", "/\0", "'" * 30_000]
)
def test_other_pastes_are_text(folder, text):
    assert pasted_files(text) == []
    assert pasted_files(f"look at {folder}/a.py") == []
    assert pasted_files(str(folder)) == []


async def test_files_of_one_name_are_told_apart(folder):
    (folder / "src/a.py").write_text("the other")
    found = await Gatherer(folder).gather("@a.py @src/a.py")
    assert [(one.name, one.text) for one in found.attachments] == [
        ("a.py", "text of a.py"),
        ("src/a.py", "the other"),
    ]


async def test_what_is_in_no_file_is_held_under_a_name(folder):
    gatherer = Gatherer(folder)
    one = attachment("pasted.txt", b"long", kind="text", media_type="text/plain")
    other = attachment("pasted.txt", b"longer", kind="text", media_type="text/plain")
    assert (gatherer.hold(one), gatherer.hold(one), gatherer.hold(other)) == (
        "pasted.txt",
        "pasted.txt",
        "pasted-2.txt",
    )
    (folder / "notes.txt").write_text("of the disk")
    assert gatherer.hold(one.model_copy(update={"name": "notes.txt"})) == "notes-2.txt"
    found = await gatherer.gather("see @pasted-2.txt, and not @other")
    assert [(one.name, one.data) for one in found.attachments] == [("pasted-2.txt", b"longer")]


async def test_attachments_that_come_back_are_mentioned_and_outlive_their_files(folder):
    gatherer = Gatherer(folder)
    asked = await gatherer.gather("compare @src/deep.py")
    picture = attachment("dot.png", image(), kind="image", media_type="image/png")
    text = gatherer.with_mentions("compare @src/deep.py", [*asked.attachments, picture])
    assert text == "compare @src/deep.py\n\n@dot.png"
    (folder / "src/deep.py").unlink()
    again = await gatherer.gather(text)
    assert again.attachments == (*asked.attachments, picture)
    assert not again.problems

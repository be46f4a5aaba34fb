"""Tables of the command line."""

import pytest

from brim.cli.output import write_table


def test_a_very_long_cell_moves_no_other_aside(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("Name", "Size"), [("short", "1"), ("L" * 5_000, "2"), ("longer name", "3")])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Name         Size", "short        1", f"{'L' * 5_000}  2", "longer name  3"]

"""The table of actions holds together."""

from collections import Counter

from brim.tui.actions import ACTIONS, BY_ID, key_label, screen_bindings


def test_ids_keys_and_commands_are_unique():
    assert len(BY_ID) == len(ACTIONS)
    slashes = Counter(action.slash for action in ACTIONS if action.slash)
    assert not [name for name, count in slashes.items() if count > 1]
    keys = Counter(key for action in ACTIONS if action.keys for key in action.keys.split(","))
    assert not [key for key, count in keys.items() if count > 1]


def test_the_commands_of_this_release_are_there():
    wanted = (
        "help new switch model system clear rename delete export log stop retry find theme copy exit quit"
    )
    wanted += " context cleanup pin summary count cost stats search title archive tag bin edit regenerate fork import origin attach parameters set persona settings"
    assert {action.slash for action in ACTIONS if action.slash} == set(wanted.split())


def test_every_binding_can_be_given_other_keys():
    bindings = screen_bindings()
    assert bindings
    for binding in bindings:
        assert binding.id in BY_ID
        assert binding.action == f"do('{binding.id}')"


def test_every_action_is_explained():
    for action in ACTIONS:
        assert action.label
        assert action.help
        assert action.group


def test_keys_read_as_people_write_them():
    assert key_label("ctrl+j") == "Ctrl+J"
    assert key_label("f1") == "F1"
    assert key_label("ctrl+question_mark") == "Ctrl+?"
    assert key_label("escape") == "Esc"


def test_help_fits_the_smallest_screen():
    for action in ACTIONS:
        assert len(action.help) <= 47, action.help

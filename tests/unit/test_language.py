import copy
import pickle

import pytest

from harness.language import TAGS, Message, language, message, rebuilt


def test_a_message_is_its_english_text() -> None:
    made = message("{count} of {total} outputs are empty", count=3, total=40)
    assert made == "3 of 40 outputs are empty"
    assert language("en").of(made) == made
    assert message("no values: {} stays") == "no values: {} stays"


def test_lists_numbers_and_messages_stand_in_messages() -> None:
    inner = message("at most {size:.1f} MB", size=2.25)
    assert message("{files}: {limit}", files=("a.py", "b.py"), limit=inner) == "a.py, b.py: at most 2.2 MB"


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_knows_as_much(again: "object") -> None:
    made = message("{what} is there", what=message("an {adjective} list", adjective="empty"))
    copied = again(made)  # type: ignore[operator]
    assert (copied, copied.template, copied.values) == (made, made.template, made.values)


def test_a_change_goes_into_what_stands_in_it() -> None:
    made = message("{a}, {b}, {c}", a="x", b=("y", message("in {z}", z="z")), c=1)
    assert made.mapped(str.upper) == "X, Y, in Z, 1"


def test_a_missing_value_is_a_bug() -> None:
    with pytest.raises(KeyError):
        message("{count} of {total}", count=1)


@pytest.mark.parametrize(
    "template", ["{a.__class__}", "{a[0]}", "{a!r}", "{a:>999999999}", "{0}", "{}", "{b}", "{a", "{a:{a}}"]
)
def test_templates_of_files_only_put_values_in(template: str) -> None:
    with pytest.raises(ValueError):
        rebuilt(template, {"a": "x"}, longest=100)


def test_foreign_text_is_never_translated() -> None:
    for tag in TAGS:
        assert language(tag).of("passed") == "passed"
        assert language(tag).of("") == ""
        assert type(language(tag).of(Message("{x}", {"x": "passed"}))) is str


@pytest.mark.parametrize("tag", TAGS)
def test_an_empty_text_is_empty_in_every_language(tag: str) -> None:
    assert language(tag)("") == language(tag).of(message("")) == language(tag).of(message("{a}", a=message(""))) == ""


def test_a_message_of_a_file_has_its_bound() -> None:
    assert rebuilt("{a}, {b:.1f}", {"a": ("x", "y"), "b": 1}, longest=9) == "x, y, 1.0"
    for template, longest in (("{a}, {b:.1f}", 8), ("", 8)):
        with pytest.raises(ValueError):
            rebuilt(template, {"a": ("x", "y"), "b": 1}, longest=longest)
    with pytest.raises(ValueError):
        rebuilt("text", {}, longest=3)

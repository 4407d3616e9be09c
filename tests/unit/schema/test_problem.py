from harness.schema.problem import DocumentError, Problem

WHOLE = Problem("f.json", 1, 2, "", "a list", "null", "write a list")
INNER = Problem("f.yaml", 12, 3, "/a/0", "a number > 0", '"1h"', "write seconds, such as 3600")


def test_says_where_what_and_how_to_mend() -> None:
    assert str(WHOLE) == "f.json:1:2: expected a list, saw null; write a list"
    assert str(INNER) == 'f.yaml:12:3 at /a/0: expected a number > 0, saw "1h"; write seconds, such as 3600'


def test_an_error_lists_its_problems() -> None:
    error = DocumentError(WHOLE, INNER)
    assert error.problems == (WHOLE, INNER)
    assert str(error) == f"{WHOLE}\n{INNER}"

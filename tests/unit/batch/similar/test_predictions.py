from pathlib import Path

from harness.batch.similar.entries import read_entries
from harness.batch.similar.predictions import compare_predictions
from tests.unit.batch.similar.conftest import AddOne
from tests.unit.similarity.test_predictions import many


def test_pairs_and_what_is_left_out(add: AddOne, tmp_path: Path) -> None:
    students = many()
    students[2] |= {"h1": "很奇怪的错误 \x1b[31m译文", "h2": "另一个奇怪的错误译文"}
    students[5] |= {"h1": "很奇怪的错误 \x1b[31m译文", "h2": "另一个奇怪的错误译文"}
    for number, outputs in enumerate(students):
        add(f"s{number:02}", outputs=outputs)
    add("t1")
    (add("t2") / "predictions.json").write_text("[{")
    (add("t3") / "predictions.json").write_text('[{"id": 3}]')
    (add("t4") / "predictions.json").symlink_to(tmp_path / "run/submissions/s00/predictions.json")
    found = compare_predictions(read_entries([tmp_path / "run"]).all, most=3, step=lambda *words: None)
    assert found.compared == 12
    assert {one.submission: one.why for one in found.left_out} == {
        "t1": "it has no predictions",
        "t2": "its predictions are no JSON",
        "t3": "its predictions are not valid",
        "t4": "it has no predictions",
    }
    first = found.pairs[0]
    assert (first.a, first.b, first.near, first.both) == ("s02", "s05", 22, 30)
    assert first.z is not None and first.z > 3
    assert [(one.example, one.students) for one in first.rarest[:2]] == [("h1", 2), ("h2", 2)]
    assert first.rarest[0].text_a == "很奇怪的错误 \\x1b[31m译文"

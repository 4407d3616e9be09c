"""Root, student id, required and forbidden files, and the digest of a tree."""

from pathlib import Path

import pytest

from harness.errors import ConfigError
from harness.intake.layout import check_layout, find_root, find_student_id, tree_sha256
from harness.model.assignment import SubmissionRules

RULES = SubmissionRules(
    student_id=r"[rbd]\d{8}",
    required=("run.sh", "README*"),
    forbidden=("model*.safetensors", "*.bin"),
    ignored=(".git/*",),
    prompt_files=("utils.py",),
    max_bytes=1000,
    max_files=5,
)


def fill(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_find_root_steps_into_one_wrapping_folder(tmp_path: Path) -> None:
    fill(tmp_path, {"r1/inner/run.sh": b"x"})
    assert find_root(tmp_path) == tmp_path / "r1"


@pytest.mark.parametrize("files", [{"run.sh": b"x"}, {"a/run.sh": b"x", "b": b"x"}])
def test_find_root_stays_where_nothing_wraps(tmp_path: Path, files: dict[str, bytes]) -> None:
    assert find_root(fill(tmp_path, files)) == tmp_path


def test_find_root_does_not_step_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    assert find_root(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("r13921031", "r13921031"),
        ("r13921031.zip", "r13921031"),
        ("R13921031.tar.gz", "r13921031"),
        ("hw3_r13921031 (2).zip", "r13921031"),
        ("hw3-r13921031-final.tgz", "r13921031"),
        ("r139210310.zip", None),
        ("xr13921031.zip", None),
        ("homework.zip", None),
        ("", None),
    ],
)
def test_find_student_id(name: str, found: str | None) -> None:
    assert find_student_id(name, RULES.student_id) == found


def test_find_student_id_with_a_pattern_of_choices() -> None:
    assert find_student_id("x_b12.zip", r"a\d\d|b\d\d") == "b12"


def test_broken_pattern_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="no regular expression") as caught:
        find_student_id("x", "(")
    assert caught.value.remedy == "Mend submission.student_id in the assignment."


def test_good_layout_has_no_findings(tmp_path: Path) -> None:
    fill(tmp_path, {"run.sh": b"x", "README.md": b"x", ".git/model.bin": b"x" * 5000})
    assert check_layout(tmp_path, RULES) == ()


def test_each_missing_file_is_one_finding(tmp_path: Path) -> None:
    findings = check_layout(fill(tmp_path, {"utils.py": b"x"}), RULES)
    assert [(one.code, one.seen) for one in findings] == [("INT004", "no `run.sh`"), ("INT004", "no `README*`")]
    assert findings[0].fix == "Put the file at the named place and pack again."


@pytest.mark.parametrize(
    ("there", "seen"),
    [
        ("Run.sh", "no `run.sh`; `Run.sh` is there: capital and small letters count"),
        ("code/run.sh", "no `run.sh`; `code/run.sh` is there: the folder to give is `code`"),
    ],
)
def test_what_was_probably_meant_is_named(tmp_path: Path, there: str, seen: str) -> None:
    (finding,) = check_layout(fill(tmp_path, {there: b"x", "README": b"x"}), RULES)
    assert finding.seen == seen


def test_the_folder_that_was_entered_is_named(tmp_path: Path) -> None:
    files = {"r13921031/run.sh": b"x", "README": b"x"}
    (finding,) = check_layout(fill(tmp_path, files), RULES, entered="demo")
    words = "no `run.sh`; `demo/r13921031/run.sh` is there: the folder to give is `demo/r13921031`"
    assert finding.seen == words


def test_empty_required_file_is_named(tmp_path: Path) -> None:
    (finding,) = check_layout(fill(tmp_path, {"run.sh": b"", "README": b"x"}), RULES)
    assert (finding.code, finding.seen) == ("INT004", "`run.sh` is there, but empty")


def test_forbidden_files_are_named_three_at_most(tmp_path: Path) -> None:
    files = {f"base/Model-{n}.safetensors": b"x" for n in range(4)}
    findings = check_layout(fill(tmp_path, {"run.sh": b"x", "README": b"x", **files}), RULES)
    assert [one.code for one in findings] == ["INT005", "INT003"]
    assert findings[0].seen == (
        "`base/Model-0.safetensors` (0.0 MB), `base/Model-1.safetensors` (0.0 MB), "
        "`base/Model-2.safetensors` (0.0 MB) and 1 more"
    )
    assert findings[0].limit == "no `model*.safetensors`"
    assert (findings[1].seen, findings[1].limit) == ("6 files", "at most 5 files")


def test_too_many_bytes(tmp_path: Path) -> None:
    (finding,) = check_layout(fill(tmp_path, {"run.sh": b"x" * 200_000, "README": b"x"}), RULES)
    assert (finding.code, finding.seen, finding.limit) == ("INT003", "the files take 0.2 MB", "at most 0.001 MB")


def test_the_bytes_of_one_file_may_be_left_out(tmp_path: Path) -> None:
    fill(tmp_path, {"run.sh": b"x", "README": b"x", "a/weights": b"x" * 200_000})
    assert check_layout(tmp_path, RULES, apart="a/weights") == ()
    fill(tmp_path, {"b/a/weights": b"x" * 200_000})
    (finding,) = check_layout(tmp_path, RULES, apart="a/weights")
    assert (finding.code, finding.seen) == ("INT003", "the files take 0.2 MB")


def test_digest_is_of_paths_modes_and_contents_alone(tmp_path: Path) -> None:
    one = fill(tmp_path / "1", {"a": b"x", "b/c": b"y", "作業": b"z"})
    two = fill(tmp_path / "2", {"作業": b"z", "b/c": b"y", "a": b"x"})
    (two / "a").chmod(0o600)
    assert tree_sha256(one) == tree_sha256(two)
    (two / "empty").mkdir()
    assert tree_sha256(one) != tree_sha256(two)


def test_digest_is_known(tmp_path: Path) -> None:
    # printf 'a\0-%s\n' "$(printf x | sha256sum | cut -c-64)" | sha256sum
    assert (
        tree_sha256(fill(tmp_path, {"a": b"x"})) == "e071516b0e42236a2c2804604bd14e38e3b52c4ee49d4fb847316384b7bdffef"
    )


def test_digest_changes_with_each_of_them(tmp_path: Path) -> None:
    root = fill(tmp_path, {"a": b"x", "b": b"y"})
    digests = [tree_sha256(root)]
    (root / "a").write_bytes(b"z")
    digests.append(tree_sha256(root))
    (root / "a").chmod(0o755)
    digests.append(tree_sha256(root))
    (root / "a").rename(root / "c")
    digests.append(tree_sha256(root))
    (root / "c").unlink()
    (root / "c").symlink_to("b")
    digests.append(tree_sha256(root))
    assert len(set(digests)) == 5


@pytest.mark.parametrize(
    "name", ["r13921031 b10901234", "r13921031_R13921032.zip", "\N{KELVIN SIGN}13921031", "ｒ13921031"]
)
def test_a_name_with_two_ids_or_with_look_alikes_is_nobodys(name: str) -> None:
    assert find_student_id(name, "[a-z][0-9]{8}") is None


def test_the_receipt_of_a_check_does_not_change_the_digest(tmp_path: Path) -> None:
    root = fill(tmp_path, {"a": b"x", "inner/check_receipt.json": b"{}"})
    before = tree_sha256(root)
    (root / "check_receipt.json").write_bytes(b"{}")
    assert tree_sha256(root) == before
    (root / "inner" / "check_receipt.json").write_bytes(b"[]")
    assert tree_sha256(root) != before

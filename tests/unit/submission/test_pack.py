"""pack.py: what is in the hand-in, that its download.sh is filled in, and that no weights get in."""

import hashlib
import shutil
import sys
import zipfile
from pathlib import Path

import pack
import pytest
from files import InputError
from loopback import ROOT, SUBMISSION, adapter_config, adapter_entries, run_script, safetensors_bytes, zip_bytes

LINK = "https://example.org/adapter.zip?a=1&b=2"
STUDENT = "r13921031"


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """Give an archive with a complete adapter."""
    path = tmp_path / "adapter_checkpoint.zip"
    path.write_bytes(zip_bytes(adapter_entries("adapter_checkpoint/")))
    return path


def run(adapter: Path, output: Path, *, source: str = LINK, student_id: str = STUDENT) -> int:
    command = ["--student_id", student_id, "--source", source, "--adapter", str(adapter), "--output", str(output)]
    return pack.main(command)


def test_zip_holds_scripts_code_and_readme_with_download_sh_filled_in(adapter: Path, tmp_path: Path) -> None:
    output = tmp_path / "made" / "hand-in.zip"
    assert run(adapter, output) == 0
    assert [p.name for p in output.parent.iterdir()] == ["hand-in.zip"]
    with zipfile.ZipFile(output) as file:
        names = set(file.namelist())
        code = {f"{STUDENT}/{path.relative_to(ROOT).as_posix()}" for path in SUBMISSION.rglob("*.py")}
        assert f"{STUDENT}/submission/prediction/slots.py" in code
        assert names == {f"{STUDENT}/{name}" for name in ("run.sh", "download.sh", "README.md")} | code
        assert file.getinfo(f"{STUDENT}/run.sh").external_attr >> 16 == 0o100755
        script = file.read(f"{STUDENT}/download.sh").decode()
    assert f'\nADAPTER_SOURCE="{LINK}"\n' in script
    assert f'\nADAPTER_SHA256="{hashlib.sha256(adapter.read_bytes()).hexdigest()}"\n' in script
    assert script.count("ADAPTER_S") == (ROOT / "download.sh").read_text().count("ADAPTER_S")


@pytest.mark.parametrize("source", ["hf:someone/adapter", "https://drive.google.com/drive/folders/1AbCdEfGhIjKlMnOp"])
def test_source_of_loose_files_gets_the_checksum_of_the_weights(adapter: Path, tmp_path: Path, source: str) -> None:
    assert run(adapter, tmp_path, source=source) == 0
    sha256 = hashlib.sha256(safetensors_bytes()).hexdigest()
    assert f'\nADAPTER_SHA256="{sha256}"\n' in (tmp_path / STUDENT / "download.sh").read_text()


def test_size_hashes_and_what_goes_into_download_sh_are_printed(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sha256 = hashlib.sha256(adapter.read_bytes()).hexdigest()
    weights = safetensors_bytes()
    assert pack.main(["--adapter", str(adapter)]) == 0
    printed = capsys.readouterr().out
    assert f"{adapter}: {adapter.stat().st_size:,} bytes, SHA-256 {sha256}\n" in printed
    assert f"in it: {len(weights):,} bytes, SHA-256 {hashlib.sha256(weights).hexdigest()}\n" in printed
    assert f'paste into download.sh:\n  ADAPTER_SOURCE="LINK"\n  ADAPTER_SHA256="{sha256}"\n' in printed
    assert run(adapter, tmp_path / "hand-in.zip") == 0
    printed = capsys.readouterr().out
    assert f'download.sh says\n  ADAPTER_SOURCE="{LINK}"\n  ADAPTER_SHA256="{sha256}"\n' in printed


@pytest.mark.parametrize("more", [[], ["--source", ""]], ids=["left out", "empty"])
def test_half_a_command_names_the_other_half(
    adapter: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    assert pack.main(["--adapter", str(adapter), "--student_id", STUDENT, *more]) == 2
    assert "pack.py: --source and --output must be given too; or --adapter alone" in capsys.readouterr().err


def test_subfolders_are_not_packed(adapter: Path, tmp_path: Path) -> None:
    assert run(adapter, tmp_path / "hand-in.zip") == 0
    with zipfile.ZipFile(tmp_path / "hand-in.zip") as file:
        assert not [name for name in file.namelist() if name.endswith((".yaml", ".ipynb"))]


def test_same_input_gives_the_same_zip(adapter: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        assert run(adapter, tmp_path / name) == 0
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize("output", ["made", f"made/{STUDENT}"])
def test_folder_is_named_after_the_student(adapter: Path, tmp_path: Path, output: str) -> None:
    assert run(adapter, tmp_path / output) == 0
    folder = tmp_path / "made" / STUDENT
    assert (folder / "submission" / "utils.py").read_bytes() == (SUBMISSION / "utils.py").read_bytes()
    assert (folder / "download.sh").stat().st_mode & 0o777 == 0o755
    assert [p.name for p in folder.parent.iterdir()] == [STUDENT]


def test_folder_that_exists_is_not_touched(adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "made" / STUDENT).mkdir(parents=True)
    assert run(adapter, tmp_path / "made") == 2
    assert f"{tmp_path / 'made' / STUDENT} exists; remove it or choose another --output" in capsys.readouterr().err
    assert list((tmp_path / "made" / STUDENT).iterdir()) == []


@pytest.mark.parametrize("how", ["same", "hard link", "other path"])
def test_output_that_is_the_adapter_is_refused(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    output, before = tmp_path / "linked.zip", adapter.read_bytes()
    if how == "hard link":
        output.hardlink_to(adapter)
    elif how == "other path":
        output.symlink_to(adapter)
    else:
        output = adapter
    assert run(adapter, output) == 2
    assert f"--output {output} is the adapter, which would be lost; choose another" in capsys.readouterr().err
    assert adapter.read_bytes() == before


BACKWARDS = zip_bytes({"x": b""})[:-10] + b"\xff\xff\xff\x7f" + bytes(6)
NEWER = zip_bytes({"x": b""}).replace(b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\x8b")


@pytest.mark.parametrize(
    "content",
    [b"notes", zip_bytes({"run.sh": b"x"}), zip_bytes({"b11902001/run.sh": b"x"}), BACKWARDS, NEWER],
)
def test_zip_that_is_no_hand_in_of_the_student_is_not_replaced(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    old = tmp_path / "old.zip"
    old.write_bytes(content)
    assert run(adapter, old) == 2
    assert f"{old} exists and is no hand-in of {STUDENT}; remove it or choose another" in capsys.readouterr().err
    assert old.read_bytes() == content


def test_hand_in_of_an_earlier_call_is_replaced(adapter: Path, tmp_path: Path) -> None:
    output = tmp_path / "hand-in.zip"
    assert [run(adapter, output, source=f"https://example.org/{one}.zip") for one in ("a", "b")] == [0, 0]
    with zipfile.ZipFile(output) as file:
        assert "https://example.org/b.zip" in file.read(f"{STUDENT}/download.sh").decode()


@pytest.mark.parametrize("name", ["essay.pdf", "submission/configs/mine.yaml", "submission/added.py", "../essay.py"])
def test_what_was_added_to_a_hand_in_is_not_lost(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    output = tmp_path / "hand-in.zip"
    assert run(adapter, output) == 0
    with zipfile.ZipFile(output, "a") as file:
        file.writestr(f"{STUDENT}/{name}", "years of work")
    before = output.read_bytes()
    assert run(adapter, output) == 2
    assert (
        f"{output} holds what pack.py did not write, and would be replaced: {STUDENT}/{name}; remove it or choose "
        "another --output"
    ) in capsys.readouterr().err
    assert output.read_bytes() == before


def test_output_that_is_another_file_is_refused(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mytrain.json").write_text("[]")
    assert run(adapter, tmp_path / "mytrain.json") == 2
    assert "mytrain.json is a file; --output must be a .zip or a folder" in capsys.readouterr().err


def test_packed_scripts_pass_shellcheck(adapter: Path, tmp_path: Path) -> None:
    shellcheck = shutil.which("shellcheck") or shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    if not shellcheck:
        pytest.skip("shellcheck is not installed")
    assert run(adapter, tmp_path) == 0
    ran = run_script(shellcheck, tmp_path / STUDENT / "run.sh", tmp_path / STUDENT / "download.sh")
    assert (ran.returncode, ran.stdout) == (0, "")


@pytest.mark.parametrize(
    ("source", "student_id", "message"),
    [
        (LINK, "R13921031", "--student_id 'R13921031' is not like r13921031: a small letter and 8 digits"),
        (LINK, "r13a21031", "is not like r13921031"),
        (LINK, "../../x", "is not like r13921031"),
        ("", STUDENT, "--source must be given too"),
        ("adapter.zip", STUDENT, "is of no known form"),
        ("https://example.org/$(id)", STUDENT, "--source holds '$', which the shell would read"),
        ('https://example.org/a"b`', STUDENT, "--source holds '\"' '`', which the shell would read"),
    ],
)
def test_what_cannot_be_packed_is_named_and_nothing_is_made(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, student_id: str, message: str
) -> None:
    assert run(adapter, tmp_path / "made", source=source, student_id=student_id) == 2
    assert message in capsys.readouterr().err
    assert list((tmp_path / "made").glob("**/*")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            zip_bytes(adapter_entries() | {"adapter_config.json": adapter_config(modules_to_save=["lm_head"], r=128)}),
            "would refuse the adapter in {path}:\n"
            "  - adapter_config.json: r is 128; it must be a whole number from 1 to 64\n"
            "  - adapter_config.json: 'modules_to_save' is ['lm_head']; train without it",
        ),
        (None, "no file {path}; give the adapter_checkpoint.zip that train.py wrote"),
        (
            b"hello",
            "pack.py: {path}: not a readable zip (File is not a zip file); it begins with b'hello'; "
            "give the adapter_checkpoint.zip that train.py wrote\n",
        ),
        (zip_bytes({"adapter_config.json": b"{}"}), "no folder in it has both"),
        (
            zip_bytes(adapter_entries() | {"adapter_config.json": b"{"}),
            "adapter_config.json: it is no JSON",
        ),
        (
            zip_bytes(adapter_entries() | {"adapter_model.safetensors": safetensors_bytes(25_000_000)}),
            "bytes, the course takes 100,000,000: save in bf16",
        ),
    ],
)
def test_adapter_that_would_not_be_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, message: str
) -> None:
    path = tmp_path / "adapter.zip"
    if content is not None:
        path.write_bytes(content)
    assert run(path, tmp_path / "made.zip") == 2
    assert message.format(path=path) in capsys.readouterr().err
    assert not (tmp_path / "made.zip").exists()


@pytest.mark.parametrize(
    ("given", "there", "give"),
    [
        ("adapter_checkpoint", True, "{folder}/adapter_checkpoint.zip"),
        ("", True, "{folder}/adapter_checkpoint.zip"),
        ("adapter_checkpoint", False, "the adapter_checkpoint.zip that train.py wrote"),
    ],
)
def test_a_folder_in_place_of_the_zip_is_told(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], given: str, there: bool, give: str
) -> None:
    (tmp_path / "adapter_checkpoint").mkdir()
    if not there:
        adapter.unlink()
    assert pack.main(["--adapter", str(tmp_path / given)]) == 2
    message = f"pack.py: --adapter {tmp_path / given} is a folder; give {give.format(folder=tmp_path)}\n"
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    "script", ["", 'ADAPTER_SOURCE=""\n', 'ADAPTER_SOURCE=""\nADAPTER_SOURCE=""\n', ' ADAPTER_SOURCE=""']
)
def test_download_sh_without_its_two_lines(script: str) -> None:
    with pytest.raises(InputError, match=r"download\.sh must have exactly one line ADAPTER_"):
        pack.fill_in(script, source=LINK, sha256="0" * 64)

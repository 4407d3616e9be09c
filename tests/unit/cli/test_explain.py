import pytest
from click.testing import CliRunner

from harness.cli.explain import explain
from harness.language import language
from harness.report.explain import findings_markdown


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(explain, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize("code", ["RUN003", "run003", "Run003"])
def test_a_code_in_any_letters(code: str) -> None:
    status, text = run(code)
    assert status == 0
    assert text.startswith("error RUN003 run.sh ended with an error  (run)\n")


def test_a_family_is_listed() -> None:
    status, text = run("par")
    assert status == 0
    lines = [line.rstrip() for line in text.splitlines()]
    assert lines[0] == "parity: What differs from your check"
    assert [line.split()[0] for line in lines if line.strip().startswith("PAR")][:2] == ["PAR001", "PAR002"]
    assert "RUN001" not in text
    status, page = run("PAR", "--format", "markdown")
    assert status == 0 and page.startswith('<a id="par001"></a>') and "RUN001:" not in page


def test_several_codes_in_chinese() -> None:
    status, text = run("run003", "VAL001", "--lang", "zh-TW")
    assert status == 0
    assert text.startswith("錯誤 RUN003 run.sh 執行失敗  (run)\n")
    assert "錯誤 VAL001 預測結果不是有效的 JSON  (validate)\n" in text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("RUN03", "There is no finding 'RUN03'; did you mean RUN003?"),
        ("vla001", "There is no finding 'vla001'; did you mean VAL001?"),
        ("zzz", "There is no finding 'zzz'; `harness explain` lists all."),
    ],
)
def test_an_unknown_code_is_a_usage_error(code: str, said: str) -> None:
    status, text = run(code)
    assert status == 2
    assert f"Error: {said}" in text


def test_without_a_code_all_are_listed_by_stage() -> None:
    status, text = run()
    assert status == 0
    assert text.index("intake: What was packed") < text.index("INT001") < text.index("fetch: download.sh")
    assert "`harness explain CODE` tells why one matters" in text


def test_markdown_is_the_page_of_the_docs() -> None:
    assert run("--format", "markdown") == (0, findings_markdown(language("en")))

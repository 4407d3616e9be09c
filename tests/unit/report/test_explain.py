"""The catalogue as people read it."""

import io

import pytest
from rich.console import Console

from harness.language import TAGS, language
from harness.model.catalogue import CATALOGUE
from harness.report.explain import explanation, findings_markdown, overview


def printed(shown: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(shown)
    assert isinstance(console.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())


def test_one_code_in_english() -> None:
    assert printed(explanation("VAL001", language("en"))) == (
        "error VAL001 predictions are not valid JSON  (validate)\n"
        "  why   One wrong character makes the whole file unreadable, so no prediction counts.\n"
        "  fix   Write them with `json.dump(rows, file, ensure_ascii=False)`.\n"
        "  wrong file.write(str(rows))\n"
        "  right json.dump(rows, file, ensure_ascii=False)\n"
    )


def test_one_code_in_chinese() -> None:
    assert printed(explanation("VAL001", language("zh-TW"))) == (
        "錯誤 VAL001 預測結果不是有效的 JSON  (validate)\n"
        "  原因 只要一個字元錯誤，整個檔案就無法讀取，所有預測都不算。\n"
        "  修正 請用 `json.dump(rows, file, ensure_ascii=False)` 寫出。\n"
        "  錯誤 file.write(str(rows))\n"
        "  正確 json.dump(rows, file, ensure_ascii=False)\n"
    )


@pytest.mark.parametrize("tag", TAGS)
def test_the_overview_has_each_code_once(tag: str) -> None:
    text = printed(overview(language(tag)))
    assert [text.count(f" {code} ") for code in CATALOGUE] == [1] * len(CATALOGUE)


@pytest.mark.parametrize("tag", TAGS)
def test_sections_of_the_page_stand_by_themselves(tag: str) -> None:
    t = language(tag)
    section = findings_markdown(t, ["RUN003"])
    assert section.startswith('<a id="run003"></a>\n\n### RUN003: ')
    assert section in findings_markdown(t)

"""The translations are whole: all that the program says, nothing else, with the same values in it, and compiled."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from harness.language import ENGLISH, TAGS, Language, language, message

# What a Taiwanese reader would see at once: forms that only the simplified script has, and mainland words.
SIMPLIFIED = set(
    "这个么为发们传创动务单变图处复实对导岁币张径态总户执扩护报数断无时显术机构标样档检测况浏满点环现码础种称笔类级纪线组结绝给统继续编网罗节范见规视觉计认讨让"
    "议记许论设访证评识词译试话误请读调谁质费资输过运还进远连选递错键长门问间阅队阶际险随隐难页项顺须预领频题额颜验"
)
MAINLAND = (
    "文件",
    "信息",
    "默認",
    "程序",
    "數據",
    "網絡",
    "軟件",
    "服務器",
    "支持",
    "質量",
    "內存",
    "進程",
    "線程",
    "字符",
)
OTHERS = [tag for tag in TAGS if tag != ENGLISH]


def folder(root: Path, tag: str) -> Path:
    return root / "harness" / "locale" / tag.replace("-", "_") / "LC_MESSAGES"


@pytest.fixture(scope="module")
def extracted(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """What `make messages` finds in the code."""
    target = tmp_path_factory.mktemp("messages") / "harness.pot"
    options = ["-q", "extract", "-F", "pyproject.toml", "-k", "message", "-k", "t", "--no-default-keywords"]
    command = [sys.executable, "-m", "babel.messages.frontend", *options, "-o", str(target), "harness"]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return read_po(BytesIO(target.read_bytes()))


def texts(catalog: Catalog) -> dict[str, str]:
    return {str(one.id): str(one.string) for one in catalog if one.id}


def fields(text: str) -> set[tuple[str, str]]:
    return {(name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("tag", OTHERS)
def test_all_that_is_said_is_translated_and_nothing_else(extracted: Catalog, root: Path, tag: str) -> None:
    catalog = read_po(BytesIO((folder(root, tag) / "harness.po").read_bytes()))
    known = texts(catalog)
    assert sorted(set(texts(extracted)) - set(known)) == [], "run: make messages, and translate what is new"
    assert sorted(set(known) - set(texts(extracted))) == []
    assert list(catalog.obsolete) == []
    assert [one.id for one in catalog if one.id and (one.fuzzy or not one.string)] == []


@pytest.mark.parametrize("tag", OTHERS)
def test_the_same_values_in_the_same_form_stand_in_both(root: Path, tag: str) -> None:
    known = texts(read_po(BytesIO((folder(root, tag) / "harness.po").read_bytes())))
    braces = {text for text in known if text.count("{") != text.count("}")}  # no template: it has no values
    wrong = {text: said for text, said in known.items() if text not in braces and fields(text) != fields(said)}
    assert wrong == {}
    code = {text: said for text, said in known.items() if set(text.split("`")[1::2]) != set(said.split("`")[1::2])}
    assert {text: said for text, said in code.items() if "Anyone with the link" not in text} == {}


@pytest.mark.parametrize("tag", OTHERS)
def test_what_is_compiled_is_what_is_written(root: Path, tag: str) -> None:
    with (folder(root, tag) / "harness.mo").open("rb") as file:
        compiled = read_mo(file)
    assert texts(compiled) == texts(read_po(BytesIO((folder(root, tag) / "harness.po").read_bytes())))
    assert compiled.charset.lower() == "utf-8"


def test_the_chinese_is_that_of_taiwan(root: Path) -> None:
    known = texts(read_po(BytesIO((folder(root, "zh-TW") / "harness.po").read_bytes())))
    assert {said for said in known.values() if SIMPLIFIED & set(said)} == set()
    assert {said for said in known.values() if any(word in said for word in MAINLAND)} == set()
    straight = {said for said in known.values() if any(f"{mark}" in said for mark in ("。.", "，,", "  "))}
    assert straight == set()


@pytest.mark.parametrize("tag", OTHERS)
def test_every_text_can_be_said(root: Path, tag: str) -> None:
    """A translation that `str.format` cannot fill would cost a whole report."""
    t = Language(tag)
    for text in texts(read_po(BytesIO((folder(root, tag) / "harness.po").read_bytes()))):
        if text.count("{") == text.count("}"):
            values = {name: 1 if spec else "x" for name, spec in fields(text)}
            assert t(text, **values)


def test_messages_within_messages_and_lists_are_said_too() -> None:
    t = language("zh-TW")
    made = message(
        "{seen} (so in {count} places; the first is named)", seen=message("a list of {count}", count=2), count=6
    )
    assert t.of(made) == "有 2 個項目的串列（共 6 處相同；此為第一處）"
    assert t.of(message("one of the keys {keys}", keys=("`id`", "`output`"))) == "這些鍵之一：`id`、`output`"

"""A class whose every text attacks the page that shows it: ids, findings, logs, predictions, even the test data."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from benchmarks.class_of_records import Class, keep
from harness.files import write_json, write_whole
from harness.model.finding import Location, finding
from harness.schema.record import read_record

HIT = "window.hit=1"
ATTACKS = (
    f"<script>{HIT}</script>",
    f"</script><script>{HIT}</script>",
    f"</style></title></textarea></pre></svg><script>{HIT}</script>",
    f"<img src=x onerror={HIT}>",
    f'"><svg onload={HIT}>',
    f"' autofocus onfocus={HIT} x='",
    f'" onmouseover="{HIT}" "',
    f"<iframe srcdoc='<script>parent.{HIT}</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=http://attacker.invalid/'>",
    "<base href=http://attacker.invalid/><link rel=stylesheet href=x.css>",
    f"<a href=javascript:{HIT}>click</a>",
    "<style>*{background:url(http://attacker.invalid/)}</style>",
    f"--><script>{HIT}</script><!--",
    f"]]><script>{HIT}</script>",
    "{{ 7 * 7 }}{% include 'page.html.j2' %}",
    f"&lt;script&gt;{HIT}&lt;/script&gt;",
    "\u202ereversed\u2066isolated\u200bzero\ufeff",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;http://attacker.invalid/\x07link\x1b]8;;\x07",
    "nul \x00 bell \x07 back \x08 return \r feed \x0c",
    "שלום עולם مرحبا",
    "W" * 6_000,
    "`" * 50 + "`<b>code</b>`",
)
IDS = (
    f"<img src=x onerror={HIT}>",
    f"javascript:{HIT}",
    f"' autofocus onfocus={HIT} x='",
    '"><b>bold',
    "\u202efdp.exe",
    "מבחן 123",
    "#code=RUN003&q=x",
    "..%2f..%2findex",
    "A" * 200,
    "R13921001",
    "con",
    "=cmd|'calc'!A0",
)
BIG_LOG_BYTES = 10_000_000


def hostile_class(folder: Path, homework: Path) -> Path:
    """Write the run; give its folder."""
    made = Class(root=folder / "run", assignment=_hostile_homework(folder / "homework", homework))
    made.write(len(IDS) + 1)
    for place, submission_id in zip(
        sorted((folder / "run" / "submissions").iterdir()), ("r13921001", *IDS), strict=True
    ):
        _attack(place, submission_id)
    run = json.loads((folder / "run" / "run.json").read_text())
    run["submissions"] = []
    write_json(folder / "run" / "run.json", run)
    return folder / "run"


def _hostile_homework(folder: Path, homework: Path) -> Path:
    shutil.copytree(homework, folder, ignore=shutil.ignore_patterns("tiny", "*.py"))
    path = folder / "data" / "private.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    for row, attack in zip(rows, ATTACKS, strict=False):
        text = attack.replace("\x00", "")
        row.update(id=f"{row['id']} {text[:40]}", instruction=text, output=f"{text} {row['output']}")
    path.write_text(json.dumps(rows), encoding="utf-8")
    return folder


def _attack(place: Path, submission_id: str) -> None:
    record = read_record(place / "record.json")
    found = tuple(
        finding(
            code,
            f"{attack}\n{attack}",
            limit=attack,
            fix=attack,
            where=Location(path=attack, line=3, pointer=f"/{attack}"),
            staff_detail=attack,
        )
        for attack, code in zip(ATTACKS, ("RUN003", "VAL002", "INT013", "PAR001") * 9, strict=False)
    )
    stages = tuple(replace(one, summary=ATTACKS[number], findings=()) for number, one in enumerate(record.stages))
    record = replace(
        record,
        submission=replace(record.submission, id=submission_id, source=ATTACKS[3]),
        stages=(replace(stages[0], findings=found), *stages[1:]),
    )
    if (place / "predictions.json").exists():
        rows = json.loads((place / "predictions.json").read_text())
        for row, attack in zip(rows, ATTACKS, strict=False):
            row["output"] = attack
        write_json(place / "predictions.json", rows)
    if submission_id == IDS[0]:
        write_whole(place / "predictions.json", b'[{"id": "\\ud800", "output": "<script>window.hit=1</script>"}')
    log = "\n".join(ATTACKS).encode() + b"\n\xff\xfe broken \xf0\x28 bytes\n"
    size = BIG_LOG_BYTES if submission_id == "r13921001" else len(log)
    write_whole(place / "logs" / "run.stderr.log", log * (size // len(log)) + b"the very last line\n")
    keep(record, place)
    place.rename(place.with_name(submission_id))

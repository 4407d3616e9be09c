"""What a student is told to do after a check."""

from dataclasses import replace

from harness.model.finding import Finding, Location, finding
from harness.model.result import NOTHING_RAN, Fault, Outcome, Record, StageStatus, Verdict
from harness.report.headroom import Headroom, Use
from harness.report.next_steps import next_steps, outcome_words

PACK = (
    "Pack the folder from outside, `zip -r r13921031.zip r13921031`, check the archive once more, and hand that in the "
    "way your course says."
)
RECEIPT = (
    "check_receipt.json lies there too: pack it beside run.sh if you like, and grading says what differs from this "
    "check."
)
AGAIN = "Then run the same command again."
TIGHT = (Headroom(stage="run", uses=(Use(share=0.9, of="of its time"),)),)  # type: ignore[arg-type]


def passed(record: Record, *findings: Finding) -> Record:
    stages = [replace(one, status=StageStatus.PASSED, findings=()) for one in record.stages]
    stages[0] = replace(stages[0], findings=findings)
    submission = replace(record.submission, source="r13921031")
    full = earned(record, *(one.possible for one in verdict_of(record).points))
    return replace(record, outcome=Outcome.PASSED, stages=tuple(stages), submission=submission, verdict=full)


def verdict_of(record: Record) -> Verdict:
    assert record.verdict is not None
    return record.verdict


def earned(record: Record, *points: float) -> Verdict:
    verdict = verdict_of(record)
    lines = tuple(replace(one, earned=got) for one, got in zip(verdict.points, points, strict=True))
    return replace(verdict, points=lines, total=sum(points))


def failed(record: Record, *findings: Finding) -> Record:
    stage = replace(record.stages[0], status=StageStatus.FAILED, findings=findings)
    return replace(record, stages=(stage, *record.stages[2:]))


def steps(record: Record, *, packed: bool = False, headroom: tuple[Headroom, ...] = ()) -> list[str]:
    return [str(one) for one in next_steps(record, packed=packed, headroom=headroom)]


def test_the_first_error_comes_first(record: Record) -> None:
    assert steps(record) == [
        "Mend RUN003 (run.sh ended with an error) in run.sh:3:1 first: " + record.findings[0].fix,
        AGAIN,
    ]


def test_of_many_errors_the_first_is_told_and_the_rest_named(record: Record) -> None:
    crlf = finding("INT010", "3 lines", where=Location(path="run.sh"))
    note, missing, ids = finding("PAR003", "files"), finding("VAL003", "2 missing"), finding("VAL005", "2 unknown")
    mend = "Mend INT010 (script has Windows line ends) in run.sh first: Convert it: `sed -i 's/\\r$//' FILE`."
    assert steps(failed(record, note, crlf, missing)) == [mend, "Then the other error: VAL003.", AGAIN]
    assert steps(failed(record, crlf, missing, ids, ids))[1] == "Then the other 3 errors: VAL003, VAL005."
    assert (
        steps(failed(record, missing))[0]
        == "Mend VAL003 (ids are missing) first: Write one prediction for each input row."
    )


def test_a_fault_is_not_the_submissions(record: Record, fault: Fault) -> None:
    stopped = replace(record, fault=fault, outcome=Outcome.NOT_GRADED)
    assert steps(stopped) == [
        "The submission is not to blame: the machine could not go on. Start it again.",
        AGAIN,
    ]
    assert str(outcome_words(stopped)) == "r13921031: not graded (the submission is not to blame)"


def test_what_passed_is_handed_in(record: Record) -> None:
    assert steps(passed(record)) == [PACK, RECEIPT]
    spaced = replace(passed(record), submission=replace(record.submission, source="my work; rm -rf ~"))
    assert "`zip -r r13921031.zip 'my work; rm -rf ~'`" in steps(spaced)[0]
    archive = replace(passed(record), submission=record.submission)
    assert steps(archive, packed=True) == ["Hand in r13921031.zip as it is, the way your course says.", RECEIPT]
    assert str(outcome_words(archive)) == "r13921031: passed"


def test_points_that_are_still_open_are_told(record: Record) -> None:
    half = replace(passed(record), verdict=earned(record, 1.5))
    words = "2.5 of 4 points are still open (Runs): if there is time, train on; if not, go on here."
    assert steps(half) == [words, PACK, RECEIPT]


def test_an_adapter_that_changes_nothing_is_not_handed_in(record: Record) -> None:
    assert record.score is not None
    score = replace(record.score, perplexity=record.score.base_perplexity)
    assert steps(replace(passed(record), score=score)) == [
        "The adapter changes nothing: its perplexity is exactly the base model's. Train it, and put the trained "
        "adapter in its place, before you hand it in.",
        AGAIN,
    ]


def test_weights_are_uploaded_and_not_packed(record: Record) -> None:
    expected = [
        "Read the warnings: they do not stop a grade, but may cost you one.",
        "A hand-in holds no weights: upload the adapter's zip and pack with its link, `python3 submission/pack.py "
        "--student_id r13921031 --source 'YOUR LINK' --adapter ADAPTER.zip --output HAND-IN.zip`. Check that archive "
        "once more, and hand it in the way your course says.",
    ]
    weights = passed(record, finding("INT008", "`adapter_checkpoint/adapter_model.safetensors` (66.1 MB)"))
    assert steps(weights) == steps(weights, packed=True) == expected


def test_warnings_and_little_room_are_worth_a_look(record: Record) -> None:
    warned = passed(record, finding("INT006", "`x` holds no student id"))
    assert steps(warned, headroom=TIGHT) == [
        "Read the warnings: they do not stop a grade, but may cost you one.",
        "Leave more room in run: the grading machine may be slower, its data larger.",
        PACK,
        RECEIPT,
    ]


def test_a_quick_check_says_what_it_left_out(record: Record) -> None:
    stages = tuple(
        replace(
            record.stages[0], stage=name, status=StageStatus.SKIPPED if name in {"fetch", "run", "compare"} else one
        )
        for name, one in zip(("intake", "fetch", "admit", "run", "compare"), [StageStatus.PASSED] * 5, strict=True)
    )
    quick = replace(passed(record), sandbox=NOTHING_RAN, stages=stages)
    left_out = "Not looked at: fetch, run, compare; run `harness check` without --quick."
    assert steps(quick) == [left_out]
    assert str(outcome_words(quick)) == "r13921031: nothing wrong in what was looked at"
    assert steps(replace(failed(record, finding("VAL003", "2 missing")), sandbox=NOTHING_RAN))[1:] == [
        AGAIN,
        "Not looked at: validate; run `harness check` without --quick.",
    ]

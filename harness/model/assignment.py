"""An assignment as data. Mirrors `assignment.v1` field by field (a test holds both); reads no file."""

from dataclasses import dataclass, field
from typing import Literal

LanguageTag = Literal["en", "zh-TW"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Paths of the data files, relative to assignment.yaml: JSON arrays of {id, instruction, output}."""

    train: str | None = None
    public: str
    private: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """A base model that adapters may be trained on. `source` is a hub id or says how to make it."""

    name: str
    source: str
    baselines: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRules:
    """What a submission must and must not hold. Patterns are `fnmatch` patterns on the path inside the submission."""

    student_id: str
    required: tuple[str, ...]
    forbidden: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    prompt_files: tuple[str, ...]
    max_bytes: int
    max_files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterRules:
    """Where `download.sh` leaves the adapter and what it may be."""

    path: str
    max_bytes: int
    max_rank: int
    target_modules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLimits:
    """Limits of one stage that runs a program. `command` has placeholders only where the stage fills them.

    `hosts` are what it may reach (`model.hosts.parse_host`); none but fetch has any.
    """

    command: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    timeout_s: float
    memory_bytes: int
    disk_bytes: int
    output_bytes: int = 1_000_000
    cpus: float = 2.0
    pids: int = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The four stages that start a container."""

    fetch: StageLimits
    render: StageLimits
    run: StageLimits
    score: StageLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """How the base model is loaded for scoring, in the words of bitsandbytes; None of them means full precision."""

    load_in_4bit: bool
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = "nf4"
    bnb_4bit_use_double_quant: bool = True
    bnb_4bit_compute_dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16"


BleuTokenize = Literal["13a", "zh", "char", "intl"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRules:
    """How perplexity is taken: sequences cut to `max_tokens`, prompts of at most `max_prompt_characters`.

    `bleu_tokenize` is what counts as a word for BLEU, in the words of sacrebleu.
    """

    max_tokens: int = 2048
    max_prompt_characters: int
    quantization: Quantization
    bleu_tokenize: BleuTokenize = "13a"


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricItem:
    """A line of the rubric: points for valid predictions, or for a metric at or under a named baseline."""

    name: str
    points: float
    metric: Literal["valid_predictions", "perplexity", "corpus_perplexity"]
    baseline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatePolicy:
    """Deadline, grace, and the share of the earned points lost for each started day that no token covers.

    The deadline is ISO 8601, with an offset or local to `zone`, an IANA name.
    """

    deadline: str
    zone: str | None = None
    grace_minutes: float = 0.0
    tokens: int = 0
    penalty_per_day: float
    max_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One homework (`assignment.v1`)."""

    schema: Literal["assignment.v1"] = "assignment.v1"
    name: str
    title: str
    language: LanguageTag = "en"
    data: Data
    base_models: tuple[BaseModel, ...]
    submission: SubmissionRules
    adapter: AdapterRules
    stages: Stages
    scoring: ScoringRules
    rubric: tuple[RubricItem, ...]
    late: LatePolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A row of a data file."""

    id: str
    instruction: str
    output: str = field(repr=False)

"""Settings come from flags, then a YAML file, then defaults; what is wrong is named with what to do about it."""

import json
import sys
from pathlib import Path

import pytest
import settings as module
import yaml
from files import InputError
from loopback import SUBMISSION, run_script
from settings import Settings, read_settings

NEEDED = ["--base_model", "x/y", "--train_file", "train.json", "--output_dir", "out"]


def config(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return ["--config", str(tmp_path / "config.yaml")]


def test_defaults_without_a_file() -> None:
    settings = read_settings(NEEDED)
    assert settings == Settings(base_model="x/y", train_file=Path("train.json"), output_dir=Path("out"))


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    text = "learning_rate: 1e-4\nlora_rank: 8\npacking: false\neval_file: dev.json\nbase_model: a/b\nseed: null\n"
    settings = read_settings([*NEEDED, *config(tmp_path, text), "--lora_rank", "4"])
    assert (settings.learning_rate, settings.lora_rank, settings.packing) == (1e-4, 4, False)
    assert (settings.eval_file, settings.base_model, settings.seed) == (Path("dev.json"), "x/y", 42)


def test_everything_may_stand_in_the_file(tmp_path: Path) -> None:
    settings = read_settings(config(tmp_path, "base_model: x/y\ntrain_file: t.json\noutput_dir: o\nkeep_4bit: true\n"))
    assert settings.keep_4bit
    assert not read_settings([*config(tmp_path, yaml.safe_dump(settings.plain())), "--no-keep_4bit"]).keep_4bit


@pytest.mark.parametrize("text", ["v_proj, q_proj", "[q_proj, v_proj]", "q_proj v_proj"])
def test_layers_of_the_adapter_are_named_as_a_list_or_in_a_line(tmp_path: Path, text: str) -> None:
    assert read_settings([*NEEDED, *config(tmp_path, f"lora_targets: {text}")]).targets == ["q_proj", "v_proj"]
    assert read_settings(NEEDED).targets == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("gradient_checkpointing: on", "on"),
        ("gradient_checkpointing: off", "off"),
        ("gradient_checkpointing: 'on'", "on"),
        ("gradient_checkpointing: auto", "auto"),
        ("lora_rank: 010", 10),
        ("max_length: 1_024", 1024),
        ("learning_rate: 1e-4", 1e-4),
        ("base_model: 010", "010"),
        ("eval_file: ~/x.json", Path.home() / "x.json"),
        ("packing: no", False),
        ("keep_4bit: on", True),
        ("keep_4bit: True", True),
        ("seed: ~", 42),
        ("seed:", 42),
    ],
)
def test_values_are_what_they_look_like(tmp_path: Path, text: str, value: object) -> None:
    """YAML 1.1 makes 8 of 010, and true of on."""
    given = NEEDED[2:] if text.startswith("base_model") else NEEDED
    found = read_settings([*given, *config(tmp_path, text)])
    assert getattr(found, text.partition(":")[0]) == value


def test_what_is_written_down_is_read_again(tmp_path: Path) -> None:
    options = ("--num_epochs", "2.5", "--no-packing", "--optimizer", "adamw", "--eval_file", "~")
    settings = read_settings(["--base_model", "010", "--train_file", "on", "--output_dir", "null：# x ", *options])
    assert read_settings(config(tmp_path, yaml.safe_dump(settings.plain(), allow_unicode=True))) == settings
    json.dumps(settings.plain())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nlearning_rat: 1", "--config {path}, line 2: learning_rat is no option; did you mean learning_rate?"),
        ("zzz:", "--config {path}, line 1: zzz is no option; the options are base_model, train_file,"),
        ("'': 3", "--config {path}, line 1: '' is no option; the options are base_model,"),
        ("lora_rank: many", "--config {path}, line 1: lora_rank is many; it must be a whole number"),
        ("lora_rank: 8.5", "lora_rank is 8.5; it must be a whole number"),
        ("lora_rank: true", "lora_rank is true; it must be a whole number"),
        ('lora_rank: "a\\nb"', r"lora_rank is 'a\nb'; it must be a whole number"),
        (f"seed: {'9' * 5000}", f"seed is {'9' * 60}...; it must be a whole number"),
        ("max_length: .inf", "max_length is .inf; it must be a whole number"),
        ("seed: 2020-01-01", "seed is 2020-01-01; it must be a whole number"),
        ("packing: 1", "packing is 1; it must be true or false"),
        ("packing: true\u00a0", r"packing is 'true\xa0'; it must be true or false"),
        ("learning_rate: [1]", "learning_rate is a list; it must be a number"),
        ("lora_dropout: ''", "lora_dropout is ''; it must be a number"),
        ("eval_file: ''", "--config {path}, line 1: eval_file: '' is empty; name something, or leave the option out"),
        ('eval_file: "a\\0b"', r"eval_file: 'a\x00b' holds control characters or half characters; rename it"),
        ('output_dir: "a\\ud800"', r"output_dir: 'a\ud800' holds control characters or half characters; rename it"),
        ("lora_targets: ''", "lora_targets: '' is empty; name something"),
        ("lora_targets: ','", "lora_targets (line 1 of {path}) names no layer"),
        ("learning_rate: inf", "learning_rate (line 1 of {path}) is inf; it must be a finite number"),
        ("seed: 1\noptimizer: sgd", "optimizer (line 2 of {path}) is sgd; it must be one of auto, paged_adamw_8bit,"),
        (
            "batch_tokens:\nmax_length: 8192",
            "--batch_tokens is 4096, less than 8192 of max_length (line 2 of {path}): the longest",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_settings([*NEEDED, *config(tmp_path, text)])
    assert message.replace("{path}", str(tmp_path / "config.yaml")) in str(refused.value)


def test_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read --config .*none\.yaml: No such file or directory; check the"):
        read_settings([*NEEDED, "--config", str(tmp_path / "none.yaml")])
    (tmp_path / "big5.yaml").write_bytes("學習: 1".encode("big5"))
    with pytest.raises(InputError, match=r"is not UTF-8 \(byte 0\); save it as UTF-8"):
        read_settings([*NEEDED, "--config", str(tmp_path / "big5.yaml")])


def test_what_must_be_given_is_named() -> None:
    with pytest.raises(InputError, match=r"^--base_model, --train_file, --output_dir must be given, as a flag or in"):
        read_settings([])


@pytest.mark.parametrize(
    ("flag", "value", "message"),
    [
        ("lora_rank", "0", "--lora_rank is 0; it must be above 0"),
        ("num_epochs", "-1", "--num_epochs is -1.0; it must be above 0"),
        ("num_epochs", "1e9", "--num_epochs is 1000000000.0; it must be at most 1000"),
        ("seed", "-1", "--seed is -1; it must be at least 0"),
        ("seed", "4294967296", "--seed is 4294967296; it must be at most 4294967295"),
        ("lora_rank", "5000", "--lora_rank is 5000; it must be at most 4096"),
        ("lora_alpha", "1" + "0" * 400, f"--lora_alpha is 1{'0' * 59}...; it must be at most 1000000000"),
        ("num_epochs", "nan", "--num_epochs is nan; it must be a finite number"),
        ("warmup_ratio", "1", "--warmup_ratio is 1.0; it must be at least 0 and below 1"),
        ("lora_dropout", "-0.1", "--lora_dropout is -0.1; it must be at least 0 and below 1"),
        ("eval_every", "-1", "--eval_every is -1; it must be at least 0"),
        ("gradient_checkpointing", "yes", "--gradient_checkpointing is yes; it must be one of auto, on, off"),
        ("lora_targets", " ,", "--lora_targets names no layer; name some, like q_proj,v_proj, or leave it out"),
        (
            "batch_tokens",
            "100",
            "--batch_tokens is 100, less than 1024 of --max_length: the longest example would not fit; raise",
        ),
    ],
)
def test_values_out_of_range_are_refused(flag: str, value: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        read_settings([*NEEDED, f"--{flag}={value}"])
    assert message in str(refused.value)


@pytest.mark.parametrize("flag", ["config", "base_model", "train_file", "output_dir", "eval_file"])
def test_an_empty_name_is_no_name(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a path it would be the current folder, where --overwrite would remove an adapter."""
    with pytest.raises(SystemExit, match="2"):
        read_settings([*NEEDED, f"--{flag}="])
    assert f"argument --{flag}: '' is empty; name something, or leave the option out" in capsys.readouterr().err


def test_help_lists_every_option_and_needs_no_package() -> None:
    code = "import sys; sys.modules['torch'] = sys.modules['yaml'] = None; import train; train.main(['--help'])"
    ran = run_script(sys.executable, "-c", code, cwd=SUBMISSION)
    assert ran.returncode == 0
    for option in module.fields(Settings):
        assert f"--{option.name}" in ran.stdout

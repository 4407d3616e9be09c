"""What is said of prompts and of the quantisation."""

import pytest

from harness.model.assignment import Example, Quantization, ScoringRules
from harness.model.finding import Location
from harness.stages.render import check_prompts, check_quantization

NF4 = Quantization(load_in_4bit=True)
RULES = ScoringRules(max_prompt_characters=50, quantization=NF4)
EXAMPLES = tuple(Example(id=str(number), instruction=f"translate {number}", output="x") for number in range(3))
WHERE = Location(path="utils.py")
GOOD = {str(number): f"user: translate {number}\nanswer:" for number in range(3)}
CONFIG = {
    "load_in_4bit": True,
    "bnb_4bit_quant_type": "nf4",
    "bnb_4bit_use_double_quant": True,
    "bnb_4bit_compute_dtype": "torch.bfloat16",
}


def test_good_prompts_and_config_pass() -> None:
    assert check_prompts(GOOD, EXAMPLES, rules=RULES, where=WHERE) == []
    assert check_quantization(CONFIG, NF4, where=WHERE, quote=True) == []


@pytest.mark.parametrize(
    ("prompt", "fault"),
    [
        (None, "get_prompt returned NoneType, not a string"),
        (["translate 1"], "get_prompt returned list, not a string"),
        ("answer:", "the instruction is not in it"),
        ("translate 1" + "!" * 50, "it has 61 characters"),
        ("translate 1\ud800", "it holds half a character (a lone surrogate)"),
    ],
)
def test_a_bad_prompt_is_named_with_its_fault(prompt: object, fault: str) -> None:
    (found,) = check_prompts({**GOOD, "1": prompt}, EXAMPLES, rules=RULES, where=WHERE)
    assert found.code == "REN003"
    assert found.seen == f"1 of 3 prompts; the first, for id 1: {fault}"
    assert found.limit == "a string of 1 to 50 characters"


@pytest.mark.parametrize(
    ("change", "seen", "limit"),
    [
        ({"load_in_4bit": False}, "load_in_4bit=False", "load_in_4bit=True"),
        (
            {"bnb_4bit_quant_type": "fp4", "bnb_4bit_compute_dtype": "float32"},
            "bnb_4bit_quant_type=fp4, bnb_4bit_compute_dtype=float32",
            "bnb_4bit_quant_type=nf4, bnb_4bit_compute_dtype=bfloat16",
        ),
    ],
)
def test_another_quantisation_is_one_finding(change: dict[str, object], seen: str, limit: str) -> None:
    (found,) = check_quantization(CONFIG | change, NF4, where=WHERE, quote=True)
    assert (found.code, found.seen, found.limit) == ("REN004", seen, limit)


def test_a_config_that_is_no_object_is_a_finding() -> None:
    (found,) = check_quantization([1], NF4, where=WHERE, quote=True)
    assert found.code == "REN004"

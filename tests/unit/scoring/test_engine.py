"""The engine against a slow, obvious implementation of the definition that shares no code with it."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra [local]")

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from harness.model.assignment import Quantization
from harness.scoring.base import load_model
from harness.scoring.engine import REMEMBERED_TEXTS, Engine
from harness.scoring.protocol import PromptedExample
from harness.scoring.refusal import BaseModelError, ExampleError

from .slow_scores import FULL, MakeBase, assert_close, edited, make_engine, slow_score

# peft 0.21 asks transformers 5.23 for a deprecated property; the engine itself does not go through PeftModel.
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")]

NF4 = Quantization(load_in_4bit=True)
MakeAdapter = Callable[..., Path]


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("bos", [True, False])
def test_base_equals_the_slow_definition(
    make_base: MakeBase, examples: tuple[PromptedExample, ...], *, tied: bool, bos: bool
) -> None:
    base = make_base(tied=tied, bos=bos)
    assert_close(make_engine(base).score(examples, None), slow_score(base, examples))


def test_bos_changes_the_score(make_base: MakeBase, examples: tuple[PromptedExample, ...]) -> None:
    """Guards the test above: the two tokenizers differ in bos alone, so equal scores would mean it was not put in."""
    with_bos = make_engine(make_base(bos=True)).score(examples, None)
    without = make_engine(make_base(bos=False)).score(examples, None)
    assert with_bos[-2].nll_nats != without[-2].nll_nats


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_adapter_equals_stock_peft(
    engine: Engine, make_base: MakeBase, make_adapter: MakeAdapter, examples: tuple[PromptedExample, ...], dtype: str
) -> None:
    folder = make_adapter(dtype=dtype)
    expected = slow_score(make_base(), examples, folder)
    assert_close(engine.score(examples, folder), expected)
    assert expected[0][1] != pytest.approx(slow_score(make_base(), examples[:1])[0][1], rel=1e-3)


def test_scale_settings_reach_peft_and_dropout_does_not_act(
    engine: Engine, make_base: MakeBase, adapter: Path, examples: tuple[PromptedExample, ...], tmp_path: Path
) -> None:
    fields = {"use_rslora": True, "alpha_pattern": {"q_proj": 3}, "lora_alpha": 5, "lora_dropout": 0.9}
    folder = edited(adapter, tmp_path / "rslora", **fields)
    assert_close(engine.score(examples, folder), slow_score(make_base(), examples, folder))


def test_another_batch_plan_gives_the_same_figures(
    make_base: MakeBase, adapter: Path, examples: tuple[PromptedExample, ...]
) -> None:
    wide = make_engine(make_base()).score(examples, adapter)
    alone = make_engine(make_base(), token_budget=1).score(examples, adapter)
    assert_close(wide, [(one.tokens, one.nll_nats) for one in alone])


def test_order_of_examples_does_not_matter_and_is_kept(
    engine: Engine, adapter: Path, examples: tuple[PromptedExample, ...]
) -> None:
    backwards = engine.score(examples[::-1], adapter)
    assert [one.id for one in backwards] == [one.id for one in examples[::-1]]
    assert_close(backwards[::-1], [(one.tokens, one.nll_nats) for one in engine.score(examples, adapter)])


@pytest.mark.parametrize("quantization", [FULL, NF4])
def test_adapter_of_zeros_is_the_base_to_the_bit(
    make_base: MakeBase, make_adapter: MakeAdapter, examples: tuple[PromptedExample, ...], quantization: Quantization
) -> None:
    engine = make_engine(make_base(), quantization, dtype="bfloat16")
    assert engine.score(examples, make_adapter(scale=0)) == engine.score(examples, None)


@pytest.mark.parametrize("quantization", [FULL, NF4])
def test_nothing_of_an_adapter_stays(
    make_base: MakeBase, make_adapter: MakeAdapter, examples: tuple[PromptedExample, ...], quantization: Quantization
) -> None:
    engine = make_engine(make_base(), quantization)
    many, few = make_adapter(seed=1), make_adapter(seed=2, targets=["q_proj"])
    base = engine.score(examples, None)
    first, second = engine.score(examples, many), engine.score(examples, few)
    assert engine.score(examples, many) == first
    assert engine.score(examples, few) == second
    assert engine.score(examples, None) == base
    assert len({base[0].nll_nats, first[0].nll_nats, second[0].nll_nats}) == 3
    assert engine.score(examples, few) == make_engine(make_base(), quantization).score(examples, few)


def test_modules_after_an_adapter_are_the_very_same(
    make_base: MakeBase, adapter: Path, examples: tuple[PromptedExample, ...]
) -> None:
    engine = make_engine(make_base())
    before = {name: id(module) for name, module in engine._base.model.named_modules()}
    engine.score(examples, adapter)
    assert {name: id(module) for name, module in engine._base.model.named_modules()} == before
    assert not hasattr(engine._base.model, "peft_config")


def test_weights_stay_packed_where_memory_is_short(
    make_base: MakeBase,
    make_adapter: MakeAdapter,
    adapter: Path,
    examples: tuple[PromptedExample, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unpacked = make_engine(make_base(), NF4, dtype="bfloat16")
    monkeypatch.setattr("harness.scoring.base.total_memory_bytes", lambda device: 1)
    packed = make_engine(make_base(), NF4, dtype="bfloat16")
    assert (unpacked.weights, packed.weights) == ("dequantised", "4bit")
    assert packed.weights_bytes < unpacked.weights_bytes
    first = packed.score(examples, adapter)
    assert packed.score(examples, make_adapter(scale=0)) == packed.score(examples, None)
    assert packed.score(examples, adapter) == first
    seen, expected = (sum(one.nll_nats for one in scores) for scores in (first, unpacked.score(examples, adapter)))
    assert seen == pytest.approx(expected, rel=5e-3)


def test_unpacked_weights_are_those_that_bitsandbytes_made(make_base: MakeBase) -> None:
    packed = load_model(make_base(), NF4, torch.device("cpu"), torch.bfloat16)[1]
    slots = make_engine(make_base(), NF4, dtype="bfloat16")._base.slots
    for name, module in packed.named_modules():
        if isinstance(module, Linear4bit):
            expected = dequantize_4bit(module.weight.data, module.weight.quant_state)
            assert torch.equal(slots[name].base.weight, expected)
            assert slots[name].base.weight.unique().numel() > 16


def test_nf4_is_near_the_full_base_and_adapters_act_on_it(
    make_base: MakeBase, adapter: Path, examples: tuple[PromptedExample, ...]
) -> None:
    full, quantised = make_engine(make_base()), make_engine(make_base(), NF4)
    exact, seen = full.score(examples, None), quantised.score(examples, None)
    assert seen != exact
    assert sum(one.nll_nats for one in seen) == pytest.approx(sum(one.nll_nats for one in exact), rel=0.15)
    assert quantised.score(examples, adapter)[0].nll_nats != pytest.approx(seen[0].nll_nats, rel=1e-3)


def test_cut_at_max_tokens(engine: Engine, make_base: MakeBase) -> None:
    long = [PromptedExample(id="long", prompt="a b", output="x y z 1 2 3 " * 400)]
    seen = engine.score(long, None)
    assert_close(seen, slow_score(make_base(), long))
    assert seen[0].tokens == 2048 - 1 - len(AutoTokenizer.from_pretrained(make_base()).encode("a b"))


def test_shorter_cut_drops_eos_and_the_end(make_base: MakeBase) -> None:
    example = [PromptedExample(id="a", prompt="", output="0123456789")]
    seen = make_engine(make_base(), max_tokens=5).score(example, None)
    assert_close(seen, slow_score(make_base(), example, max_tokens=5))
    assert seen[0].tokens == 4


def test_one_token_output_scores_the_token_and_eos(engine: Engine, make_base: MakeBase) -> None:
    example = [PromptedExample(id="a", prompt="子曰", output="x")]
    seen = engine.score(example, None)
    assert seen[0].tokens == 2
    assert_close(seen, slow_score(make_base(), example))


def test_no_examples_give_no_scores(engine: Engine) -> None:
    assert engine.score([], None) == []


def test_progress_ends_at_all_examples(make_base: MakeBase, examples: tuple[PromptedExample, ...]) -> None:
    seen: list[tuple[int, int]] = []
    make_engine(make_base(), token_budget=300).score(examples, None, on_progress=lambda *step: seen.append(step))
    assert len(seen) > 1 and seen == sorted(seen)
    assert seen[-1] == (len(examples), len(examples))


def test_prompt_that_fills_the_sequence_is_refused(make_base: MakeBase) -> None:
    engine = make_engine(make_base(), max_tokens=8)
    fine, long = PromptedExample(id="a", prompt="", output="x"), PromptedExample(id="b", prompt="0" * 9, output="x")
    with pytest.raises(ExampleError, match=r"example 'b': the prompt has \d+ tokens, so the cut at 8 would take"):
        engine.score([fine, long], None)


def test_nan_in_the_adapter_is_a_figure_not_a_crash(
    engine: Engine, adapter: Path, examples: tuple[PromptedExample, ...], tmp_path: Path
) -> None:
    folder = edited(adapter, tmp_path / "nan")
    tensors = load_file(folder / "adapter_model.safetensors")
    next(iter(tensors.values())).fill_(math.nan)
    save_file(tensors, folder / "adapter_model.safetensors")
    assert all(math.isnan(one.perplexity) for one in engine.score(examples, folder))


def test_shared_start_of_prompts_changes_nothing(
    engine: Engine, adapter: Path, make_base: MakeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = "Translate into modern Chinese, please: 子曰學而 "
    examples = [PromptedExample(id=str(one), prompt=f"{template}{one}", output="x" * (one % 7)) for one in range(120)]
    assert engine._shared(engine._encode(examples)) > 15
    seen = engine.score(examples, adapter)
    assert_close(seen[:9], slow_score(make_base(), examples[:9], adapter))
    monkeypatch.setattr("harness.scoring.engine.shared_prefix", lambda rows, at_most: 0)
    assert_close(seen, [(one.tokens, one.nll_nats) for one in engine.score(examples, adapter)])


def test_same_prompts_share_all_but_the_last_token_before_the_output(engine: Engine, make_base: MakeBase) -> None:
    examples = [PromptedExample(id=str(one), prompt="same for all " * 5, output="ab" * one) for one in range(80)]
    encoded = engine._encode(examples)
    assert engine._shared(encoded) == encoded[0].scored_from - 1
    assert_close(engine.score(examples, None)[:5], slow_score(make_base(), examples[:5]))


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2", "gpt2", "sliding"])
def test_other_models_score_by_the_definition(
    make_base: MakeBase, examples: tuple[PromptedExample, ...], tmp_path: Path, kind: str
) -> None:
    """The first three have our own forward pass; a model that is not known, or looks at a window, has its own."""
    base = other_base(make_base(), tmp_path, kind)
    engine = make_engine(base)
    assert (engine._decoder is not None) == (kind in ("llama", "mistral", "qwen2"))
    assert_close(engine.score(examples, None), slow_score(base, examples))


def other_base(base: Path, folder: Path, kind: str) -> Path:
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(folder)
    sizes = {"vocab_size": len(tokenizer), "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    if kind != "gpt2":
        sizes |= {"intermediate_size": 128, "num_key_value_heads": 2, "initializer_range": 0.15}
    if kind in ("mistral", "sliding"):
        sizes["sliding_window"] = 8 if kind == "sliding" else None
    torch.manual_seed(0)
    config = AutoConfig.for_model("mistral" if kind == "sliding" else kind, **sizes, eos_token_id=0, bos_token_id=None)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    return folder


def test_texts_are_tokenised_once_and_the_last_few_remembered(
    engine: Engine, examples: tuple[PromptedExample, ...]
) -> None:
    expected, outputs = engine.score(examples, None), tuple(one.output for one in examples)
    remembered = engine._texts[outputs]
    for number in range(2 * REMEMBERED_TEXTS):
        changed = [PromptedExample(id=one.id, prompt=f"{number}{one.prompt}", output=one.output) for one in examples]
        assert engine.score(changed, None) != expected
        assert engine._texts[outputs] is remembered
    assert len(engine._texts) == REMEMBERED_TEXTS
    assert engine.score(examples, None) == expected


def test_tokenizer_with_more_tokens_than_the_model_is_refused(make_base: MakeBase, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(make_base(), base)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens([f"<new{number}>" for number in range(200)])
    tokenizer.save_pretrained(base)
    with pytest.raises(BaseModelError, match=r"the tokenizer gives the id \d+, the model has only \d+ embeddings"):
        make_engine(base).score([PromptedExample(id="a", prompt="<new199>", output="x")], None)


def test_missing_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BaseModelError, match="the base model is not a folder"):
        make_engine(tmp_path / "nowhere")
    with pytest.raises(BaseModelError, match="the base model cannot be loaded"):
        make_engine(tmp_path)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_cuda_without_a_gpu_is_refused(make_base: MakeBase) -> None:
    with pytest.raises(BaseModelError, match="no CUDA GPU answers"):
        make_engine(make_base(), device="cuda")

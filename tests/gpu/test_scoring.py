"""The scoring engine on a real GPU, in bf16, on NF4 weights: bits, agreement with peft, a lack of memory."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra [local]")

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoTokenizer, PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from harness.model.assignment import Quantization
from harness.scoring.base import load_model
from harness.scoring.engine import Engine, free_memory
from harness.scoring.protocol import PromptedExample

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU answers"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

NF4 = Quantization(load_in_4bit=True)
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
LINEAR = (*ATTENTION, "gate_proj", "up_proj", "down_proj")
TEXT = "子曰學而時習之不亦說乎有朋自遠方來不亦樂乎人不知而不慍不亦君子乎"
EXAMPLES = tuple(
    PromptedExample(id=str(one), prompt=TEXT[: 3 + one % 29] * (1 + one % 3), output=TEXT[one % 20 :])
    for one in range(60)
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    folder = tmp_path_factory.mktemp("base")
    core = Tokenizer(
        models.WordLevel({"<eos>": 0, **{one: at for at, one in enumerate(sorted(set(TEXT)), 1)}}, "<eos>")
    )
    core.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<eos>").save_pretrained(folder)
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=512,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=2,
        head_dim=64,
        initializer_range=0.03,
        bos_token_id=None,
        eos_token_id=0,
    )
    Qwen3ForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


def make_adapter(
    folder: Path, *, seed: int, rank: int = 16, targets: tuple[str, ...] = LINEAR, b: float = 0.02
) -> Path:
    folder.mkdir()
    generator, tensors = torch.Generator().manual_seed(seed), {}
    sizes = {"q_proj": (512, 512), "k_proj": (512, 128), "v_proj": (512, 128), "o_proj": (512, 512)}
    sizes |= {"gate_proj": (512, 1536), "up_proj": (512, 1536), "down_proj": (1536, 512)}
    for layer in range(4):
        for target in targets:
            part = "self_attn" if target in ATTENTION else "mlp"
            name = f"base_model.model.model.layers.{layer}.{part}.{target}"
            inner, outer = sizes[target]
            tensors[f"{name}.lora_A.weight"] = torch.randn(rank, inner, generator=generator) / math.sqrt(inner)
            tensors[f"{name}.lora_B.weight"] = torch.randn(outer, rank, generator=generator) * b
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": rank,
        "lora_alpha": 32,
        "target_modules": list(targets),
    }
    (folder / "adapter_config.json").write_text(json.dumps(config | {"inference_mode": True}))
    return folder


@pytest.fixture(scope="module")
def engine(base: Path) -> Engine:
    return Engine(str(base), quantization=NF4, device="cuda", dtype="bfloat16", max_tokens=2048)


def test_bits_do_not_depend_on_what_was_scored_before(engine: Engine, base: Path, tmp_path: Path) -> None:
    many = make_adapter(tmp_path / "many", seed=1)
    few = make_adapter(tmp_path / "few", seed=2, rank=4, targets=("q_proj",))
    wide = make_adapter(tmp_path / "wide", seed=3, rank=64)
    zero = make_adapter(tmp_path / "zero", seed=4, rank=40, b=0)
    alone = {one: engine.score(EXAMPLES, one) for one in (None, many, few, wide)}
    assert len({scores[0].nll_nats for scores in alone.values()}) == 4
    for one in (few, many, None, wide, many, wide, few, None):
        assert engine.score(EXAMPLES, one) == alone[one]
    assert engine.score(EXAMPLES, zero) == alone[None]
    fresh = Engine(str(base), quantization=NF4, device="cuda", dtype="bfloat16", max_tokens=2048)
    assert fresh.score(EXAMPLES, few) == alone[few]


@torch.inference_mode()
def peft_loop(base: Path, adapter: Path) -> list[float]:
    tokenizer = AutoTokenizer.from_pretrained(base)
    _, model = load_model(base, NF4, torch.device("cuda", 0), torch.bfloat16)
    peft_model: Any = PeftModel.from_pretrained(model, adapter).eval()
    perplexities = []
    for one in EXAMPLES:
        prompt, output = tokenizer.encode(one.prompt), tokenizer.encode(one.output)
        ids = torch.tensor([[0, *prompt, *output, 0]], device="cuda")
        labels = ids.clone()
        labels[0, : 1 + len(prompt)] = -100
        perplexities.append(math.exp(peft_model(input_ids=ids, labels=labels).loss.item()))
    return perplexities


def test_mean_agrees_with_the_loop_over_4_bit_weights(engine: Engine, base: Path, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", seed=5)
    assert engine.weights == "dequantised"
    expected, seen = peft_loop(base, adapter), [one.perplexity for one in engine.score(EXAMPLES, adapter)]
    assert sum(seen) == pytest.approx(sum(expected), rel=5e-3)
    assert sum(one.perplexity for one in engine.score(EXAMPLES, None)) != pytest.approx(sum(expected), rel=1e-2)


def test_a_lack_of_memory_costs_one_adapter(engine: Engine, tmp_path: Path) -> None:
    adapter = make_adapter(tmp_path / "adapter", seed=6)
    before = engine.score(EXAMPLES, adapter)
    free_memory()
    total = torch.cuda.get_device_properties(0).total_memory
    held = torch.cuda.memory_reserved()
    torch.cuda.set_per_process_memory_fraction((held + (4 << 20)) / total)
    long = [PromptedExample(id=str(one), prompt=TEXT * 20, output=TEXT * 20) for one in range(40)]
    try:
        with pytest.raises(torch.OutOfMemoryError):
            engine.score(long, adapter)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    free_memory()
    assert engine.score(EXAMPLES, adapter) == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_triton_kernels_agree_with_torch(dtype: Any) -> None:
    from harness.scoring import kernels, triton_kernels  # Triton is not there without a GPU build of torch

    generator = torch.Generator("cuda").manual_seed(0)

    def random(*shape: int) -> Any:
        return torch.randn(*shape, generator=generator, device="cuda").to(dtype)

    tolerance = {"rtol": 4 * torch.finfo(dtype).eps, "atol": 8 * torch.finfo(dtype).eps}
    x, y, weight = random(3, 7, 520), random(3, 7, 520), random(520)
    for seen, expected in zip(
        triton_kernels.add_norm(x, y, weight, 1e-6), kernels.add_norm(x.cpu(), y.cpu(), weight.cpu(), 1e-6), strict=True
    ):
        torch.testing.assert_close(seen.cpu(), expected, **tolerance)
    torch.testing.assert_close(triton_kernels.silu_mul(x, y).cpu(), kernels.silu_mul(x.cpu(), y.cpu()), **tolerance)
    angle = torch.rand(7, 32, generator=generator, device="cuda").repeat(1, 2)
    heads, cos, sin = random(3, 7, 5, 64), angle.cos().to(dtype), angle.sin().to(dtype)
    for norm in (None, random(64)):
        seen = triton_kernels.norm_rope(heads, norm, 1e-6, cos, sin)
        small = None if norm is None else norm.cpu()
        expected = kernels.norm_rope(heads.cpu(), small, 1e-6, cos.cpu(), sin.cpu())
        torch.testing.assert_close(seen.cpu(), expected, **tolerance)


def test_own_forward_is_used_with_a_shared_prefix(engine: Engine, tmp_path: Path) -> None:
    same = [PromptedExample(id=one.id, prompt=TEXT + one.prompt, output=one.output) for one in EXAMPLES]
    same = same * 2
    assert engine._shared(engine._encode(same)) >= 1 + len(TEXT)
    adapter = make_adapter(tmp_path / "adapter", seed=7)
    shared = [one.perplexity for one in engine.score(same, adapter)]
    engine._shared = lambda encoded: 0  # type: ignore[method-assign]
    alone = [one.perplexity for one in engine.score(same, adapter)]
    del engine._shared
    assert sum(shared) == pytest.approx(sum(alone), rel=5e-3)


def test_packed_weights_where_memory_is_short(
    base: Path, tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, zero = make_adapter(tmp_path / "adapter", seed=8), make_adapter(tmp_path / "zero", seed=9, b=0)
    monkeypatch.setattr("harness.scoring.base.total_memory_bytes", lambda device: 1)
    packed = Engine(str(base), quantization=NF4, device="cuda", dtype="bfloat16", max_tokens=2048)
    assert packed.weights == "4bit" and packed.weights_bytes < engine.weights_bytes / 2
    first = packed.score(EXAMPLES, adapter)
    assert packed.score(EXAMPLES, zero) == packed.score(EXAMPLES, None)
    assert packed.score(EXAMPLES, adapter) == first
    expected = sum(one.perplexity for one in engine.score(EXAMPLES, adapter))
    assert sum(one.perplexity for one in first) == pytest.approx(expected, rel=5e-3)

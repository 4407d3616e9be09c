"""What peft itself writes passes the gate where it is plain LoRA, and its admitted copy computes the same."""

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.intake.adapter.gate import admit_copy, check_adapter
from harness.model.assignment import AdapterRules


@pytest.fixture(scope="module")
def peft_adapter(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """Give a function that makes a tiny random Qwen3 and an adapter on it: (base folder, adapter folder)."""
    transformers = pytest.importorskip("transformers")
    peft = pytest.importorskip("peft")
    torch = pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("peft")
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    settings = transformers.Qwen3Config(vocab_size=64, num_key_value_heads=2, head_dim=8, **shape)
    transformers.Qwen3ForCausalLM(settings).save_pretrained(root / "tiny-base")

    def make(name: str, dtype: str = "bfloat16", **lora: object) -> tuple[Path, Path]:
        model = transformers.Qwen3ForCausalLM.from_pretrained(root / "tiny-base")
        adapted = peft.get_peft_model(model, peft.LoraConfig(**lora)).to(getattr(torch, dtype))
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                torch.nn.init.normal_(parameter)
        adapted.save_pretrained(root / name)
        return root / "tiny-base", root / name

    return make


ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
PEFT_RULES = AdapterRules(path="adapter_checkpoint", max_bytes=100_000, max_rank=8, target_modules=ALL)


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "lora"),
    [
        ("list", {"r": 4, "target_modules": ["q_proj", "down_proj"], "task_type": "CAUSAL_LM"}),
        ("all-linear", {"r": 4, "target_modules": "all-linear", "rank_pattern": {"q_proj": 2}}),
        ("layers", {"r": 8, "target_modules": ["v_proj"], "layers_to_transform": [1], "task_type": "CAUSAL_LM"}),
        ("no head", {"r": 4, "target_modules": "all-linear", "exclude_modules": ["lm_head"]}),
        ("excluded", {"r": 4, "target_modules": ["q_proj", "up_proj"], "exclude_modules": r".*\.1\.mlp.*"}),
        ("by name", {"r": 4, "target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": "layers"}),
        ("regex", {"r": 4, "target_modules": ["q_proj"], "rank_pattern": {r".*layers\.1\..*": 2}}),
        ("rslora", {"r": 8, "target_modules": list(ALL), "use_rslora": True, "task_type": "CAUSAL_LM"}),
    ],
)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_adapter_of_peft_passes_and_its_copy_computes_the_same(
    peft_adapter: Callable[..., tuple[Path, Path]], tmp_path: Path, name: str, lora: dict[str, object], dtype: str
) -> None:
    import peft
    import torch
    import transformers

    from harness.intake.adapter.base import read_base_shapes

    base_folder, folder = peft_adapter(f"{name}-{dtype}", dtype, **lora)
    base = read_base_shapes(base_folder)
    verdict = check_adapter(folder, rules=PEFT_RULES, base=base, base_name="org/tiny-base")
    assert verdict.findings == ()
    assert verdict.config is not None
    admit_copy(folder, tmp_path / "adapter", verdict.config)
    logits = []
    for path in (None, folder, tmp_path / "adapter"):
        model = transformers.Qwen3ForCausalLM.from_pretrained(base_folder)
        model = model if path is None else peft.PeftModel.from_pretrained(model, path)
        with torch.no_grad():
            logits.append(model(torch.arange(10)[None]).logits)
    assert torch.equal(logits[1], logits[2])
    assert not torch.equal(logits[0], logits[1])


@pytest.mark.torch
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    ("name", "code", "lora"),
    [
        ("dora", "ADM006", {"r": 4, "target_modules": ["q_proj"], "use_dora": True}),
        ("bias", "ADM008", {"r": 4, "target_modules": ["q_proj"], "lora_bias": True}),
        ("head", "ADM008", {"r": 4, "target_modules": ["q_proj"], "modules_to_save": ["lm_head"]}),
        ("embedding", "ADM006", {"r": 4, "target_modules": ["q_proj", "embed_tokens"]}),
        ("rank", "ADM006", {"r": 16, "target_modules": ["q_proj"]}),
        ("pattern", "ADM006", {"r": 4, "target_modules": r".*\.q_proj"}),
    ],
)
def test_adapter_of_peft_that_is_not_plain_lora(
    peft_adapter: Callable[..., tuple[Path, Path]], name: str, code: str, lora: dict[str, object]
) -> None:
    from harness.intake.adapter.base import read_base_shapes

    base_folder, folder = peft_adapter(name, **lora, task_type="CAUSAL_LM")
    base = read_base_shapes(base_folder)
    verdict = check_adapter(folder, rules=PEFT_RULES, base=base, base_name="tiny-base")
    assert code in [finding.code for finding in verdict.findings]
    assert verdict.config is None

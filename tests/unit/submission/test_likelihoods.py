"""Losses of many examples at a time are those of one after the other, whatever the model makes of its last state."""

from typing import Any

import pytest


@pytest.mark.torch
@pytest.mark.parametrize(("cap", "own_head"), [(None, True), (2.0, False)])
@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_losses_are_those_of_a_slow_loop(cap: float | None, own_head: bool, batch_tokens: int) -> None:
    import torch
    from evaluation.likelihoods import Meter
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"num_key_value_heads": 1, "head_dim": 16, "vocab_size": 50, "initializer_range": 0.3}
    model = Gemma2ForCausalLM(Gemma2Config(**size, **more, final_logit_softcapping=cap)).eval()
    examples = [
        {"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]}
        for prompt, length in ((3, 9), (1, 2), (7, 8), (2, 30), (3, 9))
        for ids in [torch.randint(1, 50, (length,)).tolist()]
    ]
    meter = Meter(model, padding=0, batch_tokens=batch_tokens)
    found = meter.measure(examples, name="test")  # type: ignore[arg-type]
    assert meter.own_head == own_head
    for example, seen in zip(examples, found, strict=True):
        with torch.no_grad():
            log_p = model(input_ids=torch.tensor([example["input_ids"]])).logits[0].double().log_softmax(-1)
        places = [place for place, label in enumerate(example["labels"]) if label != -100]
        slow = -sum(log_p[place - 1, example["labels"][place]].item() for place in places)
        assert (seen.tokens, seen.nll_nats) == (len(places), pytest.approx(slow, rel=1e-5))


@pytest.mark.torch
@pytest.mark.parametrize(("kind", "own_head"), [("gemma2", False), ("granite", False), ("qwen3", True)])
def test_in_bf16_too_logits_that_are_no_product_are_the_models_own(kind: str, own_head: bool) -> None:
    import torch
    from evaluation.likelihoods import Meter
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"num_key_value_heads": 1, "head_dim": 16, "vocab_size": 50, "initializer_range": 0.1, "pad_token_id": 0}
    odd = {"gemma2": {"final_logit_softcapping": 10.0}, "granite": {"logits_scaling": 0.99}}
    config = AutoConfig.for_model(kind, **size, **more, **odd.get(kind, {}))
    model = AutoModelForCausalLM.from_config(config).to(torch.bfloat16).eval()
    ids = torch.randint(1, 50, (9,)).tolist()
    meter = Meter(model, padding=0, batch_tokens=64)
    (found,) = meter.measure([{"input_ids": ids, "labels": [-100] * 3 + ids[3:]}], name="test")
    with torch.no_grad():
        log_p = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    assert meter.own_head == own_head
    assert found.nll_nats == pytest.approx(-sum(log_p[at - 1, ids[at]].item() for at in range(3, 9)), rel=1e-4)


@pytest.mark.torch
def test_where_positions_depend_on_the_length_each_example_is_measured_alone() -> None:
    import torch
    from evaluation.likelihoods import Meter
    from transformers import AutoModelForCausalLM, Phi3Config

    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    rope = {"rope_type": "longrope", "short_factor": [1.0] * 8, "long_factor": [4.0] * 8, "rope_theta": 10000.0}
    more = {"num_key_value_heads": 1, "vocab_size": 50, "initializer_range": 0.5, "pad_token_id": 0}
    bounds = {"original_max_position_embeddings": 12, "max_position_embeddings": 64}
    model = AutoModelForCausalLM.from_config(Phi3Config(**size, **more, **bounds, rope_parameters=rope)).eval()
    texts = [torch.randint(1, 50, (length,)).tolist() for length in (9, 30, 8)]
    examples: list[Any] = [{"input_ids": ids, "labels": [-100, *ids[1:]]} for ids in texts]
    together = Meter(model, padding=0, batch_tokens=400).measure(examples, name="test")
    alone = [Meter(model, padding=0, batch_tokens=400).measure([one], name="test")[0] for one in examples]
    assert [one.nll_nats for one in together] == pytest.approx([one.nll_nats for one in alone], rel=1e-6)

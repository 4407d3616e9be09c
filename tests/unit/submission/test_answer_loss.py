"""The loss and its gradient are those of examples alone, by the models' own logits; what would not be is given up."""

from collections.abc import Sequence
from typing import Any

import pytest

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")]
torch = pytest.importorskip("torch")

from encoding import IGNORED, Encoded  # noqa: E402
from positions import forget_earlier_lengths  # noqa: E402
from settings import Settings  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from training import trial  # noqa: E402
from training.answer_loss import CHUNK, AnswerLoss, HeadNll  # noqa: E402
from training.batches import Batch, Room, collate, split  # noqa: E402
from training.lora import add_adapter  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

SHARED, ALONE = Room(tokens=4096, packing=True), Room(tokens=4096, packing=False)
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
SIZES |= {"num_key_value_heads": 2, "vocab_size": 97, "initializer_range": 0.2, "head_dim": 8}
SHAPES: dict[str, dict[str, Any]] = {
    "qwen3": SIZES,
    "llama": SIZES | {"tie_word_embeddings": True},
    "mistral": SIZES,
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 97, "initializer_range": 0.2, "n_positions": 64},
}


BLOOM = {"hidden_size": 32, "n_layer": 2, "n_head": 4}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "rope_theta": 10000.0}
ROPES: dict[str, dict[str, Any]] = {  # both read texts of more than 12 tokens otherwise
    "llama": {
        "max_position_embeddings": 12,
        "rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0},
    },
    "phi3": {"max_position_embeddings": 64, "original_max_position_embeddings": 12, "rope_parameters": LONG},
}


def make(kind: str, *, adapter: bool = True, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**SHAPES.get(kind, SIZES), "pad_token_id": 0, **changes})
    model = AutoModelForCausalLM.from_config(config)
    if not adapter:
        return model.eval()
    settings = Settings(base_model="x", train_file="x", output_dir="x", lora_dropout=0.0)  # type: ignore[arg-type]
    model = add_adapter(model, settings)
    for name, one in model.named_parameters():
        if "lora_B" in name:  # else A gets no gradient
            torch.nn.init.normal_(one, std=0.1)
    return model.float().eval()  # GPT-2 has dropout of its own


def examples(*lengths: int) -> list[Encoded]:
    torch.manual_seed(1)
    ids = [torch.randint(1, 97, (length,)).tolist() for length in lengths]
    return [{"input_ids": one, "labels": [IGNORED] * (len(one) // 2) + one[len(one) // 2 :]} for one in ids]


def gradients(model: Any) -> list[Any]:
    found = [one.grad.clone() for one in model.parameters() if one.requires_grad]
    model.zero_grad()
    return found


def batch(chosen: Sequence[Encoded], room: Room) -> Batch:
    return collate(chosen, room=room, padding=0, device="cpu")


def by_the_book(model: Any, chosen: Sequence[Encoded]) -> Any:
    """The sum of the negative log-likelihoods, one example after the other, by the model's own logits."""
    total = torch.zeros(())
    for one in chosen:
        logits = model(input_ids=torch.tensor([one["input_ids"]])).logits[0]
        total = total + cross_entropy(logits[:-1], torch.tensor(one["labels"][1:]), reduction="sum")
    return total


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("room", [SHARED, ALONE], ids=["shared", "apart"])
def test_loss_and_gradient_are_those_of_examples_alone(kind: str, room: Room) -> None:
    model, chosen = make(kind), examples(9, 5, 14, 3)
    plain = by_the_book(model, chosen)
    plain.backward()
    expected = gradients(model)
    assert len(expected) >= 16
    loss = AnswerLoss(model)
    found = loss(batch(chosen, room))
    found.backward()
    assert found.item() == pytest.approx(plain.item(), rel=1e-5)
    for one, other in zip(gradients(model), expected, strict=True):
        assert float(other.abs().max()) > 1e-3
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


@pytest.mark.parametrize("kind", SHAPES)
def test_known_models_get_the_fast_ways(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    loss = AnswerLoss(make(kind))
    room = trial.find_room(loss, examples(9, 5, 14), tokens=64, packing=True, padding=0, device="cpu")
    assert (room, loss.own_head, loss.training) == (Room(tokens=64, packing=True), True, True)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("count", [1, 7, CHUNK, CHUNK + 3])
def test_head_in_chunks_by_hand(count: int) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(count, 8, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 8, dtype=torch.float64)
    labels = torch.randint(0, 11, (count,))
    labels[::3] = IGNORED
    (3 * HeadNll.apply(hidden, weight, labels)).backward()
    found, hidden.grad = hidden.grad.clone(), None
    plain = cross_entropy(hidden @ weight.T, labels, ignore_index=IGNORED, reduction="sum")
    (3 * plain).backward()
    torch.testing.assert_close(found, hidden.grad, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        assert float(HeadNll.apply(hidden, weight, labels)) == pytest.approx(plain.item(), rel=1e-5)


def _with_bias(model: Any) -> Any:
    head = model.get_base_model().lm_head
    head.bias = torch.nn.Parameter(torch.randn(97), requires_grad=False)
    return model


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("capped", lambda: make("gemma2", final_logit_softcapping=5.0)),
        ("scaled", lambda: make("cohere", logit_scale=0.5)),
        ("with a bias", lambda: _with_bias(make("qwen3"))),
    ],
)
def test_a_head_that_does_more_is_left_to_the_model(name: str, model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    loss, chosen = AnswerLoss(model()), examples(9, 5)
    trial.find_room(loss, chosen, tokens=64, packing=True, padding=0, device="cpu")
    assert not loss.own_head
    assert (
        "this model's head does more than a product: the loss is taken from its own logits" in capsys.readouterr().err
    )
    plain = by_the_book(loss.model, chosen)
    plain.backward()
    expected = gradients(loss.model)
    loss(batch(chosen, ALONE)).backward()
    for one, other in zip(gradients(loss.model), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(other.abs().max()))


class Leaking(AnswerLoss):
    """A model that mixes whatever shares a row, by a little."""

    def hidden(self, batch: Batch) -> Any:
        found = super().hidden(batch)
        return found + 1e-2 * found.cumsum(1) if batch.documents is not None else found


def test_examples_that_would_see_each_other_get_rows_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    room = trial.find_room(Leaking(make("qwen3")), examples(9, 5), tokens=64, packing=True, padding=0, device="cpu")
    assert not room.packing
    assert "this model mixes examples that share a row: each example gets a row of its own" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        (
            "mistral",
            {"sliding_window": 6},
            "this model looks back 6 tokens, which the mask of shared rows would not hold",
        ),
        ("bloom", BLOOM, "this model takes no masks of its own"),
        ("mamba", {"hidden_size": 32, "num_hidden_layers": 2, "vocab_size": 97}, "this model"),
    ],
)
def test_models_with_another_attention_get_rows_of_their_own(
    kind: str, changes: dict[str, Any], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    loss, chosen = AnswerLoss(make(kind, adapter=False, **changes)), examples(9, 5)
    room = trial.find_room(loss, chosen, tokens=64, packing=True, padding=0, device="cpu")
    assert not room.packing
    assert f"{reason}" in capsys.readouterr().err
    with torch.no_grad():
        assert float(loss(batch(chosen, room))) == pytest.approx(float(by_the_book(loss.model, chosen)), rel=1e-4)


def test_without_packing_nothing_is_tried() -> None:
    room = trial.find_room(AnswerLoss(make("qwen3")), examples(5), tokens=64, packing=False, padding=0, device="cpu")
    assert not room.packing


def test_one_example_gets_a_row_of_its_own_as_packing_was_not_tried() -> None:
    room = trial.find_room(
        AnswerLoss(make("bloom", **BLOOM)), examples(5), tokens=64, packing=True, padding=0, device="cpu"
    )
    assert room == Room(tokens=64, packing=False)


@pytest.mark.parametrize("kind", ROPES)
def test_examples_are_read_alone_where_positions_depend_on_the_length(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make(kind, **ROPES[kind])
    forget_earlier_lengths(model)
    loss, chosen = AnswerLoss(model), examples(9, 30, 14, 20)
    short = trial.find_room(loss, examples(9, 12), tokens=64, packing=True, padding=0, device="cpu")
    assert short.packing
    room = trial.find_room(loss, chosen, tokens=64, packing=True, padding=0, device="cpu")
    assert room == Room(tokens=1, packing=False)
    assert "otherwise in texts of more than 12 tokens: each example is read alone" in capsys.readouterr().err
    groups = split(range(4), [len(one["input_ids"]) for one in chosen], room=room)
    with torch.no_grad():
        found = sum(float(loss(batch([chosen[one] for one in group], room))) for group in groups)
    assert found == pytest.approx(by_the_book(loss.model, chosen).item(), rel=1e-5)


def test_a_long_text_is_read_the_same_behind_a_longer_one() -> None:
    model = make("llama", adapter=False, **ROPES["llama"])
    texts = [torch.arange(1, length)[None] for length in (20, 40, 9)]
    with torch.no_grad():
        fresh = [make("llama", adapter=False, **ROPES["llama"])(one).logits for one in texts]
        forget_earlier_lengths(model)
        for place in (1, 0, 2, 1, 2):
            torch.testing.assert_close(model(texts[place]).logits, fresh[place])

import pytest

from harness.model.assignment import Quantization
from harness.scoring.pool import BasePool
from harness.scoring.protocol import BaseSpec
from harness.scoring.refusal import BaseModelError

SIZES = {"small": 30, "middle": 50, "large": 90, "huge": 101}


def spec(name: str) -> BaseSpec:
    return BaseSpec(path=name, quantization=Quantization(load_in_4bit=True), max_tokens=2048)


class Story:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.pool: BasePool[str] = BasePool(
            self.load,
            size=lambda one: SIZES[one.path],
            bound_bytes=100,
            after_eviction=lambda: self.told.append("freed"),
        )

    def load(self, one: BaseSpec) -> str:
        self.told.append(one.path)
        return f"the {one.path} one"

    def held(self) -> list[str]:
        return [one.path for one in self.pool.held]


def test_what_fits_is_loaded_once_and_stays() -> None:
    story = Story()
    for name in ("small", "middle", "small", "middle"):
        assert story.pool.get(spec(name)) == f"the {name} one"
    assert story.told == ["small", "middle"]


def test_the_one_unused_for_longest_makes_room_before_the_next_is_loaded() -> None:
    story = Story()
    for name in ("small", "middle", "small", "large"):
        story.pool.get(spec(name))
    assert story.told == ["small", "middle", "freed", "large"]
    assert story.held() == ["large"]
    story.pool.get(spec("small"))
    assert story.held() == ["small"]
    story.pool.get(spec("middle"))
    assert story.held() == ["small", "middle"]


def test_only_as_many_go_as_must() -> None:
    story = Story()
    for name in ("middle", "small", "middle"):
        story.pool.get(spec(name))
    other = BaseSpec(path="small", quantization=Quantization(load_in_4bit=False), max_tokens=2048)
    story.pool.get(other)
    assert [(one.path, one.quantization.load_in_4bit) for one in story.pool.held] == [
        ("middle", True),
        ("small", False),
    ]


def test_one_that_is_larger_than_the_pool_is_refused_and_evicts_nothing() -> None:
    story = Story()
    story.pool.get(spec("small"))
    with pytest.raises(BaseModelError, match=r"the base model needs 0\.0 GB, all together may take 0\.0 GB"):
        story.pool.get(spec("huge"))
    assert story.held() == ["small"]


def test_one_that_does_not_load_leaves_nothing_behind() -> None:
    def load(one: BaseSpec) -> str:
        raise BaseModelError("torn")

    pool: BasePool[str] = BasePool(load, size=lambda one: 1, bound_bytes=100)
    with pytest.raises(BaseModelError, match="torn"):
        pool.get(spec("small"))
    assert pool.held == ()

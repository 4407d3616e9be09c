"""Names of modules in few words: which layers. Pure."""

from collections.abc import Collection


def layers_words(some: Collection[str], every: Collection[str]) -> str:
    """Say which layers `some` of `every` module make up: ``layers 0-17 of 36``, and single modules beside.

    A layer counts where all of its modules in `every` are in `some`.
    """
    whole: dict[int, bool] = {}
    for name in every:
        layer = _layer(name)
        if layer is not None:
            whole[layer] = whole.get(layer, True) and name in some
    full = sorted(layer for layer, is_whole in whole.items() if is_whole)
    rest = sum(_layer(name) not in full for name in some)
    words = [f"layers {_ranges(full)} of {len(whole)}"] if full else []
    if rest:
        words.append(f"{rest} {'more ' if full else ''}module{'s' if rest > 1 else ''}")
    return " and ".join(words)


def _layer(name: str) -> int | None:
    return next((int(part) for part in name.split(".") if part.isdecimal()), None)


def _ranges(numbers: list[int]) -> str:
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)

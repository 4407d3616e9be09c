"""Adapters that the gate must refuse: pickles, damaged weights, settings that change the model or run code."""

import os
import pickle
import struct
from pathlib import Path

from .case import hostile
from .parts import ADAPTER, COPY, adapter_file, edit_config, read_weights, write_download, write_weights

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


class _Runs:
    """Unpickling it runs a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/hostile-case-was-here",)


def _first(header: dict[str, dict[str, object]]) -> str:
    return min(name for name in header if name != "__metadata__")


def _overwrite_first_value(folder: Path, value: float) -> None:
    header, data = read_weights(folder)
    entry = header[_first(header)]
    begin = entry["data_offsets"][0]  # type: ignore[index]
    packed = struct.pack("<f", value)
    packed = packed[2:] if entry["dtype"] == "BF16" else packed
    write_weights(folder, header, data[:begin] + packed + data[begin + len(packed) :])


@hostile("INT020", "ADM002", stage="admit")
def pickle_instead_of_safetensors(folder: Path) -> None:
    """Loading it would run a command."""
    adapter_file(folder, WEIGHTS).unlink()
    adapter_file(folder, "adapter_model.bin").write_bytes(pickle.dumps(_Runs()))


@hostile("INT020", "ADM007", stage="admit", cheap=True)
def pickle_under_the_name_of_safetensors(folder: Path) -> None:
    """The name is right, the content is not."""
    adapter_file(folder, WEIGHTS).write_bytes(pickle.dumps(_Runs()))


@hostile("ADM001", stage="admit")
def weights_missing(folder: Path) -> None:
    """The config alone."""
    adapter_file(folder, WEIGHTS).unlink()


@hostile("ADM007", stage="admit")
def weights_empty(folder: Path) -> None:
    """No byte at all."""
    adapter_file(folder, WEIGHTS).write_bytes(b"")


@hostile("ADM007", stage="admit")
def header_of_exabytes(folder: Path) -> None:
    """The length of the header is the largest there is."""
    adapter_file(folder, WEIGHTS).write_bytes(b"\xff" * 8 + b"{}")


@hostile("ADM007", stage="admit")
def header_larger_than_the_file(folder: Path) -> None:
    """A reader that trusts it reads past the end."""
    adapter_file(folder, WEIGHTS).write_bytes((1_000_000).to_bytes(8, "little") + b"{}")


@hostile("ADM007", stage="admit")
def header_nested_deep(folder: Path) -> None:
    """A reader that recurses runs out of stack."""
    write_weights(folder, b'{"a":' * 200_000, b"")


@hostile("ADM007", stage="admit")
def header_with_a_name_twice(folder: Path) -> None:
    """One reader takes the first, another the last."""
    entry = b'"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}'
    write_weights(folder, b"{" + entry + b"," + entry + b"}", bytes(4))


@hostile("ADM007", stage="admit")
def tensors_overlap(folder: Path) -> None:
    """Two tensors share their bytes."""
    header, data = read_weights(folder)
    names = sorted(name for name in header if name != "__metadata__")
    header[names[1]] = dict(header[names[0]])
    write_weights(folder, header, data)


@hostile("ADM007", stage="admit")
def bytes_that_belong_to_no_tensor(folder: Path) -> None:
    """Something else is carried behind the tensors."""
    header, data = read_weights(folder)
    write_weights(folder, header, data + b"PK\x03\x04 a zip, for another reader")


@hostile("ADM007", stage="admit")
def shape_of_huge_product(folder: Path) -> None:
    """Its product overflows sixty-four bits to the right number of bytes."""
    header, data = read_weights(folder)
    header[_first(header)]["shape"] = [1 << 32, 1 << 32, 1 << 32]
    write_weights(folder, header, data)


@hostile("ADM007", stage="admit")
def negative_offsets(folder: Path) -> None:
    """Offsets before the data, where the header lies."""
    header, data = read_weights(folder)
    header[_first(header)]["data_offsets"] = [-4, 0]
    write_weights(folder, header, data)


@hostile("ADM009", stage="admit", cheap=True)
def value_that_is_no_number(folder: Path) -> None:
    """One NaN, and every perplexity is one."""
    _overwrite_first_value(folder, float("nan"))


@hostile("ADM009", stage="admit")
def value_that_is_infinite(folder: Path) -> None:
    """One infinity."""
    _overwrite_first_value(folder, float("-inf"))


@hostile("ADM008", "ADM010", stage="admit")
def tensors_for_modules_of_another_model(folder: Path) -> None:
    """Names that the base model does not have."""
    header, data = read_weights(folder)
    renamed = {name.replace("layers.0.", "layers.99."): entry for name, entry in header.items()}
    write_weights(folder, renamed, data)


@hostile("ADM008", stage="admit")
def whole_layer_hidden_among_the_tensors(folder: Path) -> None:
    """A tensor that replaces the model's head."""
    header, data = read_weights(folder)
    end = len(data)
    header["base_model.model.lm_head.weight"] = {"dtype": "F32", "shape": [2, 2], "data_offsets": [end, end + 16]}
    write_weights(folder, header, data + bytes(16))


@hostile("ADM010", stage="admit")
def rank_of_the_config_is_another(folder: Path) -> None:
    """The scale follows from the config's rank."""
    edit_config(folder, r=1)


@hostile("ADM006", stage="admit")
def rank_above_the_limit(folder: Path) -> None:
    """A rank of a thousand."""
    edit_config(folder, r=1000)


@hostile("ADM006", stage="admit")
def rank_that_is_no_number(folder: Path) -> None:
    """True counts as one in Python."""
    edit_config(folder, r=True)


@hostile("ADM006", stage="admit")
def target_pattern_that_never_ends(folder: Path) -> None:
    """A regular expression that takes years."""
    edit_config(folder, target_modules="(a+)+$" * 20)


@hostile("ADM006", stage="admit")
def whole_modules_saved_along(folder: Path) -> None:
    """modules_to_save replaces parts of the base model."""
    edit_config(folder, modules_to_save=["lm_head"])


@hostile("ADM006", stage="admit")
def code_named_in_the_config(folder: Path) -> None:
    """auto_mapping has peft import a module of the student's choice."""
    edit_config(folder, auto_mapping={"base_model_class": "system", "parent_library": "os"})


@hostile("ADM006", stage="admit")
def initialisation_that_changes_the_base(folder: Path) -> None:
    """PiSSA takes its weights out of the base model."""
    edit_config(folder, init_lora_weights="pissa")


@hostile("ADM006", stage="admit")
def other_kind_of_adapter(folder: Path) -> None:
    """Prompt tuning, which is no LoRA."""
    edit_config(folder, peft_type="PROMPT_TUNING")


@hostile("ADM005", stage="admit")
def base_model_of_another_name(folder: Path) -> None:
    """A URL that a loader might follow."""
    edit_config(folder, base_model_name_or_path="http://169.254.169.254/Llama-2-70b")


@hostile("ADM004", stage="admit")
def config_that_is_no_json(folder: Path) -> None:
    """A Python literal."""
    adapter_file(folder, CONFIG).write_text("{'r': 16}")


@hostile("ADM004", stage="admit")
def config_of_two_megabytes(folder: Path) -> None:
    """More than any config has."""
    edit_config(folder, note="x" * 2_000_000)


@hostile("ADM004", stage="admit")
def config_nested_deep(folder: Path) -> None:
    """A reader that recurses runs out of stack."""
    adapter_file(folder, CONFIG).write_text("[" * 100_000)


@hostile("ADM004", stage="admit")
def config_with_not_a_number(folder: Path) -> None:
    """NaN is no JSON."""
    adapter_file(folder, CONFIG).write_text('{"peft_type": "LORA", "r": NaN}')


@hostile("ADM003", stage="admit")
def adapter_above_the_size_limit(folder: Path) -> None:
    """Three megabytes where two are allowed, all else in order."""
    header, data = read_weights(folder)
    name = _first(header)
    header = {"__metadata__": {"padding": "x" * 3_000_000}, **{k: v for k, v in header.items() if k != "__metadata__"}}
    assert name in header
    write_weights(folder, header, data)


@hostile("ADM003", stage="admit")
def weights_that_are_a_hole(folder: Path) -> None:
    """Forty megabytes that take no room."""
    write_download(folder, f"{COPY}rm {ADAPTER}/{WEIGHTS}\ntruncate -s 40M {ADAPTER}/{WEIGHTS}\n")


@hostile("FET005", stage="fetch", cheap=True)
def adapter_folder_is_a_link(folder: Path) -> None:
    """It leads to a folder of the machine."""
    write_download(folder, f"ln -s /etc {ADAPTER}\n")


@hostile("FET005", stage="admit")
def weights_are_a_link(folder: Path) -> None:
    """Their content would be another file's."""
    write_download(folder, f"{COPY}ln -sf /etc/shadow {ADAPTER}/{WEIGHTS}\n")


@hostile("FET005", stage="admit")
def config_is_a_link(folder: Path) -> None:
    """Findings would quote another file."""
    write_download(folder, f"{COPY}ln -sf /etc/passwd {ADAPTER}/{CONFIG}\n")


@hostile("ADM001", stage="admit")
def weights_are_a_pipe(folder: Path) -> None:
    """Opening it would wait for ever."""
    write_download(folder, f"{COPY}rm {ADAPTER}/{WEIGHTS}\nmkfifo {ADAPTER}/{WEIGHTS}\n")


@hostile("ADM001", stage="admit")
def weights_are_a_folder(folder: Path) -> None:
    """A folder under the file's name."""
    write_download(folder, f"{COPY}rm {ADAPTER}/{WEIGHTS}\nmkdir {ADAPTER}/{WEIGHTS}\n")


@hostile("ADM001", stage="admit")
def adapter_folder_of_a_thousand_links(folder: Path) -> None:
    """Nothing of it is an adapter."""
    loop = "for i in $(seq 200); do mkdir -p d$i; : >d$i/f; done"
    write_download(folder, f"mkdir {ADAPTER}\ncd {ADAPTER}\n{loop}\n")

"""Writes a base as `base_model.load_base` leaves it, weights of NF4 in fp32: `expand_base.py BASE FOLDER`."""

import sys

from base_model import load_base, load_tokenizer, prepare_libraries


def main(base: str, folder: str) -> None:
    prepare_libraries(base)
    load_tokenizer(base).save_pretrained(folder)
    model = load_base(base)
    model.save_pretrained(folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])

"""The process of the text metrics, ``python -m harness.scoring.compare``; see `harness.scoring.text_protocol`.

Runs where sacrebleu is, usually in a container that has this package's folder and the image's packages alone. Must not
write anything but the answer to standard output, and nothing of a text anywhere.
"""

import sys

from harness.scoring.text_protocol import decode_rows, encode_compared, encode_missing


def main() -> int:
    """Read rows from standard input and answer once; 1 if a package is missing."""
    rows, bleu_tokenize = decode_rows(sys.stdin.buffer.read())
    try:
        from harness.scoring.texts import compare
    except ImportError as error:
        print(encode_missing(error))
        return 1
    print(encode_compared(compare(rows, bleu_tokenize=bleu_tokenize)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

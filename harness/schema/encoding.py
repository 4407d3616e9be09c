"""Turns bytes into text, or says which wrong encoding they are in. Knows no file format."""

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE

from harness.language import Message, message, verbatim
from harness.schema.position import line_column
from harness.schema.problem import DocumentError, Problem

_AS_TEXT = message("write it as plain text, such as json.dump does")
_BINARY = (
    (b"PK\x03\x04", message("a zip archive")),
    (b"\x1f\x8b", message("a file that gzip packed")),
    *((bytes([0x80, protocol]), message("a pickle")) for protocol in range(2, 6)),
)
_UTF8 = verbatim("UTF-8")
_REMEDY = message('save it as UTF-8; in Python: open(path, "w", encoding="utf-8")')
_UNMARKED = message('save it as UTF-8 without byte order mark; in Python: open(path, "w", encoding="utf-8")')


def text_of(content: bytes, name: str) -> str:
    """Decode UTF-8 without byte order mark.

    Raises:
        DocumentError: The bytes are something else.
    """
    for magic, what in _BINARY:
        if content.startswith(magic):
            raise _error(name, (1, 1), message("text"), what, _AS_TEXT)
    if content.startswith(BOM_UTF8):
        raise _error(name, (1, 1), message("UTF-8 without byte order mark"), message("a byte order mark"), _UNMARKED)
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in content[:4]:
        raise _error(name, (1, 1), _UTF8, message("UTF-16 or UTF-32"))
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        seen = message("the byte {byte}", byte=f"0x{content[error.start]:02X}")
        raise _error(name, line_column(before, len(before)), _UTF8, seen) from None


def _error(
    name: str, place: tuple[int, int], expected: Message, seen: Message, remedy: Message = _REMEDY
) -> DocumentError:
    return DocumentError(Problem(name, *place, "", expected, seen, remedy))

"""Where a program may lie in an image, and what an engine says about a file there. Must not talk to an engine."""

import base64
import binascii
import json
import posixpath

# The PATH where nothing else is said: Debian's for root, who has the sbin folders.
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GO_FOLDER_BIT = 1 << 31
_ANY_EXECUTE = 0o111


def candidates(program: str, search: str) -> tuple[str, ...]:
    """List the absolute paths where `program` may lie, given a PATH; none if it is relative to the job's folder."""
    if program.startswith("/"):
        return (program,)
    if "/" in program:
        return ()
    return tuple(posixpath.join(folder, program) for folder in search.split(":") if folder)


def is_program(path_stat: str) -> bool:
    """Tell whether the header ``X-Docker-Container-Path-Stat`` describes a file that can be executed.

    It is base64 of JSON; `mode` is a Go `fs.FileMode`: permissions in the low nine bits, a folder in bit 31. A link has
    all permissions, which is fine: a link in a folder of PATH is there to be followed.
    """
    try:
        mode = json.loads(base64.b64decode(path_stat))["mode"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        return False
    return isinstance(mode, int) and not mode & _GO_FOLDER_BIT and bool(mode & _ANY_EXECUTE)

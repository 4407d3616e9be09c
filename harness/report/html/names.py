"""Names of the students' pages. Must not know what is in them."""

import re
from hashlib import sha256

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")


def page_name(submission_id: str) -> str:
    """Give the file name of a submission's page: the id, if it is a name everywhere, else what is like it.

    Two ids never share a name, on file systems that do not tell A from a either.
    """
    if _PLAIN.fullmatch(submission_id) and not _RESERVED.fullmatch(submission_id):
        return f"{submission_id}.html"
    like = re.sub(r"[^a-z0-9]+", "-", submission_id.lower()).strip("-")[:40]
    # A plain id has no dot, so no plain id has this name.
    return f"{like}.{sha256(submission_id.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}.html"

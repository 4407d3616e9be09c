"""What an ADAPTER_SOURCE means, and what a web page that came instead of the file means: tables."""

import pytest
from fetching.sources import Exit, FetchError, Kind, page_error, parse_source, status_error

ID = "1AbCdEfGhIjKlMnOpQrStUvWxYz_-12345"


@pytest.mark.parametrize(
    ("text", "kind", "name", "revision"),
    [
        (ID, Kind.DRIVE_FILE, ID, None),
        (f"  {ID}\n", Kind.DRIVE_FILE, ID, None),
        (f"https://drive.google.com/file/d/{ID}/view?usp=sharing", Kind.DRIVE_FILE, ID, None),
        (f"https://drive.google.com/open?id={ID}", Kind.DRIVE_FILE, ID, None),
        (f"https://drive.google.com/uc?export=download&id={ID}", Kind.DRIVE_FILE, ID, None),
        (f"https://drive.usercontent.google.com/download?id={ID}&confirm=t", Kind.DRIVE_FILE, ID, None),
        (f"https://drive.google.com/drive/folders/{ID}?usp=drive_link", Kind.DRIVE_FOLDER, ID, None),
        (f"https://drive.google.com/drive/u/0/folders/{ID}", Kind.DRIVE_FOLDER, ID, None),
        ("https://example.org/a/adapter.zip?x=1", Kind.URL, "https://example.org/a/adapter.zip?x=1", None),
        ("hf:someone/my.adapter", Kind.HUB, "someone/my.adapter", None),
        ("hf:someone/my.adapter@v1.0", Kind.HUB, "someone/my.adapter", "v1.0"),
    ],
)
def test_known_forms(text: str, kind: Kind, name: str, revision: str | None) -> None:
    source = parse_source(text)
    assert (source.kind, source.name, source.revision) == (kind, name, revision)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ADAPTER_SOURCE in download.sh is empty\n  What to do: fill in a Drive file id or link"),
        ("adapter.zip", "ADAPTER_SOURCE 'adapter.zip' is of no known form"),
        ("ftp://example.org/a.zip", "is of no known form"),
        ("file:///etc/passwd", "is of no known form"),
        ("http://[abc/x.zip", "ADAPTER_SOURCE 'http://[abc/x.zip' is of no known form"),
        ("hf:someone", "is of no known form"),
        ("https://drive.google.com/drive/my-drive", "use the link that Share > Copy link gives"),
    ],
)
def test_unknown_forms_say_what_to_write(text: str, message: str) -> None:
    with pytest.raises(FetchError) as caught:
        parse_source(text)
    assert message in str(caught.value)
    assert caught.value.code is Exit.USAGE


@pytest.mark.parametrize(
    ("page", "code", "seen", "remedy"),
    [
        (
            "<title>Google Drive - Quota exceeded</title><p>Sorry, you can't view or download this file at this time.",
            Exit.QUOTA,
            "download quota for this file is used up",
            "within 24 hours",
        ),
        ("Too many users have viewed\n\tor downloaded this file recently.", Exit.QUOTA, "quota", "put a copy"),
        (
            "<title>Google Drive - Page Not Found</title>",
            Exit.NOT_FOUND,
            "there is no such file",
            "check the id or link",
        ),
        ("Sorry, the file you have requested does not exist.", Exit.NOT_FOUND, "no such file", "not been deleted"),
        ("<title>Google Drive: Sign in</title>", Exit.PERMISSION, "not public", "Anyone with the link"),
        ("<p>You need access</p><a>Request access</a>", Exit.PERMISSION, "a sign-in page came", "private window"),
        ("<html>Welcome to my holiday photos</html>", Exit.WRONG_FILE, "a web page came instead", "dl=1"),
    ],
)
def test_pages_are_told_apart(page: str, code: Exit, seen: str, remedy: str) -> None:
    error = page_error(page, where="the link")
    assert error.code is code
    words, remedy_words = str(error).split("\n  What to do: ")
    assert seen in words
    assert remedy in remedy_words


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        (404, "", Exit.NOT_FOUND),
        (410, "", Exit.NOT_FOUND),
        (401, "", Exit.PERMISSION),
        (403, "forbidden", Exit.PERMISSION),
        (403, "The user has exceeded the quota: quota exceeded", Exit.QUOTA),
        (400, "", Exit.NETWORK),
    ],
)
def test_statuses_are_told_apart(status: int, text: str, code: Exit) -> None:
    assert status_error(status, text, where="x").code is code

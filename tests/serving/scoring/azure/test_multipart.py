"""Forms with files: every malformed one is refused by what is wrong with it."""

import pytest

from serving.scoring.errors import InvalidInput
from serving.scoring.runtimes.azureml.multipart import read_form

KIND = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


def named(value: bytes) -> bytes:
    return b"--b\r\nContent-Disposition: form-data; name*=%b\r\n\r\n1\r\n--b--" % value


@pytest.mark.parametrize(
    ("body", "kind", "named"),
    [
        (PART + b"--b--", "multipart/form-data", "names no boundary"),
        (b"nothing", KIND, "does not occur"),
        (b"", KIND, "does not occur"),
        (PART * 2, KIND, "part 2 of the form does not end"),
        (b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1", KIND, "part 1 of the form does not end"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", KIND, "part 1 of the form has no name"),
        (b"--b\r\nno head\r\n--b--", KIND, "part 1 of the form has no head"),
        (b"--b\r\n" + b"x" * 9000 + b"\r\n\r\n1\r\n--b--", KIND, "over 8192 bytes"),
        (PART * 1001 + b"--b--", KIND, "more than 1000 parts"),
        (named(b"idna''\xff%ff"), KIND, "a parameter that cannot be read"),
        (named(b"punycode''%ff"), KIND, "a parameter that cannot be read"),
        (named(b"undefined''x"), KIND, "a parameter that cannot be read"),
        (named(b"a\0''x"), KIND, "a parameter that cannot be read"),
        (PART.replace(b"name", b"name*" + b"1" * 5000) + b"--b--", KIND, "a parameter that cannot be read"),
        (PART.replace(b"name", b'a="b;' * 51 + b"name") + b"--b--", KIND, "more than 50 parameters"),
        (PART + b"--b--", KIND + ';a="b' * 51, "more than 50 parameters"),
    ],
)
def test_a_malformed_form_is_refused(body: bytes, kind: str, named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        read_form(body, kind)


def test_a_files_name_may_say_its_encoding() -> None:
    head = b"Content-Disposition: form-data; name=f; filename*=UTF-8''%C3%BC.txt"
    _, files = read_form(b"--b\r\n" + head + b"\r\n\r\n1\r\n--b--", KIND)
    assert files[0][1].filename == "ü.txt"

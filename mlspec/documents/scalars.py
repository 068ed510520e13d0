"""Plain scalars as the YAML 1.2 core schema reads them: `no` is a string, `12:30` is a string, `010` is 10.

Source: YAML 1.2.2, section 10.3.2.
"""

import re

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"(true|True|TRUE)|(false|False|FALSE)")
_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)(\.inf|\.Inf|\.INF)")
_NAN = re.compile(r"\.nan|\.NaN|\.NAN")

Scalar = None | bool | int | float | str


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if text[:1].isalpha() and text[0] not in "nNtTfF":  # neither null nor true nor false: a word, as most are
        return text
    if _NULL.fullmatch(text):
        return None
    if match := _BOOL.fullmatch(text):
        return match[1] is not None
    if _INT.fullmatch(text):
        return int(text) if len(text) < 1000 else text  # noqa: PLR2004 - no quadratic conversions of huge digits
    if len(text) < 1000 and _OCTAL.fullmatch(text):  # noqa: PLR2004 - as above
        return int(text.removeprefix("0o"), 8)
    if len(text) < 1000 and _HEX.fullmatch(text):  # noqa: PLR2004 - as above
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if match := _INFINITY.fullmatch(text):
        return float(f"{match[1]}inf")
    if _NAN.fullmatch(text):
        return float("nan")
    return text

"""Regular expressions from one library's words into another's, as far as both mean the same."""

import re

_ESCAPES = r"dDwW.\[\](){}*+?|^$\\/\-"
_SPACE = r"\t\n\f\r "
_TOKEN = re.compile(
    rf"(?P<space>\\s)|(?P<escape>\\[{_ESCAPES}])|(?P<class>\[\^?(?:\\[s{_ESCAPES}]|[^\]\[&\\^])+\])"
    r"|(?P<end>\$)|(?P<group>\((?:\?:)?)|(?P<times>(?:[*+?]|\{\d+(?:,\d*)?\})\??)|(?P<plain>[^\\\[\](){}*+?$])|(?P<close>\))"
)


def java_pattern(pattern: str) -> str | None:
    r"""RE2's pattern as Java's; None where it is not certain to mean the same.

    In Java `.` stops at more line ends, `\s` has one more, and `$` matches before a last line break; it has quantifiers
    that give nothing back, and classes inside classes.
    """
    out, index, before = "(?d)", 0, "group"
    while index < len(pattern):
        found = _TOKEN.match(pattern, index)
        if found is None:
            return None
        kind, text = str(found.lastgroup), found[0]
        if (kind == "times" and before in {"times", "group"}) or (
            kind == "group" and pattern.startswith("(?", index) and text == "("
        ):
            return None
        if kind == "space":
            text = f"[{_SPACE}]"
        elif kind == "class":
            text = text.replace(r"\s", _SPACE)
        out += r"\z" if kind == "end" else text
        index, before = found.end(), kind
    return out

"""In which quotes each place of a shell script lies, so that what is put there means the same inside and outside of them."""

import re

PLAIN, SINGLE, DOUBLE, COMMENT, HERE, LITERAL = "", "'", '"', "#", "<", "<'"
"""Outside of quotes, in single or double ones, in a comment, in a here-document, and in one where nothing is expanded."""
_NESTED = "("
_HERE = re.compile(r"<<-?[ \t]*(['\"\\]?)(\w+)['\"]?")


def quotes(text: str) -> list[str]:
    """What each character of a script lies in; quotes inside `$(…)` are counted anew, backquotes are not looked into."""
    found: list[str] = []
    open_: list[str] = []
    ends: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        inside = open_[-1] if open_ else PLAIN
        state = PLAIN if inside == _NESTED else inside
        step = 1
        if text[at] == "\n" and ends and state in (PLAIN, COMMENT):
            open_ = open_[:-1] if state == COMMENT else open_
            body = _documents(text[at + 1 :], ends)
            found += [state, *body]
            at, ends = at + 1 + len(body), []
            continue
        if text[at] == "\\" and state in (PLAIN, DOUBLE):
            step = 2
        elif state == PLAIN and (match := _HERE.match(text, at)) and text[at - 1 : at] != "<":
            ends.append((match[2], LITERAL if match[1] else HERE))
            step = len(match[0])
        else:
            step = _turned(text, at, state, open_)
        found += [state] * min(step, len(text) - at)
        at += step
    return found


def _turned(text: str, at: int, state: str, open_: list[str]) -> int:
    """Open or close what the character at a place opens or closes; how many characters that takes."""
    char = text[at]
    if state == COMMENT:
        if char == "\n":
            open_.pop()
    elif state in (SINGLE, DOUBLE) and char == state:
        open_.pop()
    elif state in (PLAIN, DOUBLE) and text.startswith("$(", at):
        open_.append(_NESTED)
        return 2
    elif state == PLAIN and char in "'\"":
        open_.append(char)
    elif state == PLAIN and char == "(" and open_:
        open_.append(_NESTED)
    elif state == PLAIN and char == ")" and open_:
        open_.pop()
    elif state == PLAIN and char == "#" and (at == 0 or text[at - 1] in " \t\n;&|()"):
        open_.append(COMMENT)
    return 1


def _documents(rest: str, ends: list[tuple[str, str]]) -> list[str]:
    """What the characters after a line lie in that begins here-documents, up to the end of the last of them."""
    found: list[str] = []
    waiting = list(ends)
    for line in rest.splitlines(keepends=True):
        if not waiting:
            break
        end, state = waiting[0]
        found += [state] * len(line)
        if line.strip("\t\n") == end:
            waiting.pop(0)
    return found

"""Windowed aggregations at the moments of questions, each function in the way that is exact and cheapest.

What running sums give exactly is the difference of two of them (`sums.py`). Everything so far needs one end only. Every
other function runs over frames of the same stream, where an engine does that well and every event is known as it
happens, or joins each question with the events of its window (`joins.py`). docs/semantics.md has the pictures.
"""

from mlspec.ir.relation import Windows
from mlspec.ir.sql.aggregates import FRAMED, RUNNING, additive
from mlspec.ir.sql.joins import by_frames, by_join, last_distinct, so_far
from mlspec.ir.sql.spans import Answer, Span
from mlspec.ir.sql.sums import by_sums, spread
from mlspec.ir.sql.traits import Traits


def answers(windows: Windows, questions: str, traits: Traits) -> list[Answer]:
    """The features at the questions of a table with the columns `__k0`… and `__t`; a question may have no row."""
    summed = [a for a in windows.aggregates if additive(a) or spread(windows, a)]
    rest = [a for a in windows.aggregates if a not in summed]
    running = [a for a in rest if not a.window and a.function in RUNNING]
    found = [by_sums(windows, summed, questions, traits)] if summed else []
    offsets = dict.fromkeys(a.offset for a in running)
    found += [so_far(windows, [a for a in running if a.offset == o], questions) for o in offsets]
    joined = [a for a in rest if a not in running]
    for span in dict.fromkeys(Span.of(a) for a in joined):
        same = [a for a in joined if Span.of(a) == span]
        framed = [a for a in same if span.window and traits.frames and not windows.available and a.function in FRAMED]
        plain = [a for a in same if a.function != "distinct_n" and a not in framed]
        found += [by_frames(windows, span, framed, questions)] if framed else []
        found += [by_join(windows, span, plain, questions)] if plain else []
        found += [last_distinct(windows, span, a, questions) for a in same if a.function == "distinct_n"]
    return found

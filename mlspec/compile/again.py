"""A project compiled with what an earlier run knew of it: only what has changed is read, bound and lowered again.

Nothing is kept of a run that found an error: then everything is compiled as if nothing were known, so that every message is the
one that it would have been. That the answer is always that of a compile that knows nothing is tested with random edits.
"""

from mlspec.base.loading import loading
from mlspec.base.value import replace
from mlspec.compile.facts import Facts
from mlspec.compile.kept import Texts, kept
from mlspec.compile.project import Compiled
from mlspec.compile.request import Request
from mlspec.compile.survey import Changed, moved, survey
from mlspec.documents.project import Files
from mlspec.documents.watch import Watch


def compile_again(request: Request) -> Compiled:
    """The project compiled. Raises Problems, as a compile does that knows nothing."""
    facts = request.facts()
    watch = Watch(request.root, facts.files if facts else {})
    files = Files(request.root, watch)
    changed = survey(facts, files, watch, request.env) if facts else Changed()
    if facts is not None and not changed:
        found = kept(facts, Texts(request.cache, request.whole), request)
        changed.looked = moved(facts, lambda a, s: request.outside(found.gathered, a, s))
        if not changed:
            _sign(request, facts, watch)
            return found
    with loading():
        from mlspec.compile.details import Lost  # noqa: PLC0415 - start-up time: it brings the whole compiler
        from mlspec.compile.partly import compile_partly  # noqa: PLC0415

    try:
        made = compile_partly(request, facts, request.details(facts) if facts else None, changed, files)
    except Lost:
        made = compile_partly(request, None, None, Changed(), Files(request.root, Watch(request.root, {})))
    return made or request.whole()


def _sign(request: Request, facts: Facts, watch: Watch) -> None:
    """Note signatures that can be trusted by now."""
    if any(watch.seen[name] != known for name, known in facts.files.items()):
        newer = {name: watch.seen[name] for name in facts.files}
        request.keep(replace(facts, files=newer), None, {}, None)

"""Models, their versions and what became of their aliases, as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from mlspec.cli.views.table import outline, table, vertical
from mlspec.cli.views.terminal import Look
from mlspec.cli.views.things import listing

_DIGITS = 8
_COMMIT = 10


def text(found: Mapping[str, Any], look: Look) -> str:
    """A list of models, of versions or of moves; or one version in full."""
    if "models" in found:
        return listing([_model(m) for m in found["models"]], look, "The project defines no model yet.")
    if "versions" in found:
        rows = [_version(v) for v in found["versions"]]
        return listing(rows, look, f"Model `{found['model']}` has no version yet.")
    if "history" in found:
        rows = [_move(m) for m in found["history"]]
        return listing(rows, look, f"Nothing was applied of model `{found['model']}` yet.")
    return _whole(found, look)


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    aliases = ", ".join(f"{a} {v[:_DIGITS]}" for a, v in model["aliases"].items())
    served = ", ".join(model["served_by"])
    return {**model, "applied": model["applied"][:_DIGITS], "aliases": aliases, "served_by": served}


def _version(version: Mapping[str, Any]) -> dict[str, Any]:
    metrics = ", ".join(f"{n} {v:.4g}" for n, v in sorted(version["metrics"].items()))
    return {**version, "version": version["version"][:_DIGITS], "aliases": ", ".join(version["aliases"]),
            "served_by": ", ".join(version["served_by"]), "metrics": metrics}  # fmt: skip


def _move(move: Mapping[str, Any]) -> dict[str, Any]:
    shown = {n: move[n] for n in ("number", "at", "who", "verb")}
    change = " -> ".join(v[:_DIGITS] or "none" for v in (move["before"], move["version"]))
    return {**shown, "revision": move["revision"][:_COMMIT], "what": move["what"], "version": change}


def _whole(version: Mapping[str, Any], look: Look) -> str:
    plain = [(k, v) for k, v in version.items() if isinstance(v, str) and v]
    parts = [vertical(plain, look)]
    listed = ("aliases", "served_by", "metrics", "parameters", "lineage", "contract", "output")
    parts.extend(
        "\n".join([look.paint(n, "bold"), *(f"  {line}" for line in outline(version[n]))]) for n in listed if version[n]
    )
    if compared := version["compared"]:
        parts.append(_compared(compared, look))
    return "\n\n".join(parts)


def _compared(rows: Sequence[Mapping[str, Any]], look: Look) -> str:
    lines = [[r["with"], r["metric"], r["here"], r["there"], f"{r['difference']:+.6g}", "yes" if r["same_data"] else "no"]
             for r in rows]  # fmt: skip
    return table(("compared with", "metric", "here", "there", "difference", "same data"), lines, look)

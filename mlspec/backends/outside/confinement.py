"""What a DuckDB connection may reach: nothing but its own tables, or the folders of a project; it cannot be widened."""

from collections.abc import Iterable
from typing import Any

_SETTINGS = (
    "python_enable_replacements = false",
    "autoinstall_known_extensions = false",
    "autoload_known_extensions = false",
    "allow_community_extensions = false",
    "allow_persistent_secrets = false",
)


def confine(connection: Any, folders: Iterable[str] = ()) -> None:
    """Close the network, Python variables, extensions and every file that is in none of the folders, for good."""
    for setting in _SETTINGS:
        connection.execute(f"SET {setting}")
    connection.execute("SET allowed_directories = ?", [list(folders)])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")

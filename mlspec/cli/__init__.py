"""The command line: arguments become one call of the session, and what it answers goes to a view."""

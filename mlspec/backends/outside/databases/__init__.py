"""Tables of other databases, a file for each kind of database."""

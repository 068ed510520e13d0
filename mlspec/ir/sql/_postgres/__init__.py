"""PostgreSQL's words, by what they are about."""

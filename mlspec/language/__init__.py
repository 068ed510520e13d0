"""The language in which kinds are written: small words, references, documents bound to specs; no kind by name."""

"""A plan carried out: events as it goes, state after every change."""

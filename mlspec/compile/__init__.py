"""From documents to the desired state: gathered, resolved, lowered."""

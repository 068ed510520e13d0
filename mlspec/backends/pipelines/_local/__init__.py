"""What the local runner is made of; nothing here is a pipeline target of its own."""

"""What the rendering pipeline targets have in common; nothing here is a pipeline target of its own."""

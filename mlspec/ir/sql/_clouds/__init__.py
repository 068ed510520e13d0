"""The words that warehouses in the cloud have in common, and where they differ."""

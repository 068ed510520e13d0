"""What is believed to exist: records by address, kept as versioned JSON."""

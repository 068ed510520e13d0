"""What is recorded, above the store that keeps it: claims, the journal, history, and what to do when the store fails."""

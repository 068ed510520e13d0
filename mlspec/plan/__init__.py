"""What would change, and what that means: an inert, ordered value."""

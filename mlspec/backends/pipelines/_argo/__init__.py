"""What the Argo target is made of."""

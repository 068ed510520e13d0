"""What the Kubeflow target is made of."""

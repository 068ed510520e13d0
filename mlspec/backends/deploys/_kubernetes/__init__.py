"""What the Kubernetes target is made of: the objects of a service, and how they come into a cluster."""

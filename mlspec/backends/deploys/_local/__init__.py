"""What the local target is made of where several versions answer at one port."""

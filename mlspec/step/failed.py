"""How a step wrapper says that its task came to no good end."""


class Failed(Exception):
    """The task came to no good end; the message is for whoever reads the log."""

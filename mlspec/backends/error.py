"""What a backend says when it cannot do what was asked."""


class BackendError(Exception):
    """A backend could not do what was asked; the message is for the user, `help` says what to do.

    `at` is the path of the field that is meant, in the spec of the address at work.
    """

    def __init__(
        self,
        message: str,
        help: str = "",  # noqa: A002
        code: str = "backend-failed",
        at: tuple[str | int, ...] = (),
    ) -> None:
        self.help, self.code, self.at = help, code, at
        super().__init__(message)


class Awaited(BackendError):
    """What was asked for is made elsewhere, and is not there yet; nothing is wrong."""

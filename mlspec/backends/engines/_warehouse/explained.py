"""What a driver raises, told in the words of the user; and one at a time."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from mlspec.backends.port import BackendError
from mlspec.ir.sql.problem import SqlProblems
from mlspec.ir.sql.spoken import Unspoken

T = TypeVar("T")


def explained(method: Callable[..., T]) -> Callable[..., T]:
    """One at a time; what the driver raises becomes a `BackendError` in the words of the user, never a traceback."""

    @wraps(method)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> T:
        with self.lock:
            self.deep += 1
            try:
                return method(self, *args, **kwargs)
            except SqlProblems as error:
                raise BackendError(str(error), code="forbidden-sql") from None
            except Unspoken as error:
                raise BackendError(str(error), error.help, "unsupported-by-backend") from None
            except self.driver_errors() as error:
                raise self.explain(error) from None
            finally:
                self.deep -= 1
                if not self.deep:
                    self.breathe()

    return wrapper

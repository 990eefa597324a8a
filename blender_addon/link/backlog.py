"""What is still to be sent, and in which order."""

from collections import deque

from ..shared.messages import Cancel, Forget, Message
from .events import Request, SubmitFiles, ThumbnailOf


class Backlog:
    """Owns the requests that wait: what is short goes first, what is read from disk last.

    One file request at a time leaves it, so that a hundred photos never lie in memory together
    and a cancelled job does not wait behind their thumbnails.
    """

    def __init__(self) -> None:
        self._plain: deque[Message] = deque()
        self._submissions: deque[SubmitFiles] = deque()
        self._thumbnails: deque[ThumbnailOf] = deque()

    def __bool__(self) -> bool:
        return bool(self._plain or self._submissions or self._thumbnails)

    def put(self, request: Request) -> None:
        """Add a request; giving up a job that waits here just takes it away."""
        if isinstance(request, SubmitFiles):
            self._submissions.append(request)
        elif isinstance(request, ThumbnailOf):
            self._thumbnails.append(request)
        elif not (isinstance(request, Cancel | Forget) and self._drop(request.job)):
            self._plain.append(request)

    def take(self) -> Request:
        """Remove and return the next request.

        Raises:
            IndexError: if none waits.
        """
        for waiting in (self._plain, self._submissions):
            if waiting:
                return waiting.popleft()
        return self._thumbnails.popleft()

    def _drop(self, job: str) -> bool:
        """Whether the job still waited; then it no longer does."""
        unsent = [request for request in self._submissions if request.job == job]
        for request in unsent:
            self._submissions.remove(request)
        return bool(unsent)

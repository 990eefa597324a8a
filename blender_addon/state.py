"""What goes on in this Blender: never saved, never undone, and nothing of Blender's is kept."""

from .session import Problem, Session, Status


class Live:
    """Owns the link to the backend, and what must be remembered from one redraw to the next."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.file = 0
        """Changes whenever another file is opened."""
        self.file_of_job: dict[str, int] = {}
        """Where each job of this Blender was started; only until it has ended."""
        self.wanted: set[str] = set()
        """Jobs that are imported as soon as their result is here."""
        self.asked: set[str] = set()
        """Those of them whose result the backend was asked for."""
        self.pictured: set[str] = set()
        """Photos whose picture the backend was asked for."""
        self.imported: set[str] = set()
        self.hidden_by: list[str] = []
        """Names of what stood around the last imported avatar."""
        self.problem: Problem | None = None
        """Of this side: the import, or the timer."""

    @property
    def is_answering(self) -> bool:
        """Whether the backend takes orders."""
        return self.session.status in {Status.READY, Status.BUSY}

    def want(self, job: str) -> None:
        """Import a job's avatar as soon as its result is here."""
        self.wanted.add(job)
        self.asked.discard(job)

    def settle(self, job: str) -> None:
        """A job's result is imported, or given up."""
        self.wanted.discard(job)
        self.asked.discard(job)


live = Live(Session())
"""The one of this Blender; a fresh one after each `register`."""

"""Errors that people meet: each says what happened, where, and what to do."""


class AvatarError(Exception):
    """Something a person can act on: a code for programs, a sentence and a hint for people."""

    code = "error"

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(f"{sentence} {hint}")
        self.sentence = sentence
        self.hint = hint


class PhotoError(AvatarError):
    """A photo that cannot be used; the other photos of the set go on."""

    code = "photo"

    def __init__(self, photo: str, sentence: str, hint: str) -> None:
        super().__init__(f"{photo}: {sentence}", hint)
        self.photo = photo


class UnreadablePhoto(PhotoError):
    """The file is not a picture, is broken, or is of a size that cannot be used."""

    code = "unreadable_photo"


class NoPersonFound(PhotoError):
    """The picture shows nobody that the landmark detector finds."""

    code = "no_person"

    def __init__(self, photo: str) -> None:
        super().__init__(
            photo, "no person found.", "Use a photo that shows one person, best from head to feet."
        )


class NoUsablePhoto(AvatarError):
    """None of the photos of a set can be used."""

    code = "no_usable_photo"


class BadFile(AvatarError):
    """A file given by the user does not hold what it must."""

    code = "bad_file"


class BadInput(AvatarError):
    """An option or value given by the user is out of range."""

    code = "bad_input"


class HelloFirst(AvatarError):
    """A request from a peer that has not greeted."""

    code = "hello_first"

    def __init__(self) -> None:
        super().__init__("The backend does not know this connection.", "Say Hello first.")


class BadMessage(AvatarError):
    """Frames that are not a message, or a message that the backend does not take."""

    code = "bad_message"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The backend could not read a request: {why}.",
            "Update the extension and the backend to the same version.",
        )


class OtherVersion(AvatarError):
    """The peer speaks another version of the protocol."""

    code = "other_version"

    def __init__(self, theirs: object, ours: int) -> None:
        super().__init__(
            f"The extension speaks protocol {theirs}, the backend speaks protocol {ours}.",
            "Update the extension and the backend to the same version.",
        )


class QueueFull(AvatarError):
    """As many jobs wait as may."""

    code = "queue_full"

    def __init__(self, count: int) -> None:
        super().__init__(
            f"{count} avatars are waiting already.", "Wait until one is finished, or cancel one."
        )


class TooManyPhotosWait(AvatarError):
    """Thumbnails are asked for faster than they are made."""

    code = "too_many_photos_wait"

    def __init__(self) -> None:
        super().__init__("Too many photos are being read at once.", "Add fewer photos at a time.")


class UnknownJob(AvatarError):
    """No job of this id is in the job folder."""

    code = "unknown_job"

    def __init__(self) -> None:
        super().__init__("This avatar is not in the job folder.", "It may have been deleted.")


class JobElsewhere(AvatarError):
    """An unfinished job that another backend process works on."""

    code = "job_elsewhere"

    def __init__(self) -> None:
        super().__init__(
            "This avatar is being made by another Blender window.", "Go on in that window."
        )


class NoResult(AvatarError):
    """A job that has no result, or none any more."""

    code = "no_result"

    def __init__(self) -> None:
        super().__init__("This avatar is not finished.", "Wait for it, or make it again.")


class JobFolderFailed(AvatarError):
    """The job folder cannot be written."""

    code = "job_folder"

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The job folder cannot be written: {why}.",
            "Make room on the disk, or choose another folder in the extension's preferences.",
        )


class TooLarge(AvatarError):
    """An answer that cannot be sent."""

    code = "too_large"

    def __init__(self) -> None:
        super().__init__(
            "The avatar is too large to be sent to Blender.",
            "Import avatar.glb from the job folder instead.",
        )


class NoClientKey(AvatarError):
    """`serve` without an extension at the other end of its standard input."""

    code = "no_client_key"

    def __init__(self) -> None:
        super().__init__(
            "The first line of the standard input is not a client key.",
            "The Blender extension starts this command; use `python -m backend run` by hand.",
        )


class JobCancelled(AvatarError):
    """The user has given a job up: what the answer says."""

    code = "cancelled"

    def __init__(self) -> None:
        super().__init__("The avatar was cancelled.", "Nothing of it was kept.")


class Interrupted(AvatarError):
    """The backend ended before the job did."""

    code = "interrupted"

    def __init__(self) -> None:
        super().__init__("The backend ended before the avatar was finished.", "Make it again.")


class WorkerCrashed(AvatarError):
    """The worker process ended in the middle of a job."""

    code = "worker_crashed"

    def __init__(self, how: str) -> None:
        super().__init__(
            f"The program that makes avatars ended unexpectedly: {how}.",
            "Try again with other programs closed, fewer photos or a lower quality.",
        )


class WorkerHung(AvatarError):
    """The worker process said nothing for too long and was ended."""

    code = "worker_hung"

    def __init__(self, silent_s: float) -> None:
        super().__init__(
            f"The program that makes avatars did not answer for {silent_s:.0f} s and was ended.",
            "Try again with fewer photos or a lower quality.",
        )


class UnreadableByCrash(AvatarError):
    """A photo at which the thumbnails' worker crashed or hung."""

    code = "unreadable_by_crash"

    def __init__(self) -> None:
        super().__init__(
            "The photo could not be read: reading it crashed.", "Save it again as JPEG."
        )


class OutOfMemory(AvatarError):
    """The processor's or the graphics card's memory does not hold a job."""

    code = "out_of_memory"

    def __init__(self) -> None:
        super().__init__(
            "The computer's memory is not enough.",
            "Close other programs, use fewer photos, or choose the quality draft.",
        )


class Unexpected(AvatarError):
    """A fault of the program itself."""

    code = "internal"

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"The program has a fault that it did not expect ({type(cause).__name__}).",
            "Please report it together with the log.",
        )


class Cancelled(Exception):
    """The user has given the job up."""

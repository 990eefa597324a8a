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


class Cancelled(Exception):
    """The user has given the job up."""

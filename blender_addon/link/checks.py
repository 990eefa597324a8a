"""Whether the one who answers is the backend that this extension was made for."""

from ..shared import PROTOCOL
from ..shared.messages import SERVICE, Welcome
from ..shared.skeleton import JOINT_NAMES, PARENTS
from .events import LinkError

SAME_VERSION = "Update the extension and the backend to the same version."


def check_protocol(theirs: object) -> None:
    """Compare the backend's protocol with ours.

    Raises:
        LinkError: that says which side is the older one.
    """
    if theirs == PROTOCOL:
        return
    if isinstance(theirs, int) and theirs > PROTOCOL:
        raise LinkError(
            "This extension is older than the backend.", "Update the Photo Avatar extension."
        )
    raise LinkError(
        "The backend is older than this extension.",
        "Update Photo Avatar's backend, in the Python that the preferences name.",
    )


def check_welcome(welcome: Welcome) -> None:
    """Compare who answers with whom we expect.

    Raises:
        LinkError: if it is another program, or one with another skeleton.
    """
    if welcome.service != SERVICE:
        raise LinkError(
            f"The program that answered is not Photo Avatar's backend but {welcome.service!r}.",
            "In the preferences, choose the Python that Photo Avatar's backend is installed in.",
        )
    if (welcome.joint_names, welcome.parents) != (JOINT_NAMES, PARENTS):
        raise LinkError(
            "The backend's skeleton is not the one that this extension knows.", SAME_VERSION
        )

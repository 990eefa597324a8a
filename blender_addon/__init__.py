"""Photo Avatar in Blender: photos of one person in, a rigged avatar out."""

import sys
from contextlib import ExitStack
from importlib import import_module

_MODULES = ("properties", "preferences", "thumbnails", "operators", "panels", "pump")
"""Those that register something, in this order."""

_registered = ExitStack()


def register() -> None:
    """Import the extension's modules and register what they offer to Blender.

    They are imported here and not above, so that this package can be imported without Blender.
    A module that fails takes back what the ones before it have registered: Blender itself does not.
    """
    with ExitStack() as undo:
        undo.callback(_forget_modules)
        for name in _MODULES:
            module = import_module(f".{name}", __package__)
            undo.callback(module.unregister)
            module.register()
        _registered.push(undo.pop_all())


def unregister() -> None:
    """Take everything back in reverse; one module that fails does not keep the others."""
    _registered.close()


def _forget_modules() -> None:
    """The next `register` starts with fresh modules: no state, and the code that is on disk."""
    for name in [name for name in sys.modules if name.startswith(f"{__package__}.")]:
        del sys.modules[name]
        globals().pop(name.removeprefix(f"{__package__}."), None)  # `from . import x` looks here

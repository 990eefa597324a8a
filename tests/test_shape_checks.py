"""The two shape checks are switched on: each must reject a wrong array."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from backend.stages.rig import strongest_weights
from backend.types import BindBody
from shared.arrays import ArrayError
from shared.types import Avatar


def test_arguments_in_backend_are_checked() -> None:
    with pytest.raises(TypeCheckError):
        strongest_weights(np.zeros(4), 4)


def test_fields_in_backend_are_checked() -> None:
    with pytest.raises(TypeCheckError):
        BindBody(vertices=torch.zeros(4, 3), joints=torch.zeros(5, 2))


def test_shared_types_check_themselves(box_avatar: Avatar) -> None:
    with pytest.raises(ArrayError, match="axis V is 8"):
        replace(box_avatar, colours=np.zeros((5, 3), np.uint8))

import numpy as np

from backend.photo_names import with_different_names
from shared.types import Photo


def test_later_photos_of_a_name_get_a_number() -> None:
    photos = [Photo(name=name, data=np.zeros(1, np.uint8)) for name in ("a.jpg", "b", "a.jpg", "b")]
    names = [photo.name for photo in with_different_names(photos)]
    assert names == ["a.jpg", "b", "a (2).jpg", "b (2)"]


def test_a_number_that_is_taken_is_passed_over() -> None:
    names = ("a.jpg", "a (2).jpg", "a.jpg")
    photos = [Photo(name=name, data=np.full(1, n, np.uint8)) for n, name in enumerate(names)]
    different = with_different_names(photos)
    assert [photo.name for photo in different] == ["a.jpg", "a (2).jpg", "a (3).jpg"]
    assert [int(photo.data[0]) for photo in different] == [0, 1, 2]

"""Files that are no photos of a person, and figures that are not people, on the command line."""

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.cli import SAMPLES, main

PHOTOS = Path(__file__).resolve().parents[3] / "shared/data/photos"
REASONS = {
    "broken.jpg": "the file is damaged or cut off. Copy or export the photo again.",
    "dance.gif": "the file is an animation. Save the frame you want as a photo of its own.",
    "dot.png": "the photo has only 1 x 1 pixels. Use one with at least 64 pixels",
    "huge.png": "the photo has more than 128 megapixels. Scale it down",
    "letter.jpg": "the file is not a photo. Use a JPEG, PNG, WebP, HEIC or TIFF file.",
    "nobody.jpg": "no person found. Use a photo that shows one person, best from head to feet.",
}


def huge_png(side_px: int) -> bytes:
    """A picture of which only the head is there; whoever decodes it fails otherwise."""
    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    file = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b"")):
        file += (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )
    return file


@pytest.fixture
def bad_photos(tmp_path: Path) -> list[str]:
    """One file for each reason, as arguments."""
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    picture.save(tmp_path / "nobody.jpg")
    picture.save(tmp_path / "dance.gif", save_all=True, append_images=[picture.rotate(90)])
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    whole = (tmp_path / "nobody.jpg").read_bytes()
    (tmp_path / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "huge.png").write_bytes(huge_png(20_000))
    (tmp_path / "letter.jpg").write_text("Dear aunt, this is not a photo.\n" * 20)
    return [str(tmp_path / name) for name in REASONS]


def test_bad_photos_are_named_and_nothing_is_written(
    bad_photos: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.iterdir())
    assert main(["run", *bad_photos, "--output", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert "None of the photos can be used." in told
    for name, reason in REASONS.items():
        assert told.count(f"{name}: {reason}") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_good_photo_among_bad_ones_goes_through(bad_photos: list[str], tmp_path: Path) -> None:
    photos = [*bad_photos[:3], str(SAMPLES / "front.jpg"), *bad_photos[3:]]
    output = tmp_path / "out"
    assert main(["run", *photos, "--output", str(output), "--quality", "draft"]) == 0
    rows = json.loads((output / "report.json").read_text())["photos"]
    assert [row["name"] for row in rows if row["status"] == "used"] == ["front.jpg"]
    refused = {row["name"]: row["message"] for row in rows if row["status"] == "refused"}
    assert set(refused) == set(REASONS)
    assert all(REASONS[name] in message for name, message in refused.items())


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "lhm/00000000_shigao.jpg",  # a marble statue
        "lhm/yingmuhuadao.jpg",  # a figure on its box
        "moore_animateanyone/ref_images/anyone-2.png",  # a man in a rubber suit
        "moore_animateanyone/ref_images/anyone-10.png",  # an armour
        "lhm/11.JPG",  # a drawing
    ],
)
def test_figures_become_avatars_or_are_refused(name: str, tmp_path: Path) -> None:
    output = tmp_path / "out"
    status = main(["run", str(PHOTOS / name), "--output", str(output), "--quality", "draft"])
    assert status in {0, 1}
    assert output.exists() == (status == 0)

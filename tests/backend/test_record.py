import json

import torch

from backend.record import PhotoRecord, judged, refusal, report
from shared.errors import NoPersonFound


def test_report_has_the_agreed_keys_and_is_json() -> None:
    photo = PhotoRecord(name="a.jpg", status="used", parts="portrait", silhouette_iou=0.9)
    content = json.loads(json.dumps(report((photo,), {"fuse": 1.234}, torch.device("cpu"))))
    assert set(content) == {"device", "versions", "seconds", "peak_memory_mb", "photos"}
    assert content["seconds"] == {"fuse": 1.23}
    assert set(content["photos"][0]) == {
        "name",
        "status",
        "parts",
        "message",
        "silhouette_iou",
        "landmark_error_percent",
    }


def test_peak_memory_is_in_megabytes() -> None:
    peak = report((), {}, torch.device("cpu"))["peak_memory_mb"]
    assert 50 < peak < 50_000


def test_a_refusal_says_which_photo_and_what_to_do() -> None:
    record = refusal(NoPersonFound("cat.jpg"))
    assert record.status == "refused"
    assert record.message.startswith("cat.jpg: no person found. Use")


def test_a_photo_that_contradicts_the_others_is_named() -> None:
    record = PhotoRecord(name="aunt.jpg", status="used", message="Cut out by its alpha.")
    doubted = judged(record, 0.77, 3)
    assert doubted.message.startswith(
        "Cut out by its alpha. aunt.jpg and the avatar overlap by 77%"
    )
    assert judged(record, 0.93, 3).message == record.message
    assert judged(record, 0.77, 1).message == record.message

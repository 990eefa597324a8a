"""Figures as tables in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from backend.evaluate import fusion, pose, pose_noise, weights

Figures = Mapping[str, Any]
GAP = "–"
KINDS = ("fitted", "loose")
ITEM_HEAD = (
    "item of subject",
    *("mean mm", "95 % mm", "max mm"),
    *("nearest vertex: mean mm", "95 % mm", "max mm"),
    *("share of nearest vertex: mean", "95 %", "max"),
)


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others are numbers."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *rows))


def fusion_table(found: Figures) -> str:
    """Return the table of `evaluate fusion`."""
    rows = [
        _fusion_row("fitted", found["fitted"]),
        _fusion_row("loose", found["loose"]),
        _fusion_row("nearest vertex, fitted", found["nearest_vertex_fitted"]),
        _fusion_row("nearest vertex, loose", found["nearest_vertex"]),
        *_by_class("true weights given", found["true_weights"]),
    ]
    for count in ("1", "2"):
        scans = "scan" if count == "1" else "scans"
        rows += _by_class(f"{count} {scans}", found["by_scan_count"][count])
    for kind, label in (("by_photo_count", ", true maps"), ("by_photo_count_predicted", "")):
        for count, figures in found[kind].items():
            photos = "photo" if count == "1" else "photos"
            rows += _by_class(f"{count} {photos}{label}", figures)
    rows = [row for row in rows if row[1] != GAP]
    head = ("canonical surface from", "P2S cm", "back cm", "Chamfer cm", "normals")
    head = (*head, "P2S cm, paper's ICP + scaling", "Chamfer cm, the same", "normals, the same")
    items = [
        [
            name.replace("_", " "),
            *_fusion_cells(one["pipeline"]),
            *_share_cells(found["items"][name], ("p2s_cm", "chamfer_cm", "normal_error")),
        ]
        for name, one in found["subjects"].items()
    ]
    shares = ("P2S / nearest vertex", "Chamfer /", "normals /")
    parts = [markdown(head, rows), markdown(("subject", *head[1:], *shares), items)]
    return "\n\n".join([*parts, _noise_table(found["pose_noise"]), *_failures(found)])


def _noise_table(found: Figures) -> str:
    """Return the table of disturbed poses; every figure is of the surface without alignment."""
    rows = [
        [name.replace("_", " "), *([GAP] * 7 if one is None else _noise_cells(one))]
        for name, one in {**found["subjects"], "mean": found if found["count"] else None}.items()
    ]
    head = ("disturbed poses", "regained", "Chamfer cm: true poses", "disturbed", "registered")
    return markdown((*head, "joints mm: true poses", "disturbed", "registered"), rows)


def _noise_cells(figures: Figures) -> list[str]:
    share, *errors = [figures[key] for key in pose_noise.KEYS]
    distances = [f"{value:.3f}" for value in errors[:3]]
    regained = GAP if share is None else f"{100 * share:.0f} %"
    return [regained, *distances, *(f"{value:.1f}" for value in errors[3:])]


def _share_cells(shares: Figures | None, metrics: Sequence[str]) -> list[str]:
    return [GAP if shares is None else f"{shares[metric]:.2f}" for metric in metrics]


def weights_table(found: Figures) -> str:
    """Return the table of `evaluate weights`."""
    names = {
        "pipeline": "",
        "nearest vertex": "nearest_vertex_",
        "true weights given": "true_weights_",
        "nearest vertex on the true surface": "check_of_truth_",
    }
    rows = [
        [f"{label}, {kind}" if label != "pipeline" else kind, *_weights_cells(found[key + kind])]
        for label, key in names.items()
        for kind in ("fitted", "loose")
    ]
    head = ("garments", "mean mm", "95 % mm", "99 % mm", "max mm", "L1", "edge stretch 99 %")
    head = (*head, "from truth: mean mm", "95 % mm")
    items = _subject_rows(
        found,
        lambda one: [
            f"{one[row]['item']['mean_mm']:.2f} / {one[row]['item']['p95_mm']:.1f}"
            if "item" in one[row]
            else GAP
            for row in (*weights.ROWS, weights.ON_TRUTH)
        ],
    )
    ways = ("subject: mean / 95 % mm", *names)
    parts = [markdown(head, rows), markdown(ITEM_HEAD, _item_rows(found)), markdown(ways, items)]
    return "\n\n".join([*parts, *_failures(found)])


def _item_rows(found: Figures) -> list[list[str]]:
    """Return a row per subject: its garments, or the loose one, with nearest vertex beside."""
    rows = []
    for name, item in found["items"].items():
        if item is None:
            rows.append([name.replace("_", " "), *[GAP] * (len(ITEM_HEAD) - 1)])
            continue
        cells = [_item_cells(one) for one in (item, item["nearest_vertex"])]
        shares = _share_cells(item["share"], weights.SHARED)
        rows.append([name.replace("_", " "), *cells[0], *cells[1], *shares])
    return rows


def _item_cells(item: Figures) -> list[str]:
    return [f"{item['mean_mm']:.2f}", f"{item['p95_mm']:.1f}", f"{item['max_mm']:.1f}"]


def pose_table(found: Figures) -> str:
    """Return the table of `evaluate pose`."""
    rows = []
    for level in ("easy", "hard"):
        rows += [[level, *_pose_cells(found[level])]]
        rows += [[f"{level}, {kind}", *_pose_cells(found[level][kind])] for kind in KINDS]
    head = ("photos", "PA-MPJPE mm", "MPJPE mm", "silhouette IoU", "limbs PA mm", "landmarks PA mm")
    return markdown((*head, "measured", "refused"), rows)


def _failures(found: Figures) -> list[str]:
    """Return a line for each row that is missing in the means."""
    return [f"Failed: {row.replace('_', ' ')}: {why}." for row, why in found["failed"].items()]


def _by_class(label: str, figures: Figures) -> list[list[str]]:
    return [_fusion_row(f"{label}, {kind}", figures[kind]) for kind in KINDS]


def _fusion_row(label: str, figures: Figures | None) -> list[str]:
    return [label, *_fusion_cells(figures)]


def _fusion_cells(figures: Figures | None) -> list[str]:
    if figures is None or "p2s_cm" not in figures:
        return [GAP] * 7
    aligned = figures["aligned"]
    cells = [figures[metric] for metric in fusion.METRICS]
    cells += [aligned[metric] for metric in ("p2s_cm", "chamfer_cm", "normal_error")]
    return [f"{value:.3f}" for value in cells]


def _weights_cells(figures: Figures | None) -> list[str]:
    if figures is None:
        return [GAP] * 8
    cells = [f"{figures[metric]:.1f}" for metric in ("p95_mm", "p99_mm", "max_mm")]
    return [
        f"{figures['mean_mm']:.2f}",
        *cells,
        f"{figures['weight_l1']:.3f}",
        f"{figures['edge_stretch_p99']:.2f}",
        f"{figures['from_truth']['mean_mm']:.2f}",
        f"{figures['from_truth']['p95_mm']:.1f}",
    ]


def _pose_cells(figures: Figures) -> list[str]:
    counts = [str(figures["count"]), str(figures["refused"])]
    if not figures["count"]:
        return [*[GAP] * len(pose.METRICS), *counts]
    formats = {"silhouette_iou": ".3f"}
    return [
        *(format(figures[metric], formats.get(metric, ".1f")) for metric in pose.METRICS),
        *counts,
    ]


def _subject_rows(found: Figures, cells: Any) -> list[list[str]]:
    return [[name.replace("_", " "), *cells(one)] for name, one in found["subjects"].items()]

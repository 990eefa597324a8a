import numpy as np

from backend.geometry.person_mask import back_project, depth_normals, fill_pinholes, keep_person

NOWHERE = np.zeros((0, 2), dtype=np.int64)


def scene() -> tuple[np.ndarray, np.ndarray]:
    level, covered = np.zeros((40, 60)), np.zeros((40, 60), dtype=bool)
    level[5:35, 5:25] = 1
    level[5:15, 30:40] = 1
    level[5:15, 45:55] = 1
    covered[8:30, 8:20] = covered[6:14, 31:39] = True
    return level, covered


def test_the_largest_part_and_parts_over_the_body_are_kept() -> None:
    level, covered = scene()
    kept = keep_person(level, covered, NOWHERE, 0.2)
    assert kept[10, 10] == 1
    assert kept[10, 35] == 1
    assert kept[10, 50] == 0


def test_a_part_with_a_landmark_is_kept() -> None:
    level, covered = scene()
    assert keep_person(level, covered, np.array([[10, 50], [99, 2]]), 0.2)[10, 50] == 1


def test_only_small_holes_over_the_body_are_filled() -> None:
    level, covered = np.ones((30, 30)), np.ones((30, 30), dtype=bool)
    level[5:8, 5:8] = level[15:25, 15:25] = level[5:8, 20:23] = 0
    covered[6, 21] = False
    filled = fill_pinholes(level, covered, 20.0)
    assert filled[6, 6] == 1
    assert filled[20, 20] == 0
    assert filled[6, 21] == 0


def test_the_normals_of_a_plane_are_its_own() -> None:
    normal = np.array([0.3, -0.2, -1.0])
    intrinsics = np.array([[50.0, 0, 20], [0, 50, 20], [0, 0, 1]])
    rays = back_project(np.ones((40, 40)), intrinsics)
    depth = -2.0 / (rays @ normal)
    normals = depth_normals(back_project(depth, intrinsics), np.ones((40, 40), dtype=bool))
    assert np.allclose(normals, normal / np.linalg.norm(normal), atol=1e-6)

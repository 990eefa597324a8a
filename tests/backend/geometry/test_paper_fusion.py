import torch

from backend.geometry.paper_fusion import TAU_M, paper_fused, vertex_regions


def test_scans_near_a_point_are_averaged_and_elsewhere_the_template_counts() -> None:
    total, count = torch.tensor([0.4, 0.1, 0.0]), torch.tensor([2.0, 1.0, 0.0])
    fused = paper_fused(total, count, torch.tensor([9.0, 9.0, 9.0]))
    assert torch.allclose(fused, torch.tensor([0.2, 0.1, 9.0]))


def test_a_vertex_belongs_to_the_region_of_its_joint() -> None:
    weights = torch.zeros(5, 55)
    weights[range(5), [3, 15, 16, 19, 40]] = 1
    assert vertex_regions(weights).tolist() == [0, 1, 2, 3, 4]


def test_the_thresholds_are_the_published_ones_in_metres() -> None:
    assert [round(100 * tau, 2) for tau in TAU_M] == [4.69, 7.81, 1.56, 0.78, 0.08]

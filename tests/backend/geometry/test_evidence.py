import torch

from backend.geometry.evidence import no_evidence

TEMPLATE = torch.tensor([0.01, 0.02, 0.03])
FIRST = torch.tensor([0])


def test_without_evidence_the_template_stays() -> None:
    assert torch.equal(no_evidence(TEMPLATE).fused(TEMPLATE), TEMPLATE)


def test_scans_are_averaged_by_quality_and_replace_the_template() -> None:
    evidence, one = no_evidence(TEMPLATE), torch.ones(1)
    evidence.add(-0.01 * one, one, 1 * one, FIRST)
    evidence.add(0.03 * one, one, 3 * one, FIRST)
    assert torch.allclose(evidence.fused(TEMPLATE), torch.tensor([0.02, 0.02, 0.03]))


def test_half_an_influence_leaves_half_of_the_template() -> None:
    evidence, one = no_evidence(TEMPLATE), torch.ones(1)
    evidence.add(0.0 * one, 0.5 * one, one, FIRST)
    assert torch.allclose(evidence.fused(TEMPLATE)[0], TEMPLATE[0] / 2)


def test_joined_evidence_is_that_of_one_after_the_other() -> None:
    one, both = torch.ones(1), no_evidence(TEMPLATE)
    parts = [no_evidence(TEMPLATE), no_evidence(TEMPLATE)]
    for part, distance in zip(parts, (0.004, -0.002), strict=True):
        part.add(distance * one, 0.4 * one, 2 * one, FIRST)
        both.add(distance * one, 0.4 * one, 2 * one, FIRST)
    assert torch.allclose(parts[0].joined(parts[1]).fused(TEMPLATE), both.fused(TEMPLATE))

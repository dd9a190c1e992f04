"""The bench: FLOPs that agree with counting by hand, and rows that stand beside the machine's own product."""

from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from course_lib.bench import BLOCKS, UnknownBlock, count_flops, in_bfloat16, measure
from tests.command_line import cli


def test_a_linear_layer_has_six_flops_a_parameter_and_row() -> None:
    layer, x = nn.Linear(40, 30, bias=False), torch.ones(7, 40, requires_grad=True)
    assert count_flops(lambda: layer(x).sum()) == 6 * 7 * 40 * 30


def test_a_convolution_and_attention_are_counted_from_their_shapes() -> None:
    layer, x = nn.Conv2d(3, 5, 3, padding=1, bias=False), torch.ones(2, 3, 8, 8, requires_grad=True)
    assert count_flops(lambda: layer(x).sum()) == 3 * 2 * (2 * 8 * 8 * 5) * (3 * 9)
    q, k, v = (torch.ones(2, 4, 16, 8, requires_grad=True) for _ in range(3))
    attend = nn.functional.scaled_dot_product_attention
    assert count_flops(lambda: attend(q, k, v).sum()) == 3 * 2 * (2 * 2 * 4) * 16 * 16 * 8


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_every_block_runs_and_is_set_against_the_machine(name: str) -> None:
    (row,) = measure([name], seconds=0.2)
    assert row["gflop"] > 0 and row["milliseconds"] > 0 and row["threads"] >= 1
    assert row["gflops"] == pytest.approx(row["gflop"] / row["milliseconds"] * 1e3)
    assert row["share"] == pytest.approx(row["gflops"] / row["matmul_gflops"])
    assert 0.005 < row["share"] < 3.0  # a block much faster than the product was counted wrongly
    assert row["bf16"] is None or row["bf16"] > 0.2, "asked only where the processor's own product gains"


def test_a_step_in_mixed_precision_is_the_same_step() -> None:
    layer, x = nn.Linear(40, 30), torch.randn(7, 40, generator=torch.Generator().manual_seed(0))
    seen = []

    def step() -> torch.Tensor:
        seen.append(layer(x).dtype)
        return layer(x).float().square().mean()

    usual, mixed = step(), in_bfloat16(step)()
    assert seen == [torch.float32, torch.bfloat16], "and the precision is back where it was"
    assert mixed.item() == pytest.approx(usual.item(), rel=0.02) and mixed.item() != usual.item()


def test_the_command_prints_a_table_or_json_and_names_a_wrong_block() -> None:
    done = cli("bench", "linear", "--seconds", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    assert [row["block"] for row in json.loads(done.stdout)] == ["linear"]
    wrong = cli("bench", "liner")
    assert wrong.returncode == 2 and "linear, convolution" in wrong.stderr and "Traceback" not in wrong.stderr
    with pytest.raises(UnknownBlock):
        measure(["liner"])

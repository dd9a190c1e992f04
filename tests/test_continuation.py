"""A text-to-video model as a world model: it keeps the contract, goes on with what it saw, and takes no actions."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from course_lib.contract import NotCapable, imagine
from course_lib.exam.entrant import Entrant
from course_lib.exam.questions import control
from course_lib.exam.sitting import Sitting
from course_lib.models.codec import CodecConfig, VideoCodec
from course_lib.models.continuation import Continuation
from course_lib.models.text_to_video import TextToVideo
from tests.contract_tests import check_world_model
from tests.text_to_video import small_maker


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lively() -> TextToVideo:
    """Small, with weights of a size at which what is known and what is drawn both show in the pictures."""
    make = small_maker()
    with torch.no_grad():
        for n, parameter in enumerate(make.codec.parameters()):
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=seeded(n)))
    return make


def world(**changes: object) -> Continuation:
    return Continuation(lively(), **{"frames": 13, "steps": 2} | changes)


def films(frames: int = 7) -> Tensor:
    return torch.rand(3, frames, 3, 32, 32, generator=seeded(4))


def test_it_keeps_the_contract() -> None:
    check_world_model(world(), films(), None)
    check_world_model(world(frames=9), films(frames=5), None)


def test_it_takes_no_actions_and_says_so_at_the_exam() -> None:
    model, keys = world(), torch.zeros(3, 6, dtype=torch.long)
    for refuses in (lambda: model.encode(films(), keys), lambda: model.surprise(films(), keys),
                    lambda: model.predict(model.encode(films()), keys[:, 0])):  # fmt: skip
        with pytest.raises(NotCapable, match="takes no actions"):
            refuses()
    with pytest.raises(NotCapable, match="it takes no actions"):
        list(control.ask(Entrant("film", {"model": model}, [], films="bodies"), Sitting(count=5, split="validation")))


def test_it_goes_on_as_the_text_model_does_and_from_its_own_frames_after_that() -> None:
    model, seen = world(), films(frames=5)
    states = imagine(model, model.encode(seen), 10, generator=seeded(7))
    made = torch.stack([model.decode(state) for state in states[1:]], dim=1)  # (3, 10, 3, 32, 32)
    again = model.make.continued(seen, [""] * 3, 13, generator=seeded(7), w=1.0, steps=2)
    torch.testing.assert_close(made[:, :8], again[:, 5:])
    g = seeded(7)
    model.make.continued(seen, [""] * 3, 13, generator=g, w=1.0, steps=2)  # the generator is where it was then
    later = model.make.continued(again[:, -5:], [""] * 3, 13, generator=g, w=1.0, steps=2)
    torch.testing.assert_close(made[:, 8:], later[:, 5:7])


def test_what_it_saw_matters_and_a_short_film_stands_still_before_it_begins() -> None:
    model, seen = world(), films(frames=5)

    def next_frame(frames: Tensor) -> Tensor:
        return model.decode(model.predict(model.encode(frames)))

    still = torch.cat([seen[:, :1].expand(-1, 3, -1, -1, -1), seen[:, :2]], dim=1)
    assert torch.equal(next_frame(seen[:, :2]), next_frame(still))
    assert (next_frame(seen) - next_frame(seen.flip(0))).abs().max() > 1e-3
    assert torch.equal(next_frame(torch.cat([1 - seen, seen], dim=1)), next_frame(seen)), "it looks back five frames"
    assert torch.equal(model.decode(model.encode(seen)), seen[:, -1])
    assert (next_frame(seen) - model.decode(model.untrained().predict(model.encode(seen)))).abs().max() > 1e-3


def test_a_prompt_changes_the_film() -> None:
    plain, asked = world(w=2.0), world(w=2.0, prompt="a small red ball falling")
    frames = [m.decode(m.predict(m.encode(films()))) for m in (plain, asked)]
    assert (frames[0] - frames[1]).abs().max() > 1e-4
    assert (plain.surprise(films()) - asked.surprise(films()))[:, 1:].abs().max() > 1e-5


def test_what_cannot_be_continued_is_refused() -> None:
    with pytest.raises(ValueError, match="take 9 or more"):
        world(frames=5)
    with pytest.raises(ValueError, match="the lengths are"):
        world(frames=12)
    single = TextToVideo(small_maker().dit, VideoCodec(CodecConfig(kind="frames", widths=(8, 12), latent=4)))
    with pytest.raises(ValueError, match="a codec of groups"):
        Continuation(single)

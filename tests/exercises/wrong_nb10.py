"""Plausible wrong answers to the exercises of notebook 10: each hears its own reason."""

from __future__ import annotations

import torch


def modulate_along_tokens(x, shift, scale):
    return x * (1 + scale) + shift


def modulate_without_one(x, shift, scale):
    return x * scale.unsqueeze(-2) + shift.unsqueeze(-2)


def modulate_exchanged(x, shift, scale):
    return x * (1 + shift.unsqueeze(-2)) + scale.unsqueeze(-2)


def modulate_shift_first(x, shift, scale):
    return (x + shift.unsqueeze(-2)) * (1 + scale.unsqueeze(-2))


def modulate_exponential(x, shift, scale):
    return x * scale.unsqueeze(-2).exp() + shift.unsqueeze(-2)


def modulate_detached(x, shift, scale):
    return x * (1 + scale.detach().unsqueeze(-2)) + shift.unsqueeze(-2)


def modulate_in_place(x, shift, scale):
    x *= 1 + scale.unsqueeze(-2)
    return x + shift.unsqueeze(-2)


def _angle(t, width, steps=1000.0, longest=10_000.0, least=0):
    half = width // 2
    return steps * t[..., None] * longest ** (-torch.arange(half) / (half - least))


def waves_sines_first(t, width):
    angle = _angle(t, width)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def waves_of_small_numbers(t, width):
    angle = _angle(t, width, steps=1.0)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def waves_to_the_very_end(t, width):
    angle = _angle(t, width, least=1)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def waves_half_as_steep(t, width):
    angle = _angle(t, width, longest=100.0)
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


def waves_in_turns(t, width):
    angle = _angle(t, width)
    return torch.stack([angle.cos(), angle.sin()], dim=-1).flatten(-2)


def _mixed(z, epsilon, levels):
    share = levels[:, :, None, None, None]
    return (1 - share) * z + share * epsilon


def known_noisy_all_the_same(z, epsilon, t, known):
    levels = torch.where(known, 0.0, t[:, None])
    return _mixed(z, epsilon, t[:, None].expand(known.shape)), levels


def known_called_noisy(z, epsilon, t, known):
    return _mixed(z, epsilon, torch.where(known, 0.0, t[:, None])), t[:, None].expand(known.shape).clone()


def known_not_used(z, epsilon, t, known):
    levels = t[:, None].expand(known.shape).clone()
    return _mixed(z, epsilon, levels), levels


def known_turned_round(z, epsilon, t, known):
    levels = torch.where(known, t[:, None], 0.0)
    return _mixed(z, epsilon, levels), levels


def known_data_for_noise(z, epsilon, t, known):
    levels = torch.where(known, 0.0, t[:, None])
    return _mixed(epsilon, z, levels), levels


def parameters_without_biases(width):
    return 18 * width**2


def parameters_without_modulation(width):
    return 12 * width**2 + 9 * width


def parameters_without_gates(width):
    return 16 * width**2 + 13 * width


def parameters_with_norms(width):
    return 18 * width**2 + 19 * width


def parameters_by_division(width):
    return (18 * width**2 + 15 * width) / 1


def adds_modulated_everywhere(tokens, width, depth):
    return depth * (18 * tokens * width**2 + 2 * tokens**2 * width)


def adds_without_attention(tokens, width, depth):
    return depth * (12 * tokens * width**2 + 6 * width**2)


def adds_with_one_product(tokens, width, depth):
    return depth * (12 * tokens * width**2 + tokens**2 * width + 6 * width**2)


def adds_without_modulation(tokens, width, depth):
    return depth * (12 * tokens * width**2 + 2 * tokens**2 * width)


def adds_and_multiplications(tokens, width, depth):
    return 2 * depth * (12 * tokens * width**2 + 2 * tokens**2 * width + 6 * width**2)


def adds_of_one_block(tokens, width, depth):
    return 12 * tokens * width**2 + 2 * tokens**2 * width + 6 * width**2


def mixes_if_shuffled(network, x, t):
    order = torch.arange(len(x)).flip(0)
    return not torch.allclose(network(x[order], t[order]), network(x, t)[order], atol=1e-6)


def mixes_by_x_alone(network, x, t):
    before = network(x, t)
    for film in range(len(x)):
        other = 1 - x
        other[film] = x[film]
        if not torch.allclose(network(other, t)[film], before[film], atol=1e-6):
            return True
    return False


def mixes_into_the_first(network, x, t):
    x_new, t_new = 1 - x, 1 - t
    x_new[0], t_new[0] = x[0], t[0]
    return not torch.allclose(network(x_new, t_new)[0], network(x, t)[0], atol=1e-6)


def mixes_if_strongly(network, x, t):
    before = network(x, t)
    for film in range(len(x)):
        x_new, t_new = 1 - x, 1 - t
        x_new[film], t_new[film] = x[film], t[film]
        if (network(x_new, t_new)[film] - before[film]).abs().max() > 0.01:
            return True
    return False


def mixes_if_anything_changes(network, x, t):
    return not torch.allclose(network(1 - x, 1 - t), network(x, t), atol=1e-6)


def mixes_one_by_one(network, x, t):
    alone = torch.cat([network(x[n : n + 1], t[n : n + 1]) for n in range(len(x))])
    return not torch.allclose(alone, network(x, t), atol=1e-6)


def modulate_without_groups(x, shift, scale):
    return x * (1 + scale.unsqueeze(1)) + shift.unsqueeze(1)


WRONG = {
    "dit.modulate": [modulate_along_tokens, modulate_without_one, modulate_exchanged, modulate_shift_first,
                     modulate_exponential, modulate_detached, modulate_in_place, modulate_without_groups],
    "dit.timestep_embedding": [waves_sines_first, waves_of_small_numbers, waves_to_the_very_end, waves_half_as_steep,
                               waves_in_turns],
    "dit.noised_groups": [known_noisy_all_the_same, known_called_noisy, known_not_used, known_turned_round,
                          known_data_for_noise],
    "dit.block_parameters": [parameters_without_biases, parameters_without_modulation, parameters_without_gates,
                             parameters_with_norms, parameters_by_division],
    "dit.multiply_adds": [adds_modulated_everywhere, adds_without_attention, adds_with_one_product,
                          adds_without_modulation, adds_and_multiplications, adds_of_one_block],
    "dit.mixes_films": [mixes_if_shuffled, mixes_by_x_alone, mixes_into_the_first, mixes_if_strongly,
                        mixes_if_anything_changes, mixes_one_by_one],
}  # fmt: skip

"""Right answers written in other ways than the references: loops, other functions, other libraries. Each must pass."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import torch
import torch.nn.functional as F
from scipy import stats
from torch import nn

from course_lib.exam.measures.expectation import scores
from course_lib.planning.cem import carry_on
from course_lib.planning.goals import GoalDistance
from course_lib.worlds.quadruplets import equal_windows

# --- 01


def distance_by_loop(p, q):
    return sum(max(a - b, 0.0) for a, b in zip(p, q, strict=True))


def distance_by_the_smaller(p, q):
    return 1.0 - np.minimum(p, q).sum()


def estimate_by_loop(counts, prior):
    out = np.empty_like(counts)
    for s, a in np.ndindex(counts.shape[:2]):
        row = counts[s, a] + prior / len(counts)
        out[s, a] = row / row.sum()
    return out


def backup_by_loop(transitions, rewards, values, discount):
    states, actions = rewards.shape
    return np.array(
        [max(rewards[s, a] + discount * transitions[s, a].dot(values) for a in range(actions)) for s in range(states)]
    )


def policy_by_loop(transitions, rewards, values, discount):
    q = rewards + discount * np.einsum("sat,t->sa", transitions, values)
    return np.array([int(np.argmax(row)) for row in q])


def policy_in_small_integers(transitions, rewards, values, discount):
    return np.argmax(rewards + discount * transitions @ values, axis=-1).astype(np.int32)


def q_as_a_mean(q, state, action, reward, following, rate, discount):
    new = np.array(q)
    new[state, action] = (1 - rate) * q[state, action] + rate * (reward + discount * max(q[following]))
    return new


def plan_by_loop(q, transitions, rewards, state, action, rate, discount):
    target = rewards[state, action]
    for following, p in enumerate(transitions[state, action]):
        target += discount * p * q[following].max()
    new = q.copy()
    new[state, action] = q[state, action] + rate * (target - q[state, action])
    return new


def forget_with_where(counts, state, action, following, keep):
    here = np.zeros(counts.shape[:2], dtype=bool)
    here[state, action] = True
    new = np.where(here[..., None], counts * keep, counts)
    new[state, action, following] += 1
    return new


# --- 02


def draw_with_sqrt(mu, logvar, epsilon):
    return torch.addcmul(mu, logvar.exp().sqrt(), epsilon.detach())


def kl_of_torch(mu, logvar):
    q = torch.distributions.Normal(mu, (0.5 * logvar).exp())
    return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(-1)


def psnr_by_frame(frames, reconstructions):
    return torch.stack([10 * (1 / F.mse_loss(a, b)).log10() for a, b in zip(frames, reconstructions, strict=True)])


def psnr_without_gradient(frames, reconstructions):
    error = ((frames - reconstructions).numpy() ** 2).mean(axis=(1, 2, 3))
    return torch.from_numpy(-10 * np.log10(error))


def parameters_of_torch(inside, outside, kernel):
    return sum(p.numel() for p in nn.Conv2d(inside, outside, kernel).parameters())


def awake_by_loop(mu, logvar, threshold=0.1):
    price = 0.5 * (mu.square() + logvar.exp() - logvar - 1)
    return sum(bool(column.mean() > threshold) for column in price.T)


# --- 03


def lstm_of_torch(x, h, c, W, U, b):  # noqa: N803
    return torch.lstm_cell(x, (h, c), W, U, b, torch.zeros_like(b))


def likelihood_of_torch(log_weights, means, log_sigmas, x):
    each = torch.distributions.Normal(means, log_sigmas.exp()).log_prob(x.unsqueeze(-1))
    return (log_weights + each).logsumexp(-1)


def temperature_by_hand(log_weights, log_sigmas, tau):
    scaled = log_weights / tau
    return [scaled - scaled.logsumexp(-1, keepdim=True), (log_sigmas.exp() * tau**0.5).log()]


def moments_by_squares(weights, means, sigmas):
    mean = torch.einsum("...k,...k->...", weights, means)
    return mean, torch.einsum("...k,...k->...", weights, sigmas.square() + means.square()) - mean.square()


def horizon_by_loop(model, control):
    for step in range(model.shape[1]):
        if (model[:, step] - control[:, step]).mean() >= 0:
            return step
    return model.shape[1]


def horizon_by_product(model, control):
    return (model.mean(0) < control.mean(0)).cumprod().sum()


# --- 04


def cloud_by_loop(candidates, returns, centre, keep):
    best = sorted(range(len(returns)), key=lambda i: returns[i], reverse=True)[:keep]
    away = [candidates[i] - centre for i in best]
    return np.mean([candidates[i] for i in best], axis=0), sum(np.outer(a, a) for a in away) / keep


def act_by_parts(z, h, weights):
    parts = weights.split([z.shape[1], h.shape[1], 1], dim=1)
    return torch.max(z @ parts[0].T + h @ parts[1].T + parts[2].T, dim=1).indices


def fitness_by_loops(play, candidates, seeds):
    return np.array([np.mean([play(x[None], np.array([s]))[0] for s in seeds]) for x in candidates])


def fitness_game_by_game(play, candidates, seeds):
    return sum(play(candidates, np.full(len(candidates), s)) for s in seeds) / len(seeds)


def normalised_by_interpolation(returns, random, oracle):
    return returns / (oracle - random) - random / (oracle - random)


def ratios_of_sums(above, below, picks):
    return np.array([above[row].sum() / below[row].sum() for row in picks])


# --- 05


def interval_by_choice(values, rng, resamples=2000):
    means = rng.choice(values, (resamples, len(values))).mean(1)
    return np.percentile(means, [2.5, 97.5])


def interval_by_counts(values, rng, resamples=2000):
    often = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), size=resamples)
    means = np.sort(often @ values / len(values))
    return means[round(0.025 * resamples)], means[round(0.975 * resamples) - 1]


def interval_corrected(values, rng, resamples=2000):
    found = stats.bootstrap((values,), np.mean, n_resamples=resamples, method="BCa", rng=rng).confidence_interval
    return float(found.low), float(found.high)


def ridge_as_rows(z, y, penalty):
    d = z.shape[1]
    rows = np.concatenate([z, np.sqrt(penalty) * np.eye(d)])
    return np.linalg.lstsq(rows, np.concatenate([y, np.zeros((d, y.shape[1]))]), rcond=None)[0]


def ridge_dual(z, y, penalty):
    return z.T @ np.linalg.inv(z @ z.T + penalty * np.eye(len(z))) @ y


def task_by_rank(y, rng, bands=16):
    rank = np.argsort(np.argsort(y))
    return rng.uniform(-1, 1, bands)[rank * bands // len(y)]


def gain_over_all_other_films(errors, actions):
    n = len(actions)
    wrong = sum(errors(np.roll(actions, k, axis=0)) for k in range(1, n)) / (n - 1)
    return wrong - errors(actions)


def gain_over_all_other_films_in_turn(errors, actions):
    n = len(actions)
    table = np.stack([errors(np.repeat(actions[k : k + 1], n, axis=0)) for k in range(n)])  # row k: under film k's keys
    own = np.diag(table)
    return (table.sum(0) - own) / (n - 1) - own


def gain_by_reversal(errors, actions):
    order = (np.arange(len(actions)) + 2) % len(actions)
    return errors(actions[order]) - errors(actions)


def intervened_with_arrays(error, taken, visible):
    rows = np.arange(len(taken))
    to_own = error[:, range(4), range(4)]
    to_pressed = error[rows, :, taken]
    asked = visible[rows, :, taken] & (np.arange(4) != taken[:, None])
    return (0.5 + 0.5 * np.sign(to_pressed - to_own))[asked].mean()


# --- 06


def weights_by_hand(q, k, mask):
    shares = torch.exp(q @ k.mT / q.shape[1] ** 0.5) * mask
    return shares / shares.sum(dim=1, keepdim=True)


def weights_with_a_large_number(q, k, mask):
    return torch.softmax(torch.einsum("nd,md->nm", q, k) * k.shape[-1] ** -0.5 + (~mask) * -1e9, dim=1)


def window_of_triangles(tokens, reach):
    return torch.ones(tokens, tokens, dtype=torch.bool).tril().triu(1 - reach)


def window_by_loop(tokens, reach):
    return torch.tensor([[0 <= n - m < reach for m in range(tokens)] for n in range(tokens)])


def cut_with_unflatten(frames, patch):
    tiles = frames.unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # (B, C, rows, P, columns, P)
    return torch.einsum("bcrpsq->brscpq", tiles).flatten(1, 2).flatten(2)


def multiplications_matrix_by_matrix(tokens, width):
    products = [(tokens, width, width)] * 4 + [(tokens, width, tokens), (tokens, tokens, width)]
    return sum(math.prod(sizes) for sizes in products)


def leak_by_changes(layer, x):
    before = layer(x)
    for n in range(len(x) - 1):
        other = x.clone()
        other[n + 1 :] = torch.randn_like(other[n + 1 :])
        if not torch.allclose(layer(other)[: n + 1], before[: n + 1], atol=1e-6):
            return True
    return False


def leak_by_jacobian(layer, x):
    slopes = torch.autograd.functional.jacobian(layer, x).abs().sum(dim=(1, 3))  # (N, N)
    return bool((slopes.triu(1) > 0).any())


# --- 08


def noised_row_by_row(x, epsilon, alpha, sigma):
    return torch.stack([a * row + s * e for row, e, a, s in zip(x, epsilon, alpha, sigma, strict=True)])


def noised_by_einsum(x, epsilon, alpha, sigma):
    return torch.einsum("b...,b->b...", x, alpha) + torch.einsum("b...,b->b...", epsilon, sigma)


def guess_by_loop(x_t, points, alpha, sigma):
    out = []
    for place in x_t.tolist():
        shares = [math.exp(-((place - alpha * p) ** 2) / (2 * sigma**2)) for p in points.tolist()]
        out.append(sum(w * p for w, p in zip(shares, points.tolist(), strict=True)) / sum(shares))
    return torch.tensor(out)


def guess_by_normals(x_t, points, alpha, sigma):
    logs = torch.distributions.Normal(alpha * points, sigma).log_prob(x_t[:, None])
    return (logs - logs.logsumexp(dim=1, keepdim=True)).exp() @ points


def read_by_solving(v, x_t, alpha, sigma):
    table = torch.tensor([[alpha, sigma], [-sigma, alpha]])
    both = torch.linalg.solve(table, torch.stack([x_t.flatten(), v.flatten()]))
    return both[0].view_as(v), both[1].view_as(v)


def read_data_first(v, x_t, alpha, sigma):
    x = alpha * x_t - sigma * v
    return x, (x_t - alpha * x) / sigma


def step_by_shares(x, x_t, alpha, sigma, alpha_s, sigma_s):
    return sigma_s / sigma * x_t + (alpha_s - sigma_s * alpha / sigma) * x


def mended_by_hypot(x, epsilon, z, alpha_s, sigma_s, tau):
    return alpha_s * x + sigma_s * math.sqrt(1 - (tau / sigma_s) ** 2) * epsilon + tau * z


def needed_by_all(steps, distances, floor):
    fine = [n for k, n in enumerate(steps) if max(distances[k:]) <= 1.5 * floor]
    return min(fine, default=-1)


# --- 12


def along_time_row_by_row(x, mix):
    out = torch.empty_like(x)
    for b in range(x.shape[0]):
        for n in range(x.shape[2]):
            out[b, :, n] = mix(x[b, :, n][None])[0]  # one row at a time, M = 1
    return out


def along_time_place_by_place(x, mix):
    return torch.stack([mix(x[:, :, n]) for n in range(x.shape[2])], dim=2)


def masks_by_kron(frames, places):
    space = torch.kron(torch.eye(frames), torch.ones(places, places))
    return space.bool(), torch.kron(torch.ones(frames, frames).tril(), torch.eye(places)).bool()


def frames_by_fractions(share, places, width):
    return (8 * width + places) / (1 / share - 1)


def exponent_by_covariance(frames, seconds):
    return np.cov(np.log2(frames), np.log2(seconds))[0, 1] / np.var(np.log2(frames), ddof=1)


def one_more_by_torch(q, k, v, keys, values):
    keys, values = torch.cat((keys, k.unsqueeze(1)), 1), torch.cat((values, v.unsqueeze(1)), 1)
    return F.scaled_dot_product_attention(q[:, None], keys, values)[:, 0], keys, values


# --- 13


def nearest_by_expansion(x, codes):
    return torch.argmin((codes**2).sum(1) - 2 * x @ codes.T, dim=1)


def nearest_by_loop(x, codes):
    return torch.tensor([min(range(len(codes)), key=lambda k: float((row - codes[k]).norm())) for row in x])


def through_with_detached_x(x, codes):
    return codes.detach() + x - x.detach()


def losses_of_torch(x, codes):
    d = x.shape[1]
    return d * F.mse_loss(codes, x.detach()), d * F.mse_loss(x, codes.detach())


def perplexity_of_scipy(index, codes):
    return float(np.exp(stats.entropy(np.bincount(index.numpy(), minlength=codes))))


def perplexity_by_counter(index, codes):
    counts = Counter(index.tolist())
    return math.prod((c / len(index)) ** (-c / len(index)) for c in counts.values())


def digits_by_places(digits, levels):
    places = torch.tensor([math.prod(levels[:d]) for d in range(len(levels))])
    return (digits * places).sum(1)


def digits_by_horner(digits, levels):
    index = torch.zeros_like(digits[:, 0])
    for d in reversed(range(len(levels))):
        index = index * levels[d] + digits[:, d]
    return index


def revive_by_loop(codes, idle, x, drawn, after):
    new = codes.clone()
    for k in range(len(codes)):
        if idle[k] >= after:
            new[k] = x[drawn[k]]
    return new


# --- 14


def which_by_loop(x, y, maps):
    return torch.stack([(x @ one - y).norm(dim=1) for one in maps]).argmin(dim=0)


def error_as_a_weighted_mean(drawn, before, after, extra=20.0):
    moved = ((after - before).abs() > 0.02).any(dim=1, keepdim=True)
    weights = torch.where(moved, 1 + extra, 1.0).expand_as(drawn)
    return (weights * (drawn - after.detach()) ** 2).sum() / weights.sum()


def table_by_loop(counts):
    common = int(counts.sum(0).argmax())
    return np.array([int(row.argmax()) if row.any() else common for row in counts])


def nmi_by_joint(counts):
    p = counts / counts.sum()
    a, b = p.sum(1, keepdims=True), p.sum(0, keepdims=True)
    full = p > 0
    mutual = (p[full] * np.log2((p / np.where(full, a * b, 1))[full])).sum()
    entropies = [-(q[q > 0] * np.log2(q[q > 0])).sum() for q in (a, b)]
    return 2 * mutual / sum(entropies) if sum(entropies) > 0 else 0.0


# --- 15


def left_by_floor(step, steps, tokens):
    return math.floor(tokens * math.cos(step * math.pi / (2 * steps)) + 1e-12)


def hide_one_rate_for_all_films(shape, least, generator):
    b, t, n = shape
    rate = torch.empty(1, t, 1).uniform_(least, 1.0, generator=generator)  # each frame its own, shared by the films
    mask = torch.bernoulli(rate.expand(shape), generator=generator).bool()
    mask[:, 0] = False
    return mask


def hide_exact_numbers(shape, least, generator):
    b, t, n = shape
    many = (n * (least + (1 - least) * torch.rand(b, t, 1, generator=generator))).round()
    mask = torch.rand(shape, generator=generator).argsort(-1).argsort(-1) < many
    mask[:, 0] = False
    return mask


def again_row_by_row(sure, mask, left):
    new = torch.zeros_like(mask)
    for b in range(len(mask)):
        places = sorted(mask[b].nonzero()[:, 0].tolist(), key=lambda n: float(sure[b, n]))
        new[b, places[:left]] = True
    return new


def again_by_topk(sure, mask, left):
    places = torch.where(mask, sure, torch.inf).topk(left, dim=1, largest=False).indices
    return torch.zeros_like(mask).scatter_(1, places, True)


def delta_by_film(inferred, random, real):
    gains = [10 * (F.mse_loss(b, c) / F.mse_loss(a, c)).log10() for a, b, c in zip(inferred, random, real, strict=True)]
    return sum(gains) / len(gains)


def make_with_logarithms(guess, tokens, steps):
    index, mask = torch.zeros(tokens, dtype=torch.int64), torch.ones(tokens, dtype=torch.bool)
    for step in range(1, steps + 1):
        sure, drawn = torch.log_softmax(guess(index, mask), dim=1).max(dim=1)
        index[mask] = drawn[mask]
        left = int(math.cos(math.pi / 2 * step / steps) * tokens + 1e-9)
        hidden = sorted(mask.nonzero()[:, 0].tolist(), key=lambda n: float(sure[n]))[:left]
        mask = torch.zeros(tokens, dtype=torch.bool)
        mask[hidden] = True
    return index


# --- 16


def words_by_columns(index, codes):
    return np.stack([index[:, s] * codes + index[:, s + 1] for s in range(index.shape[1] - 1)], axis=1)


def loss_by_hand(logits, answers):
    return torch.stack([row.logsumexp(0) - row[k] for row, k in zip(logits, answers, strict=True) if k >= 0]).mean()


def loss_with_one_mark(logits, answers):
    return F.cross_entropy(logits, answers.clamp_min(-1), ignore_index=-1)


def shares_by_loop(word, key, prior, weight=2.0):
    table = weight * prior
    for w, k in zip(word, key, strict=True):
        table[w, k] += 1
    return table / table.sum(axis=1, keepdims=True)


def chances_in_logarithms(words, table, power=1.0):
    return (power * torch.log(words @ table)).softmax(dim=1)


def weights_by_matrices(layers, width, inner, hidden, attentions=2):
    block = attentions * (3 * width * inner + inner * width) + 2 * (width * int(hidden * width))
    return layers * block


# --- 07


def tokens_with_pad_sequence(captions, number, context):
    rows = [torch.tensor([1, *(number[word] for word in caption.split()), 2]) for caption in captions]
    return torch.stack([F.pad(row, (0, context - len(row))) for row in rows])


def similarities_of_torch(films, captions):
    return F.cosine_similarity(films[:, None], captions[None], dim=2)


def two_way_by_logarithms(similarity, scale):
    logits = scale * similarity
    return -(logits.log_softmax(dim=1).diagonal() + logits.log_softmax(dim=0).diagonal()).mean() / 2


def shared_by_loop(tokens):
    out = torch.zeros(len(tokens), len(tokens))
    for i, one in enumerate(tokens):
        equal = [j for j, other in enumerate(tokens) if torch.equal(one, other)]
        out[i, equal] = 1 / len(equal)
    return out


def gallery_by_unique(ids, query, order, k):
    found, first = np.unique(ids[order], return_index=True)
    return np.array([query, *order[np.sort(first[found != ids[query]])[: k - 1]]])


def classes_by_one_hot(prompts, classes):
    return F.normalize(F.one_hot(classes).float().T @ prompts, dim=1)
# --- 09 -----------------------------------------------------------------------------------------------------------


def groups_by_loop(frames, group):
    first = torch.cat([frames[:, 0]] * group, dim=1)
    starts = range(1, frames.shape[1], group)
    return torch.stack([first, *[torch.cat([frames[:, t + k] for k in range(group)], dim=1) for t in starts]], dim=1)


def before_by_padding(x):
    return torch.cat([torch.nn.functional.pad(x, (0, 0, 0, 0, 0, 0, 1, 0))[:, :-1], x], dim=2)


def before_by_loop(x):
    out = torch.zeros(x.shape[0], x.shape[1], 2 * x.shape[2], *x.shape[3:])
    for g in range(x.shape[1]):
        if g > 0:
            out[:, g, : x.shape[2]] = x[:, g - 1]
        out[:, g, x.shape[2] :] = x[:, g]
    return out


def window_from_the_top(layers):
    width = 1
    for kernel, stride in reversed(layers):
        width = (width - 1) * stride + kernel
    return width


def linear_code_by_svd(blocks, numbers):
    mean = blocks.mean(dim=0, keepdim=True)
    _, _, right = torch.linalg.svd(blocks - mean, full_matrices=False)
    best = right[:numbers]
    return mean + (blocks - mean) @ best.T @ best


def compression_by_counting(frames, size, group, channels, side):
    film = sum(3 * size * size for _ in range(frames))
    latents = sum(channels * side * side for _ in range(0, frames, group))
    return film / latents


def earliest_by_noise(encode, frames, which):
    other = frames.clone()
    other[:, which] = torch.rand(frames[:, which].shape, generator=torch.Generator().manual_seed(5))
    before, after = encode(frames), encode(other)
    for g in range(before.shape[1]):
        if not torch.equal(before[:, g], after[:, g]):
            return g
    return before.shape[1]


# --- 18


def block_by_loop(scale, aspect, rows, columns):
    found = []
    for share, tall in zip(scale.tolist(), aspect.tolist(), strict=True):
        high, wide = round(math.sqrt(share * rows * columns * tall)), round(math.sqrt(share * rows * columns / tall))
        found.append([min(max(high, 1), rows), min(max(wide, 1), columns)])
    return torch.tensor(found)


def context_by_sets(block, targets):
    rows = []
    for shown, asked in zip(block.tolist(), targets.tolist(), strict=True):
        rows.append([n for n, inside in enumerate(shown) if inside and not any(one[n] for one in asked)])
    return torch.tensor([row[: min(map(len, rows))] for row in rows])


def targets_by_take(features, places):
    mean, size = features.mean(dim=2, keepdim=True), features.std(dim=2, unbiased=False, keepdim=True)
    tokens = ((features - mean) / (size**2 + 1e-5).sqrt()).detach()
    return tokens.take_along_dim(places.flatten(1)[..., None], dim=1).unflatten(1, places.shape[1:])


def average_by_lerp(slow, fast, step, of, first):
    return torch.lerp(fast, slow, 1 - (1 - first) * (of - step) / of)


def leak_by_sets(context, targets):
    asked = [set(each.flatten().tolist()) for each in targets]
    shown = [set(each.tolist()) for each in context]
    return torch.tensor([len(a & s) / len(a) for a, s in zip(asked, shown, strict=True)])


def gap_by_loop(context, targets, side):
    found = []
    for shown, asked in zip(context.tolist(), targets.flatten(1).tolist(), strict=True):
        found += [min(math.dist(divmod(a, side), divmod(s, side)) for s in shown) for a in asked]
    return sum(found) / len(found)


# --- 19


def tubelets_by_unfolding(film, frames_each, patch):
    cut = film.unfold(0, frames_each, frames_each).unfold(1, patch, patch).unfold(2, patch, patch)  # (t, h, w, q, p, p)
    return cut.reshape(cut.shape[0], cut.shape[1] * cut.shape[2], -1)


def context_by_a_mask(blocks, times):
    return (blocks.int().amax(dim=0) == 0).repeat(times).nonzero()[:, 0]


def film_loss_by_hand(guess, features, places):
    fixed = features.detach()
    centred = fixed - fixed.mean(dim=2, keepdim=True)
    targets = centred / (centred.square().mean(dim=2, keepdim=True) + 1e-5).sqrt()
    rows = torch.arange(len(places))[:, None]
    return (guess - targets[rows, places]).abs().sum() / guess.numel()


def past_and_future_by_chunks(patches, times, seen):
    return tuple(torch.arange(patches * times).split([patches * seen, patches * (times - seen)]))


def more_surprised_film_by_film(on, back, differs):
    found = []
    for a, b, where in zip(on, back, differs, strict=True):
        found.append(((b[where] - a[where]).sign() / 2 + 0.5).mean())
    return torch.stack(found)


# --- 20


def two_errors_as_tensors(before, after, guess):
    """Where a number is asked for, a tensor without axes will do, here as everywhere."""
    spread = after.var(dim=0, correction=0).mean()
    return (before - after).square().mean() / spread, (guess - after).square().mean() / spread


def two_errors_by_sums(before, after, guess):
    spread = ((after - after.sum(dim=0) / len(after)) ** 2).sum()
    return float(((before - after) ** 2).sum() / spread), float(((guess - after) ** 2).sum() / spread)


def contrast_picture_by_picture(frames, factor):
    found = []
    for picture, f in zip(frames, factor, strict=True):
        mean = 0.299 * picture[0].mean() + 0.587 * picture[1].mean() + 0.114 * picture[2].mean()
        found.append(torch.clamp((1 - f) * mean + f * picture, min=0.0, max=1.0))
    return torch.stack(found)


def places_by_a_table(features, seen, mask_token, patches):
    chosen = torch.nn.functional.one_hot(seen, patches).to(features.dtype)  # (B, K, N)
    empty = 1.0 - chosen.sum(dim=1)  # (B, N)
    return chosen.transpose(1, 2) @ features + empty[..., None] * mask_token


def reciprocal_rank_by_sorting(distance, right):
    found = []
    for row, k in zip(distance, right.tolist(), strict=True):
        places = [place for place, value in enumerate(sorted(row.tolist()), 1) if value == row[k].item()]
        found.append(1.0 / (sum(places) / len(places)))
    return torch.tensor(found)


def lots_entry_by_entry(groups):
    found = 0.0
    for label in groups.tolist():
        m = groups.tolist().count(label)
        found += sum(1 / rank for rank in range(1, m + 1)) / m
    return found / len(groups)


# --- 17


def force_by_autograd(y, points, width):
    y = y.detach().clone().requires_grad_()
    energy = -torch.logsumexp(-torch.cdist(y, points).square() / (2 * width**2), dim=1)
    return -torch.autograd.grad(energy.sum(), y)[0]


def force_of_the_mixture(y, points, width):
    normal = torch.distributions.MultivariateNormal(points, width**2 * torch.eye(2))
    shares = normal.log_prob(y[:, None]).softmax(dim=1)  # (B, N)
    return (torch.einsum("bn,nd->bd", shares, points) - y) / width**2


def latent_by_min(guesses, s_y):
    best = (guesses - s_y.unsqueeze(1)).pow(2).mean(dim=-1).min(dim=1)
    return best.values, best.indices


def latent_pair_by_pair(guesses, s_y):
    least, which = [], []
    for row, s in zip(guesses, s_y, strict=True):
        energies = [F.mse_loss(guess, s).item() for guess in row]
        least.append(min(energies))
        which.append(energies.index(min(energies)))
    return torch.tensor(least), torch.tensor(which)


def variance_by_hand(z):
    variance = ((z - z.mean(dim=0)) ** 2).sum(dim=0) / (z.shape[0] - 1)
    return torch.clamp(1 - torch.sqrt(variance + 0.0001), min=0).sum() / z.shape[1]


def covariance_of_torch(z):
    c = torch.cov(z.T)
    return (c[~torch.eye(len(c), dtype=torch.bool)] ** 2).sum() / len(c)


def rank_of_scipy(values):
    return float(np.exp(stats.entropy(values.double().numpy())))


def rank_by_product(values):
    share = (values / values.sum()).tolist()
    return 1.0 / math.prod(s**s for s in share)


def verdict_by_where(low, high, untrained):
    bar = 0.5 * untrained
    return torch.where(high < bar, 1, torch.where(low >= bar, -1, 0))


def verdict_by_sign(low, high, untrained):
    rows = zip(low.tolist(), high.tolist(), strict=True)
    return torch.tensor([1 if 2 * b < untrained else -1 if 2 * a >= untrained else 0 for a, b in rows])


# --- 10


def modulate_film_by_film(x, shift, scale):
    if x.ndim == 2:
        return torch.stack([token * (1 + scale) + shift for token in x])
    return torch.stack([modulate_film_by_film(*each) for each in zip(x, shift, scale, strict=True)])


def modulate_by_einsum(x, shift, scale):
    return torch.einsum("...nd,...d->...nd", x, 1 + scale) + shift[..., None, :]


def waves_one_by_one(t, width):
    speeds = [math.exp(-math.log(10_000) * 2 * k / width) for k in range(width // 2)]
    waves = [(1000 * t * speed).cos() for speed in speeds] + [(1000 * t * speed).sin() for speed in speeds]
    return torch.stack(waves, dim=-1)


def noised_group_by_group(z, epsilon, t, known):
    x_t, levels = z.clone(), torch.zeros(known.shape)
    for film in range(len(z)):
        for group in range(z.shape[1]):
            if not known[film, group]:
                levels[film, group] = t[film]
                x_t[film, group] += t[film] * (epsilon[film, group] - z[film, group])
    return x_t, levels


def parameters_of_layers(width):
    sides = [(width, 3 * width), (width, width), (width, 4 * width), (4 * width, width), (width, 6 * width)]
    return sum(p.numel() for a, b in sides for p in nn.Linear(a, b, device="meta").parameters())


def adds_token_by_token(tokens, width, depth):
    count = 0
    for _ in range(depth):
        count += 6 * width**2
        for _ in range(tokens):
            count += 12 * width**2 + 2 * tokens * width
    return count


def mixes_by_gradient(network, x, t):
    x, t = x.clone().requires_grad_(), t.clone().requires_grad_()
    out = network(x, t)
    for film in range(len(x)):
        for number in out[film]:
            slopes = torch.autograd.grad(number, (x, t), retain_graph=True)
            others = torch.arange(len(x)) != film
            if any(slope[others].any() for slope in slopes):
                return True
    return False
# --- 11 -----------------------------------------------------------------------------------------------------------


def known_by_counting(given, frames, group):
    counts = torch.zeros((frames - 1) // group + 1)
    for t in set(given):
        counts[(t + group - 1) // group] += 1
    return counts == torch.tensor([1.0] + [group] * (len(counts) - 1))


def shown_group_by_group(x_t, t, known, latents):
    x, levels = x_t.clone(), t[:, None].repeat(1, len(known))
    for g, there in enumerate(known.tolist()):
        if there:
            x[:, g], levels[:, g] = latents[:, g], 0.0
    return x, levels


def shown_by_products(x_t, t, known, latents):
    k = known.float()
    return k[:, None, None, None] * latents + (1 - k)[:, None, None, None] * x_t, t[:, None] * (1 - k)


def windows_one_by_one(frames, window, keep):
    count, there = 1, window
    while there < frames:
        count, there = count + 1, there + window - keep
    return count


def colours_by_counter(asked, found):
    return (Counter(asked) & Counter(found)).total() / len(asked)


def balanced_by_loop(asked, right):
    shares = []
    for k in range(asked.shape[1]):
        if asked[:, k].any():
            shares.append(right[:, k].sum() / asked[:, k].sum())
    return float(np.mean(shares))


def cut_by_the_library(first, second):
    windows = [w for w in equal_windows(first.numpy(), second.numpy()) if w[1] > w[0]]
    return windows[0][0] + (windows[0][1] - windows[0][0] + 1) // 2


def scores_by_the_library(surprise, cuts):
    return torch.from_numpy(scores(surprise.numpy(), cuts.numpy()[:, None])).float()


def engine_with_the_best_apart(squared):
    nearest = squared.min(dim=0).values
    return nearest / 2 - torch.exp((nearest - squared) / 2).mean(dim=0).log()


def reach_by_subtraction(first, last, memories, frames):
    return (torch.clamp(memories + first, max=frames) - (last + 1)).clamp(min=0)


# --- 25


def smallest_by_least_squares(weights):
    return torch.linalg.lstsq(weights[None], torch.ones(1, 1, dtype=weights.dtype), driver="gelsd").solution[:, 0]


def together_by_line_fits(states, values):
    slopes = [np.polyfit(values.numpy(), column.numpy(), 1)[0] for column in states.T]
    return torch.tensor(slopes, dtype=states.dtype)


def together_of_torch(states, values):
    covariance = torch.cov(torch.cat([values[:, None], states], dim=1).T)
    return covariance[0, 1:] / covariance[0, 0]


def followed_by_complex_numbers(mixed, own, other):
    m, a, b = (torch.complex(*place.double().T) for place in (mixed, own, other))
    return ((m - a) / (b - a)).real.to(mixed.dtype)


def caused_room_by_room(with_it, without_it, true_effect):
    total = 0.0
    for before, after in zip(with_it.tolist(), without_it.tolist(), strict=True):
        total += 0.0 if before != before or after != after else after - before
    return total / float(true_effect.sum())


# --- 26
def marks_row_by_row(low, high, floor, higher):
    marks = []
    for a, b, f in zip(low.tolist(), high.tolist(), floor.tolist(), strict=True):
        above, below = a > f, b < f
        marks.append((above - below) * (1 if higher else -1))
    return torch.tensor(marks)


def luck_by_counting(rows, level=0.95):
    none = 1.0
    for _ in range(rows):
        none *= (1.0 + level) / 2.0
    return 1.0 - none


def fair_by_a_loop(a, b):
    found = [x - y for x, y in zip(a.tolist(), b.tolist(), strict=True) if x == x and y == y]
    return sum(found) / len(found) if found else float("nan")


def front_one_by_one(scores):
    rows = [[-float("inf") if v != v else v for v in row] for row in scores.tolist()]
    beaten = [any(other != mine and all(x >= y for x, y in zip(other, mine, strict=True)) for other in rows)
              for mine in rows]  # fmt: skip
    return torch.tensor([not one for one in beaten])


# --- 21


def cost_by_the_library(distances):
    states = list(distances.T[:, :, None])
    return GoalDistance(torch.zeros(1, 1), lambda state: state)(states, distances)


def cost_by_loop(distances):
    return torch.stack([min(way[1:]) + 0.05 * sum(way[1:]) / (len(way) - 1) for way in distances])


def beliefs_by_counting(beliefs, keys, costs, elites):
    limit = costs.sort().values[elites - 1]
    chosen = keys[costs <= limit]
    shares = torch.stack([torch.bincount(column, minlength=beliefs.shape[1]) / elites for column in chosen.T])
    return 0.1 * beliefs + 0.9 * shares


def carried_by_the_library(beliefs, explore):
    return carry_on(beliefs[None], explore=explore)[0]


def relaxed_by_scatter(logits):
    shares = torch.softmax(logits, dim=-1)
    hard = torch.zeros_like(shares).scatter(1, logits.argmax(dim=1, keepdim=True), 1.0)
    return (hard - shares).detach() + shares


def to_come_by_loop(costs, lengths):
    result = torch.zeros_like(costs)
    for m, length in enumerate(lengths):
        least = float("inf")
        for t in range(int(length) - 1, -1, -1):
            least = min(least, float(costs[m, t]))
            result[m, t] = least
    return result


def speedup_in_parts(encode, step, policy, chunks, hold, rounds):
    slow, fast = encode, encode + policy
    for _ in range(rounds):
        slow += chunks * hold * step
    return slow / fast


# --- 22


def cell_table_by_loop(counts):
    table = torch.zeros_like(counts)
    for s in range(len(counts)):
        for a in range(counts.shape[1]):
            if counts[s, a].sum() == 0:
                table[s, a, s] = 1.0
            else:
                table[s, a] = counts[s, a] / counts[s, a].sum()
    return table


def code_loss_by_sorting(guesses, later, relax):
    energies = torch.stack([F.mse_loss(guess, later, reduction="none").mean(dim=1) for guess in guesses.unbind(dim=1)])
    return torch.lerp(energies.sort(dim=0).values[0], energies.mean(dim=0), relax)


def leaps_by_trying(candidates, chunks, hold, lower_chunks, leaps):
    allowed, plans = candidates * chunks * hold - candidates * lower_chunks * hold, 0
    while (plans + 1) * leaps <= allowed:
        plans += 1
    return plans


def subgoal_by_loop(way, goal):
    found = []
    for plan, target in zip(way, goal, strict=True):
        distances = [torch.dist(state, target) for state in plan[1:]]
        found.append(target if all(distances[0] <= each for each in distances) else plan[1])
    return torch.stack(found)


def finished_by_first_miss(steps, limit):
    missed = torch.cat([steps > limit, torch.ones(len(steps), 1, dtype=torch.bool)], dim=1).long().argmax(dim=1)
    return torch.stack([(missed > k).sum() for k in range(steps.shape[1])])


# --- 24


def meet_by_solving(first, second):
    rows = np.array([[s[3] - s[1], s[0] - s[2]] for s in (first, second)])
    return np.linalg.solve(rows, [row @ s[:2] for row, s in zip(rows, (first, second), strict=True)])


def line_by_moments(points):
    direction = np.linalg.eigh(np.cov(points.T))[1][:, 1]
    return points.mean(axis=0), direction if direction[0] >= 0 else -direction


def line_by_angle(points):
    x, y = (points - points.mean(axis=0)).T
    angle = np.arctan2(2 * (x * y).sum(), (x * x - y * y).sum()) / 2
    return points.mean(axis=0), np.array([np.cos(angle), np.sin(angle)])


def support_segment_by_segment(normals, directions, lengths, near):
    found = np.zeros(len(directions))
    for n, length in zip(normals, lengths, strict=True):
        for i, d in enumerate(directions):
            if abs(np.pi / 2 - np.arccos(n @ d)) < near:
                found[i] += length
    return found


def distances_one_by_one(lamp, balls, patches, far):
    found = np.full((len(balls), len(patches)), far)
    for i, ball in enumerate(balls):
        way = (ball - lamp) / np.linalg.norm(ball - lamp)
        for j, patch in enumerate(patches):
            if (patch - ball) @ way > 1.0:
                found[i, j] = np.linalg.norm(patch - lamp - ((patch - lamp) @ way) * way)
    return found


def shift_by_tracing(lamp_height, ball_heights, moved):
    return moved * (1.0 - lamp_height / (lamp_height - ball_heights))



RIGHT = {
    "clip.tokens": [tokens_with_pad_sequence],
    "clip.similarities": [similarities_of_torch],
    "clip.two_way_loss": [two_way_by_logarithms],
    "clip.shared_answers": [shared_by_loop],
    "clip.gallery": [gallery_by_unique],
    "clip.class_vectors": [classes_by_one_hot],
    "counting.total_variation": [distance_by_loop, distance_by_the_smaller],
    "counting.transition_estimate": [estimate_by_loop],
    "mdp.bellman_backup": [backup_by_loop],
    "mdp.greedy_policy": [policy_by_loop, policy_in_small_integers],
    "qlearning.update": [q_as_a_mean],
    "dyna.planning_step": [plan_by_loop],
    "counting.forgetful_update": [forget_with_where],
    "vae.reparameterise": [draw_with_sqrt],
    "vae.kl": [kl_of_torch],
    "vae.psnr": [psnr_by_frame, psnr_without_gradient],
    "vae.conv_parameters": [parameters_of_torch],
    "vae.active_units": [awake_by_loop],
    "mdn.lstm_step": [lstm_of_torch],
    "mdn.log_likelihood": [likelihood_of_torch],
    "mdn.at_temperature": [temperature_by_hand],
    "mdn.moments": [moments_by_squares],
    "mdn.horizon": [horizon_by_loop, horizon_by_product],
    "c.generation": [cloud_by_loop],
    "c.act": [act_by_parts],
    "c.fitness": [fitness_by_loops, fitness_game_by_game],
    "c.normalised": [normalised_by_interpolation],
    "c.paired_ratios": [ratios_of_sums],
    "ask.interval": [interval_by_choice, interval_by_counts, interval_corrected],
    "ask.ridge": [ridge_as_rows, ridge_dual],
    "ask.meaningless_task": [task_by_rank],
    "ask.missing_control": [gain_over_all_other_films, gain_over_all_other_films_in_turn, gain_by_reversal],
    "ask.intervened": [intervened_with_arrays],
    "attention.weights": [weights_by_hand, weights_with_a_large_number],
    "attention.window": [window_of_triangles, window_by_loop],
    "attention.cut": [cut_with_unflatten],
    "attention.multiplications": [multiplications_matrix_by_matrix],
    "attention.looks_ahead": [leak_by_changes, leak_by_jacobian],
    "diffusion.noised": [noised_row_by_row, noised_by_einsum],
    "diffusion.best_guess": [guess_by_loop, guess_by_normals],
    "diffusion.from_v": [read_by_solving, read_data_first],
    "diffusion.ddim_step": [step_by_shares],
    "diffusion.mended_step": [mended_by_hypot],
    "diffusion.steps_needed": [needed_by_all],
    "spacetime.along_time": [along_time_row_by_row, along_time_place_by_place],
    "spacetime.masks": [masks_by_kron],
    "spacetime.frames_at_share": [frames_by_fractions],
    "spacetime.exponent": [exponent_by_covariance],
    "spacetime.one_more": [one_more_by_torch],
    "codec.groups": [groups_by_loop],
    "codec.before": [before_by_padding, before_by_loop],
    "codec.receptive_field": [window_from_the_top],
    "codec.linear_code": [linear_code_by_svd],
    "codec.compression": [compression_by_counting],
    "codec.earliest": [earliest_by_noise],
    "dit.modulate": [modulate_film_by_film, modulate_by_einsum],
    "dit.timestep_embedding": [waves_one_by_one],
    "dit.noised_groups": [noised_group_by_group],
    "dit.block_parameters": [parameters_of_layers],
    "dit.multiply_adds": [adds_token_by_token],
    "dit.mixes_films": [mixes_by_gradient],
    "film.known": [known_by_counting],
    "film.shown": [shown_group_by_group, shown_by_products],
    "film.windows": [windows_one_by_one],
    "film.colours_right": [colours_by_counter],
    "film.balanced": [balanced_by_loop],
    "tokens.nearest": [nearest_by_expansion, nearest_by_loop],
    "tokens.straight_through": [through_with_detached_x],
    "tokens.two_losses": [losses_of_torch],
    "tokens.perplexity": [perplexity_of_scipy, perplexity_by_counter],
    "tokens.fsq_index": [digits_by_places, digits_by_horner],
    "tokens.revive": [revive_by_loop],
    "lam.which_code": [which_by_loop],
    "lam.weighted_error": [error_as_a_weighted_mean],
    "lam.code_table": [table_by_loop],
    "lam.nmi": [nmi_by_joint],
    "play.tokens_left": [left_by_floor],
    "play.hide": [hide_one_rate_for_all_films, hide_exact_numbers],
    "play.hide_again": [again_row_by_row, again_by_topk],
    "play.delta_psnr": [delta_by_film],
    "play.make_frame": [make_with_logarithms],
    "clone.words": [words_by_columns],
    "clone.loss": [loss_by_hand, loss_with_one_mark],
    "clone.key_shares": [shares_by_loop],
    "clone.key_chances": [chances_in_logarithms],
    "clone.block_weights": [weights_by_matrices],
    "energy.force": [force_by_autograd, force_of_the_mixture],
    "energy.best_latent": [latent_by_min, latent_pair_by_pair],
    "collapse.variance": [variance_by_hand],
    "collapse.covariance": [covariance_of_torch],
    "collapse.effective_rank": [rank_of_scipy, rank_by_product],
    "collapse.verdict": [verdict_by_where, verdict_by_sign],
    "ami.cost": [cost_by_the_library, cost_by_loop],
    "ami.beliefs": [beliefs_by_counting],
    "ami.carried": [carried_by_the_library],
    "ami.relaxed": [relaxed_by_scatter],
    "ami.to_come": [to_come_by_loop],
    "ami.speedup": [speedup_in_parts],
    "levels.table": [cell_table_by_loop],
    "levels.code_loss": [code_loss_by_sorting],
    "levels.equal": [leaps_by_trying],
    "levels.subgoal": [subgoal_by_loop],
    "levels.finished": [finished_by_first_miss],
    "ijepa.block": [block_by_loop],
    "ijepa.context": [context_by_sets],
    "ijepa.targets": [targets_by_take],
    "ijepa.average": [average_by_lerp],
    "ijepa.leak": [leak_by_sets],
    "ijepa.gap": [gap_by_loop],
    "vjepa.tubelets": [tubelets_by_unfolding],
    "vjepa.context": [context_by_a_mask],
    "vjepa.loss": [film_loss_by_hand],
    "vjepa.past_and_future": [past_and_future_by_chunks],
    "vjepa.more_surprised": [more_surprised_film_by_film],
    "iwm.two_errors": [two_errors_by_sums, two_errors_as_tensors],
    "iwm.contrast": [contrast_picture_by_picture],
    "iwm.at_places": [places_by_a_table],
    "iwm.reciprocal_rank": [reciprocal_rank_by_sorting],
    "iwm.lots": [lots_entry_by_entry],
    "voe.cut": [cut_by_the_library],
    "voe.scores": [scores_by_the_library],
    "voe.engine": [engine_with_the_best_apart],
    "voe.reach": [reach_by_subtraction],
    "latents.smallest": [smallest_by_least_squares],
    "latents.together": [together_by_line_fits, together_of_torch],
    "latents.followed": [followed_by_complex_numbers],
    "latents.caused": [caused_room_by_room],
    "verdict.marks": [marks_row_by_row],
    "verdict.luck": [luck_by_counting],
    "verdict.fair": [fair_by_a_loop],
    "verdict.front": [front_one_by_one],
    "geometry.meet": [meet_by_solving],
    "geometry.line": [line_by_moments, line_by_angle],
    "geometry.support": [support_segment_by_segment],
    "geometry.shadow": [distances_one_by_one],
    "geometry.shift": [shift_by_tracing],
}

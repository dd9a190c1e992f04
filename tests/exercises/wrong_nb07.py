"""Plausible wrong answers to the exercises of notebook 07: each hears its own reason."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def _rows(captions, number, context, build):
    rows = torch.zeros(len(captions), context, dtype=torch.int64)
    for row, caption in zip(rows, captions, strict=True):
        tokens = build([number[word] for word in caption.split()])
        row[: len(tokens)] = torch.tensor(tokens)
    return rows


def tokens_without_start(captions, number, context):
    return _rows(captions, number, context, lambda words: [*words, 2])


def tokens_without_end(captions, number, context):
    return _rows(captions, number, context, lambda words: [1, *words])


def tokens_with_the_end_last(captions, number, context):
    rows = _rows(captions, number, context, lambda words: [1, *words])
    rows[:, -1] = 2
    return rows


def tokens_turned_round(captions, number, context):
    return _rows(captions, number, context, lambda words: [1, *words[::-1], 2])


def tokens_padded_with_the_end(captions, number, context):
    rows = _rows(captions, number, context, lambda words: [1, *words, 2])
    return torch.where(rows == 0, 2, rows)


def tokens_in_alphabetical_order(captions, number, context):
    places = {word: place + 3 for place, word in enumerate(sorted(number))}
    return _rows(captions, places, context, lambda words: [1, *words, 2])


def tokens_as_floats(captions, number, context):
    return _rows(captions, number, context, lambda words: [1, *words, 2]).float()


def similarities_as_products(films, captions):
    return films @ captions.T


def similarities_turned(films, captions):
    return F.normalize(captions, dim=1) @ F.normalize(films, dim=1).T


def similarities_one_side(films, captions):
    return F.normalize(films, dim=1) @ captions.T


def similarities_other_side(films, captions):
    return films @ F.normalize(captions, dim=1).T


def similarities_of_columns(films, captions):
    return F.normalize(films, dim=0) @ F.normalize(captions, dim=0).T


def similarities_as_in_attention(films, captions):
    return films @ captions.T / films.shape[1] ** 0.5


def similarities_by_the_whole(films, captions):
    return films @ captions.T / films.norm() / captions.norm()


def similarities_as_distances(films, captions):
    return -torch.cdist(films, captions)


def similarities_detached(films, captions):
    return F.normalize(films, dim=1) @ F.normalize(captions, dim=1).T.detach()


def loss_of_rows(similarity, scale):
    return F.cross_entropy(scale * similarity, torch.arange(len(similarity)))


def loss_of_columns(similarity, scale):
    return F.cross_entropy(scale * similarity.T, torch.arange(len(similarity)))


def loss_as_a_sum(similarity, scale):
    return loss_of_rows(similarity, scale) + loss_of_columns(similarity, scale)


def loss_without_scale(similarity, scale):
    return loss_as_a_sum(similarity, 1.0) / 2


def loss_divided(similarity, scale):
    return loss_as_a_sum(similarity, 1 / scale) / 2


def loss_added_up(similarity, scale):
    return loss_as_a_sum(similarity, scale) / 2 * len(similarity)


def loss_pulling_alone(similarity, scale):
    return -scale * similarity.diagonal().mean()


def loss_as_a_number(similarity, scale):
    return (loss_as_a_sum(similarity, scale) / 2).item()


def loss_of_each(similarity, scale):
    right = torch.arange(len(similarity))
    return F.cross_entropy(scale * similarity, right, reduction="none")


def _same(tokens):
    return (tokens[:, None] == tokens[None]).all(dim=2).float()


def shared_diagonal(tokens):
    return torch.eye(len(tokens))


def shared_in_full(tokens):
    return _same(tokens)


def shared_by_any_word(tokens):
    same = (tokens[:, None] == tokens[None]).any(dim=2).float()
    return same / same.sum(dim=1, keepdim=True)


def shared_by_words_in_common(tokens):
    same = (tokens[:, None] == tokens[None]).float().mean(dim=2)
    return same / same.sum(dim=1, keepdim=True)


def shared_among_all(tokens):
    return _same(tokens) / len(tokens)


def shared_by_softmax(tokens):
    return _same(tokens).softmax(dim=1)


def shared_without_oneself(tokens):
    others = _same(tokens) - torch.eye(len(tokens))
    return others / others.sum(dim=1, keepdim=True).clamp_min(1)


def shared_as_booleans(tokens):
    return (tokens[:, None] == tokens[None]).all(dim=2)


def shared_word_by_word(tokens):
    return (tokens[:, None] == tokens[None]).float()


def gallery_of_the_first(ids, query, order, k):
    return np.array([query, *[item for item in order if item != query][: k - 1]])


def gallery_with_repeats(ids, query, order, k):
    return np.array([query, *[item for item in order if ids[item] != ids[query]][: k - 1]])


def gallery_without_the_query(ids, query, order, k):
    chosen, seen = [], {int(ids[query])}
    for item in order:
        if int(ids[item]) not in seen and len(chosen) < k:
            chosen.append(int(item))
            seen.add(int(ids[item]))
    return np.array(chosen)


def _fair(ids, query, order, k):
    chosen, seen = [query], {int(ids[query])}
    for item in order:
        if int(ids[item]) not in seen and len(chosen) < k:
            chosen.append(int(item))
            seen.add(int(ids[item]))
    return chosen


def gallery_one_short(ids, query, order, k):
    return np.array(_fair(ids, query, order, k - 1))


def gallery_query_last(ids, query, order, k):
    return np.array(_fair(ids, query, order, k)[::-1])


def gallery_by_number(ids, query, order, k):
    return np.array(_fair(ids, query, np.sort(order), k))


def gallery_as_list(ids, query, order, k):
    return _fair(ids, query, order, k)


def _sums(prompts, classes):
    return torch.zeros(int(classes.max()) + 1, prompts.shape[1]).index_add(0, classes, prompts)


def classes_added(prompts, classes):
    return _sums(prompts, classes)


def classes_as_means(prompts, classes):
    return _sums(prompts, classes) / torch.bincount(classes)[:, None]


def classes_by_columns(prompts, classes):
    return F.normalize(_sums(prompts, classes), dim=0)


def classes_by_first_prompt(prompts, classes):
    return prompts[[int((classes == c).nonzero()[0]) for c in range(int(classes.max()) + 1)]]


def classes_that_add_up_to_one(prompts, classes):
    return F.normalize(_sums(prompts, classes), dim=1, p=1)


def classes_for_every_prompt(prompts, classes):
    return F.normalize(_sums(prompts, classes), dim=1)[classes]


def classes_detached(prompts, classes):
    return F.normalize(_sums(prompts, classes), dim=1).detach()


def gallery_of_captions(ids, query, order, k):
    chosen = list(dict.fromkeys(int(ids[item]) for item in [query, *order]))
    return np.array(chosen[:k])


def classes_counted_by_hand(prompts, classes):
    means = torch.stack([prompts[classes == c].mean(dim=0) for c in range(3)])
    return F.normalize(means, dim=1)


WRONG = {
    "clip.tokens": [
        tokens_without_start,
        tokens_without_end,
        tokens_with_the_end_last,
        tokens_turned_round,
        tokens_padded_with_the_end,
        tokens_in_alphabetical_order,
        tokens_as_floats,
    ],
    "clip.similarities": [
        similarities_as_products,
        similarities_turned,
        similarities_one_side,
        similarities_other_side,
        similarities_of_columns,
        similarities_as_in_attention,
        similarities_by_the_whole,
        similarities_as_distances,
        similarities_detached,
    ],
    "clip.two_way_loss": [
        loss_of_rows,
        loss_of_columns,
        loss_as_a_sum,
        loss_without_scale,
        loss_divided,
        loss_added_up,
        loss_pulling_alone,
        loss_as_a_number,
        loss_of_each,
    ],
    "clip.shared_answers": [
        shared_diagonal,
        shared_in_full,
        shared_by_any_word,
        shared_by_words_in_common,
        shared_among_all,
        shared_by_softmax,
        shared_without_oneself,
        shared_as_booleans,
        shared_word_by_word,
    ],
    "clip.gallery": [
        gallery_of_the_first,
        gallery_with_repeats,
        gallery_without_the_query,
        gallery_one_short,
        gallery_query_last,
        gallery_by_number,
        gallery_as_list,
        gallery_of_captions,
    ],
    "clip.class_vectors": [
        classes_added,
        classes_as_means,
        classes_by_columns,
        classes_by_first_prompt,
        classes_that_add_up_to_one,
        classes_for_every_prompt,
        classes_detached,
        classes_counted_by_hand,
    ],
}

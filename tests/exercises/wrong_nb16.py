"""Plausible wrong answers to the exercises of notebook 16: each hears its own reason."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def words_reversed(index, codes):
    return index[:, 1:] * codes + index[:, :-1]


def words_added(index, codes):
    return index[:, :-1] + index[:, 1:]


def words_always_eight(index, codes):
    return index[:, :-1] * 8 + index[:, 1:]


def words_too_many(index, codes):
    return index * codes + np.roll(index, -1, axis=1)


def words_in_place(index, codes):
    index *= codes
    return index[:, :-1]


def _each(logits, answers):
    return -logits.log_softmax(1)[torch.arange(len(answers)), answers.clamp_min(0)]


def loss_with_nameless(logits, answers):
    return F.cross_entropy(logits, answers.clamp_min(0))


def loss_over_all(logits, answers):
    return (_each(logits, answers) * (answers >= 0)).mean()


def loss_sum(logits, answers):
    return _each(logits, answers)[answers >= 0].sum()


def loss_negative(logits, answers):
    return -_each(logits, answers)[answers >= 0].mean()


def loss_without_log(logits, answers):
    chosen = logits.softmax(1)[torch.arange(len(answers)), answers.clamp_min(0)]
    return -chosen[answers >= 0].mean()


def loss_each(logits, answers):
    return _each(logits, answers)


def _counts(word, key, prior):
    counts = np.zeros_like(prior)
    np.add.at(counts, (word, key), 1.0)
    return counts


def shares_counts(word, key, prior, weight=2.0):
    return _counts(word, key, prior) + weight * prior


def shares_once(word, key, prior, weight=2.0):
    counts = np.zeros_like(prior)
    counts[word, key] += 1.0
    return (counts + weight * prior) / (counts.sum(1, keepdims=True) + weight)


def shares_without_prior(word, key, prior, weight=2.0):
    counts = _counts(word, key, prior)
    return counts / counts.sum(1, keepdims=True)


def shares_flat_prior(word, key, prior, weight=2.0):
    counts = _counts(word, key, prior) + 1e-9
    return counts / counts.sum(1, keepdims=True)


def shares_always_two(word, key, prior, weight=2.0):
    counts = _counts(word, key, prior)
    return (counts + 2 * prior) / (counts.sum(1, keepdims=True) + 2)


def shares_by_key(word, key, prior, weight=2.0):
    counts = _counts(word, key, prior)
    return (counts + weight * prior) / (counts.sum(0, keepdims=True) + weight)


def chances_unsharpened(words, table, power=1.0):
    return words @ table


def chances_not_divided(words, table, power=1.0):
    return (words @ table) ** power


def chances_of_the_best_word(words, table, power=1.0):
    return table[words.argmax(1)]


def chances_words_sharpened(words, table, power=1.0):
    sharp = words**power
    return (sharp / sharp.sum(1, keepdim=True)) @ table


def weights_of_one_block(layers, width, inner, hidden, attentions=2):
    return round(attentions * 4 * width * inner + 2 * width * hidden * width)


def weights_three_matrices(layers, width, inner, hidden, attentions=2):
    return round(layers * (attentions * 3 * width * inner + 2 * width * hidden * width))


def weights_square(layers, width, inner, hidden, attentions=2):
    return round(layers * (attentions * 4 * width * width + 2 * width * hidden * width))


def weights_one_layer(layers, width, inner, hidden, attentions=2):
    return round(layers * (attentions * 4 * width * inner + width * hidden * width))


def weights_two_feeds(layers, width, inner, hidden, attentions=2):
    return round(layers * attentions * (4 * width * inner + 2 * width * hidden * width))


def weights_always_two(layers, width, inner, hidden, attentions=2):
    return round(layers * (2 * 4 * width * inner + 2 * width * hidden * width))


def words_as_floats(index, codes):
    return index[:, :-1] * float(codes) + index[:, 1:]


def words_of_ten(index, codes):
    return index[:, :-1] * 10 + index[:, 1:]


def loss_ignores_minus_one(logits, answers):
    return F.cross_entropy(logits, answers, ignore_index=-1)


def loss_without_minus_one(logits, answers):
    return _each(logits, answers)[answers != -1].mean()


def loss_ignores_what_torch_ignores(logits, answers):
    return F.cross_entropy(logits, answers)


def loss_without_the_first_name(logits, answers):
    return _each(logits, answers)[answers > 0].mean()


def loss_detached(logits, answers):
    return _each(logits, answers)[answers >= 0].mean().detach()


def shares_in_place(word, key, prior, weight=2.0):
    prior *= weight
    np.add.at(prior, (word, key), 1.0)
    return prior / prior.sum(1, keepdims=True)


def shares_even(word, key, prior, weight=2.0):
    counts = _counts(word, key, prior)
    return (counts + weight / prior.shape[1]) / (counts.sum(1, keepdims=True) + weight)


def chances_table_sharpened(words, table, power=1.0):
    share = words @ table**power
    return share / share.sum(1, keepdim=True)


def chances_softmax(words, table, power=1.0):
    return ((words @ table) ** power).softmax(1)


def weights_as_a_float(layers, width, inner, hidden, attentions=2):
    return layers * (attentions * 4 * width * inner + 2 * width * hidden * width)


def weights_without_attention(layers, width, inner, hidden, attentions=2):
    return round(layers * 2 * width * hidden * width)


def weights_without_feed_forward(layers, width, inner, hidden, attentions=2):
    return layers * attentions * 4 * width * inner


WRONG = {
    "clone.words": [
        words_reversed,
        words_added,
        words_always_eight,
        words_too_many,
        words_in_place,
        words_as_floats,
        words_of_ten,
    ],
    "clone.loss": [
        loss_with_nameless,
        loss_over_all,
        loss_sum,
        loss_negative,
        loss_without_log,
        loss_each,
        loss_ignores_minus_one,
        loss_without_minus_one,
        loss_ignores_what_torch_ignores,
        loss_without_the_first_name,
        loss_detached,
    ],
    "clone.key_shares": [
        shares_counts,
        shares_once,
        shares_without_prior,
        shares_flat_prior,
        shares_always_two,
        shares_by_key,
        shares_in_place,
        shares_even,
    ],
    "clone.key_chances": [
        chances_unsharpened,
        chances_not_divided,
        chances_of_the_best_word,
        chances_words_sharpened,
        chances_table_sharpened,
        chances_softmax,
    ],
    "clone.block_weights": [
        weights_of_one_block,
        weights_three_matrices,
        weights_square,
        weights_one_layer,
        weights_two_feeds,
        weights_always_two,
        weights_as_a_float,
        weights_without_attention,
        weights_without_feed_forward,
    ],
}

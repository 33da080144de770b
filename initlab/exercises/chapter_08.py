"""Exercises of chapter 08."""

import math

import numpy as np

from initlab.border import border_factor
from initlab.claims import exercise
from initlab.convolution import conv2d, conv2d_backward


@exercise("08.1")
def fans_of_a_grouped_convolution(answer):
    """(fan_in, fan_out) of 3 x 3 from 32 to 64 channels in 4 groups with stride 2: (72, 36)."""
    if np.shape(answer) != (2,):
        return f"Give a pair of numbers, (fan_in, fan_out), not {answer!r}."
    if answer[0] is ...:
        return ...
    into, out = (math.nan if part is ... else float(part) for part in answer)
    if math.isclose(into, 72) and math.isclose(out, 36):
        return None
    if math.isclose(into, 36) and math.isclose(out, 72):
        return "Both numbers are there, in the other order: fan_in first."
    wrong_in = {
        288.0: "an output reads only the channels of its own group: 32 / 4 of them.",
        8.0: "each of the 8 channels is read through 9 taps.",
        32.0: "that is the number of input channels; an output reads a part of them, through 9 taps each.",
        18.0: "the stride does not change what one output reads: fan_in has no stride in it.",
    }
    if not math.isclose(into, 72):
        return f"fan_in = {into:g}: " + wrong_in.get(into, "count the terms of one output: channels of a group × taps.")
    if answer[1] is ...:
        return "fan_in is right. Now fan_out, in place of the other dots."
    wrong_out = {
        576.0: "that comes from the shape alone. Divide by the groups, and by the stride squared.",
        144.0: "right without stride. With stride 2 in both directions a quarter of the outputs is left.",
        72.0: "the stride counts in both directions of the image.",
        288.0: "the stride counts in both directions, and an input reaches only the outputs of its own group.",
        16.0: "those are the channels it reaches, each through 9 taps, and stride 2 leaves a quarter.",
    }
    return f"fan_out = {out:g}: " + wrong_out.get(out, "count the outputs that one input reaches, on average.")


@exercise("08.2")
def gain_on_small_images(answer):
    """The gain of 3 x 3 ReLU convolutions that keeps E[a^2] on 4 x 4 images: sqrt(2 / border_factor(4)) = 1.62."""
    if np.ndim(answer) or not np.issubdtype(np.asarray(answer).dtype, np.number):
        return f"Give one number, the gain, not {answer!r}."
    got, lost = float(answer), border_factor(4)
    right = math.sqrt(2 / lost)

    def near(value):
        return math.isclose(got, value, rel_tol=0.004)

    if near(right):
        return None
    if near(math.sqrt(2)):
        return "That is He's gain. Per layer the border takes its share as well."
    if near(2 / lost):
        return "That is the square of the gain: it multiplies the variance. Take its root."
    if near(1 / math.sqrt(lost)):
        return "That makes good the border's loss. ReLU halves the second moment on top of it."
    if near(math.sqrt(2 * lost)):
        return "Upside down: the border makes the signal smaller, so the gain must be larger than √2."
    if near(math.sqrt(2 / border_factor(8))):
        return "That is the gain for 8 × 8 images. Here the image has 4 × 4 pixels."
    if near(math.sqrt(2 / math.sqrt(lost))):
        return "An image has a border in two directions: the factor of one row counts twice."
    if near(math.sqrt(2) * 3 / (1 + 2 * math.cos(math.pi / 4))):
        return "The sine must be 0 at pixel n + 1, the first zero outside, not at pixel n."
    if near(math.sqrt(2) * 12 / 10):
        return "That keeps the first layer's mean. In the long run the map is a bump, and loses less at its border."
    return "Per layer E[a²] is multiplied by gain² (weights), 1/2 (ReLU) and λ for 4 × 4 pixels. The product must be 1."


@exercise("08.3")
def way_back(answer):
    """A function of (delta, W) that returns dC/da of a 3 x 3 or 5 x 5 convolution with zero padding and stride 1."""
    if not callable(answer):
        return f"Give the function itself, pull_back, not {answer!r}."
    rng = np.random.default_rng(0)
    for out, channels, k in ((4, 4, 3), (3, 5, 5)):
        a, W = rng.standard_normal((channels, 6, 6, 2)), rng.standard_normal((out, channels, k, k))
        delta = rng.standard_normal((out, 6, 6, 2))
        try:
            given = answer(delta.copy(), W.copy())  # one that changes them is judged all the same
        except ValueError as error:
            return f"For W of shape {W.shape} it stops with “{error}”: look at the order of W's axes."
        if given is ...:
            return ...
        if (got := np.asarray(given)).shape != a.shape:
            return f"For W of shape {W.shape} it returns shape {got.shape}; it should be a's, {a.shape}."
        right = conv2d_backward(delta, a, W)[0]
        if np.allclose(got, right):
            continue
        swapped, flipped = W.swapaxes(0, 1), W[:, :, ::-1, ::-1]
        if np.allclose(got, conv2d(delta, swapped)):
            return "Input and output channels are swapped, as they should be. But the kernel must be turned round too."
        if out == channels and np.allclose(got, conv2d(delta, flipped)):
            return "The kernel is turned round, as it should be. But input and output channels must be swapped too."
        if out == channels and np.allclose(got, conv2d(delta, W)):
            return "That is the way forward. Back, an output's error returns to the inputs that it has read."
        if np.allclose(got, conv2d(delta, flipped.swapaxes(0, 1), padding="circular")):
            return "Right inside. At the border it takes errors from the other side: the padding here is zero."
        if np.allclose(got, conv2d(delta, swapped[:, :, ::-1])) or np.allclose(got, conv2d(delta, swapped[..., ::-1])):
            return "The kernel is turned round in one direction; it must be in both."
        return "Pixel q gets W[o, c, t] delta[o, q − t]: the tap changes its sign. Which kernel does that make?"
    return None

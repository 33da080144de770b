"""Histograms of layers: counts against numpy's own, what lies outside, and the artists that show them."""

import numpy as np
import pytest

from initlab.ridges import BINS, Ridges, frame, heights


def test_heights_are_numpys_counts_over_the_highest():
    values = np.random.default_rng(0).uniform(-1, 1, (40, 50))
    counts, _ = np.histogram(values, 20, (-1, 1))
    np.testing.assert_allclose(heights(values, -1, 1, 20), counts / counts.max())


def test_what_lies_outside_is_in_the_end_bins():
    np.testing.assert_array_equal(heights([-9, -np.inf, 0.1, np.inf, 7, np.nan, 5], -1, 1, 4), [0.5, 0, 0.25, 1])


def test_heights_say_what_is_wrong():
    with pytest.raises(ValueError, match="at least one"):
        heights([], 0, 1)
    with pytest.raises(ValueError, match="below"):
        heights([1.0], 1, 1)


def test_frame_counts_errors_by_their_size():
    shown = frame([np.zeros(9), np.ones(4)], [np.full(3, -1e-3), np.zeros(2)], [np.ones((2, 2)), np.full(2, 1e-9)])
    assert shown.heights.shape == (3, 2, BINS) and shown.mean_square.shape == (3, 2)
    np.testing.assert_allclose(shown.mean_square, [[0, 1], [1e-6, 0], [1, 1e-18]])
    assert shown.heights.argmax(axis=2).tolist() == [[20, 39], [20, 0], [32, 0]]  # 10**-3 is bin 20 of 40, 0 the first
    with pytest.raises(ValueError, match="one array per layer"):
        frame([np.ones(2)], [], [np.ones(2)])


def test_ridges_show_a_frame():
    rng = np.random.default_rng(1)
    shown = frame(*([rng.standard_normal(30) for _ in range(4)] for _ in range(3)))
    picture = Ridges(4)
    picture.losses(range(0, 11, 5), {"one": [2.0, 1.0, 0.5], "two": [2.0, 2.0, 2.0]})
    picture.move(shown, 5, 1.0)
    assert len(picture.artists) == 12 + 3 + 1
    values, _, baseline = picture.artists[7].get_data()  # second panel, layer 4
    np.testing.assert_allclose(values, 4 + 0.85 * shown.heights[1, 3])
    assert baseline == 4
    np.testing.assert_allclose(picture.artists[13].get_xdata(), np.log10(shown.mean_square[1]) / 2)
    assert picture.artists[-1].get_data() == ([5], [1.0])
    picture.move(frame(*([np.zeros(3)] * 4 for _ in range(3))))  # all zero: marks at the left edge, no warning
    assert picture.artists[13].get_xdata().tolist() == [-8.0] * 4

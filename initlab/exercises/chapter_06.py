"""Exercises of chapter 06."""

import math

import numpy as np

from initlab.claims import exercise, one_number
from initlab.first_loss import first_loss
from initlab.network import MLP
from initlab.theory import chi, fixed_point, variance_map

SHARES = np.array([0.7, 0.2, 0.1])


@exercise("06.1")
def centred_log_priors(answer):
    """ln(0.7, 0.2, 0.1) minus its mean."""
    if any(v is ... for v in np.atleast_1d(np.asarray(answer, dtype=object))):
        return ...
    got = np.asarray(answer, dtype=float).ravel()
    if got.shape != (3,):
        return f"Give three numbers, one for each class; you gave {got.size}."
    guess = np.exp(got - got.max())
    guess = guess / guess.sum()
    if np.allclose(guess, SHARES, atol=2e-3):
        if abs(got.sum()) < 0.01:
            return None
        return f"The softmax is right. The sum is {got.sum():.3g}: subtract the mean, which changes no prediction."
    told = ", ".join(f"{v:.2f}" for v in guess)
    if np.allclose(guess[::-1], SHARES, atol=2e-3) or np.allclose(got, -np.log(SHARES), atol=2e-2):
        return f"Their softmax is {told}: a more common class needs a larger bias."
    if np.allclose(got - got.mean(), np.log(SHARES / (1 - SHARES)) - np.log(SHARES / (1 - SHARES)).mean(), atol=2e-2):
        return f"Their softmax is {told}. Those are log-odds, for one sigmoid a class; a softmax needs log priors."
    if np.allclose(got - got.mean(), SHARES - SHARES.mean(), atol=1e-3):
        return f"Their softmax is {told}: a softmax takes exponentials, so give it logarithms of the shares."
    return f"Their softmax is {told}; it should be 0.70, 0.20, 0.10."


@exercise("06.2")
def logits_of_a_first_loss(answer):
    """The s with first_loss(s, 27 equal classes) = 27: about 13.4."""
    got, equal = one_number(answer), [1 / 27] * 27
    if got <= 0:
        return f"A standard deviation is a positive number; you gave {got:.4g}."
    if got >= 400:
        return f"With s = {got:.4g} the first loss would be far above 27."
    if abs(got - 27) < 0.01 or abs(got - math.log(27)) < 0.01:
        return f"That is a loss. With standard deviation {got:.3g} it would be {first_loss(got, equal):.3g}."
    near = min(got, 30.0)  # beyond it the loss grows in proportion, and the integral becomes slow
    loss = first_loss(near, equal) * got / near
    if abs(loss - 27) < 0.5:
        return None
    if abs(first_loss(math.sqrt(got), equal) - 27) < 1.5:
        return f"With s = {got:.4g} the first loss would be {loss:.3g}. That is the variance; its root is asked for."
    ten = first_loss(near, [0.1] * 10)
    if abs(ten - 27) < 0.5:
        return f"That is right for ten classes. With 27 classes s = {got:.3g} gives a first loss of {loss:.3g}."
    return f"With s = {got:.3g} the first loss would be {loss:.3g}, {'above' if loss > 27 else 'below'} 27."


@exercise("06.3")
def half_life_bias(answer):
    """prior_bias(0.5**(1/T)) = -ln(2**(1/T) - 1)."""
    if not callable(answer):
        return f"Give the function itself, forget_bias, not {answer!r}."
    if answer(10) is ...:
        return ...
    for steps in (1, 10, 100, 1000):
        try:
            if (got := answer(steps)) is None:
                return "Your function returns nothing: it ends without a `return` of the bias."
            got = float(got)
        except (ValueError, ZeroDivisionError) as problem:
            told = f"For T = {steps} your function stops with {problem!r}."
            return f"{told} One step must leave half of the cell: gate 1/2, bias 0." if steps == 1 else told
        left = (1 / (1 + math.exp(-got))) ** steps if got > -500 else 0.0
        if abs(left - 0.5) < 0.005:
            continue
        told = f"For T = {steps} your bias of {got:.4g} leaves {left:.3g} of the cell."
        if abs(got - math.log(steps)) < 1e-6:
            return f"{told} ln T is the bias that leaves about 1/e after T steps; half is asked for."
        if abs(got - 0.5 ** (1 / steps)) < 1e-6:
            return f"{told} That number is what the gate must be; the bias is what sigmoid turns into it."
        if abs(got - math.log(0.5 ** (1 / steps))) < 1e-6:
            return f"{told} A gate is a sigmoid, so it needs the log-odds ln(f / (1 - f)), not ln f."
        if abs(got - math.log(2 ** (1 / steps) - 1)) < 1e-6:
            return f"{told} The size is right, the sign is not: to keep more, the bias must be larger."
        if abs(got - math.log(steps / math.log(2))) < 1e-6:
            return f"{told} ln(T / ln 2) comes close for long times; start from f = 0.5^(1/T) without approximation."
        if all(abs(float(answer(other)) - got) < 1e-9 for other in (1, 10, 100, 1000)):
            return f"{told} It is the same for every T; a longer time needs a larger bias."
        return f"{told} Each step must keep f = 0.5^(1/T), and sigmoid(b) = f."
    return None


@exercise("06.4")
def tanh_biases(answer):
    """sqrt(1 - E[tanh(z)^2]) at z ~ N(0, 1): judged on networks of 20 layers."""
    sigma_b = one_number(answer)
    if sigma_b < 0:
        return "A standard deviation is not negative."
    rng, missing = np.random.default_rng(0), 1 - variance_map("tanh", 1.0)
    ends, back = [], []
    for _ in range(20):
        net = MLP([200] * 21, "tanh", "lecun_normal", rng, bias_init=("normal", {"std": sigma_b}))
        trace = net.forward(rng.standard_normal((200, 1)))
        delta = net.backward(trace, rng.standard_normal((200, 1))).delta
        ends.append(np.mean(trace.z[15] ** 2))
        back.append(np.mean(delta[1] ** 2))
    q, settled = float(np.mean(ends)), fixed_point("tanh", 1.0, sigma_b)
    # 20 networks, 200 wide: standard error of the mean of E[z^2] at layer 15 about 0.025
    if abs(q - 1) < 0.11 and abs(sigma_b**2 - missing) < 0.03:
        fall = f"E[δ²] falls to {np.median(back):.0e} over 20 layers, χ = {chi('tanh', 1.0):.2f}"
        print(f"E[z²] is {q:.1f} in layer 15. The price: {fall}.")
        return None
    if abs(sigma_b - missing) < 0.01 * missing:
        return f"E[z²] settles at {settled:.3g}. That is the missing variance; its root is the standard deviation."
    if sigma_b == 0:
        return f"Without biases E[z²] falls to {q:.2g} in layer 15: tanh takes away more than gain 1 brings."
    return f"E[z²] settles at {settled:.3g}. A layer turns 1 into E[tanh(z)²] + σ_b², and that should be 1 again."

//! The regularised incomplete beta function I_x(a, b) and its inverse, exact to about 1e-13 for whole a and b from 1
//! to 10 million. Must not know what is being counted.
//!
//! Continued fraction: Press et al., Numerical Recipes, 3rd edition, 6.4, evaluated by Lentz's method until it
//! converges. Its factor x^a (1-x)^b / B(a, b) is taken from the remainders of Stirling's series, so that nothing
//! large cancels (C. Loader, Fast and Accurate Computation of Binomial Probabilities, 2000).

/// I_x(a, b): the probability that at least `a` of `a + b - 1` trials succeed at rate `x`. `a`, `b` at least 1.
pub(super) fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let factor = factor(x, a, b);
    // The fraction converges fast left of the mean; right of it, the other tail's does.
    if x < (a + 1.0) / (a + b + 2.0) {
        factor * fraction(x, a, b) / a
    } else {
        1.0 - factor * fraction(1.0 - x, b, a) / b
    }
}

/// The x at which I_x(a, b) is `probability`, between 0 and 1: Newton's method, kept inside a shrinking bracket.
pub(super) fn beta_inverse(probability: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let mut x = a / (a + b);
    for _ in 0..200 {
        let error = beta(x, a, b) - probability;
        if error == 0.0 {
            break;
        }
        if error < 0.0 {
            low = x;
        } else {
            high = x;
        }
        // The derivative of I_x is x^(a-1) (1-x)^(b-1) / B(a, b).
        let step = error * x * (1.0 - x) / factor(x, a, b);
        let newton = x - step;
        let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        let done = (next - x).abs() <= 1e-15 * x;
        x = next;
        if done {
            break;
        }
    }
    x
}

/// x^a (1-x)^b / B(a, b).
fn factor(x: f64, a: f64, b: f64) -> f64 {
    let n = a + b;
    // Relative distance of x from a/n, and of 1-x from b/n.
    let deviance = a * ln_1p_minus((x * n - a) / a) + b * ln_1p_minus(((1.0 - x) * n - b) / b);
    let remainders = stirling_remainder(n) - stirling_remainder(a) - stirling_remainder(b);
    (deviance + remainders).exp() * (a * b / n / std::f64::consts::TAU).sqrt()
}

/// ln(1 + u) - u without cancellation.
fn ln_1p_minus(u: f64) -> f64 {
    if u.abs() > 0.1 {
        return u.ln_1p() - u;
    }
    // -u²/2 + u³/3 - ...; at |u| = 0.1 the term after 18 is below 1e-19.
    let mut power = -u;
    let mut sum = 0.0;
    for k in 2..=18_i32 {
        power *= -u;
        sum -= power / f64::from(k);
    }
    sum
}

/// What ln Γ(a) is more than Stirling's (a - 1/2) ln a - a + ln(2π)/2.
fn stirling_remainder(mut a: f64) -> f64 {
    let mut below = 0.0;
    while a < 16.0 {
        // From Γ(a + 1) = a Γ(a).
        below += (a + 0.5) * (1.0 / a).ln_1p() - 1.0;
        a += 1.0;
    }
    let square = a * a;
    below + (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0) / square) / square) / square) / a
}

/// ln Γ(a) for `a` at least 1.
pub(super) fn ln_gamma(a: f64) -> f64 {
    (a - 0.5) * a.ln() - a + 0.5 * std::f64::consts::TAU.ln() + stirling_remainder(a)
}

/// The continued fraction of I_x(a, b), by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away = |value: f64| if value.abs() < TINY { TINY } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut result = d;
    let mut m = 0.0;
    // It needs in the order of the square root of a + b steps; the end is there for the reader's peace of mind.
    while m < 1e7 {
        m += 1.0;
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        result *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        result *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    result
}

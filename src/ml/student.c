// P(|T| >= t) = I_x(d / 2, 1 / 2) with x = d / (d + t^2), the regularised incomplete beta function:
// its continued fraction (Abramowitz and Stegun 26.5.8) by Lentz's method.
#include "ml/student.h"

#include <math.h>

/// log gamma(x) for x > 0, by Lanczos' approximation (g = 7, 9 terms). The C library's writes a
/// global.
static double log_gamma(double x)
{
    static const double terms[] = {
        676.5203681218851,  -1259.1392167224028,  771.32342877765313,    -176.61502916214059,
        12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7};
    const double half_log_two_pi = 0.91893853320467274178;
    if (x < 0.5) {
        return log(M_PI / sin(M_PI * x)) - log_gamma(1 - x);
    }
    double sum = 0.99999999999980993, at = x - 1;
    for (int i = 0; i < 8; i++) {
        sum += terms[i] / (at + i + 1);
    }
    double t = at + 7.5;
    return half_log_two_pi + (at + 0.5) * log(t) - t + log(sum);
}

static double nonzero(double x)
{
    return fabs(x) < 1e-300 ? 1e-300 : x;
}

static double fraction(double x, double a, double b)
{
    double c = 1, d = 1 / nonzero(1 - (a + b) * x / (a + 1)), f = d;
    for (int m = 1; m < 10000; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        d = 1 / nonzero(1 + even * d);
        c = nonzero(1 + even / c);
        f *= d * c;
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        d = 1 / nonzero(1 + odd * d);
        c = nonzero(1 + odd / c);
        f *= d * c;
        if (fabs(d * c - 1) < 1e-16) {
            break;
        }
    }
    return f;
}

/// I_x(a, b); `rest` is 1 - x, which may be too small to be found from x.
static double beta(double x, double rest, double a, double b)
{
    if (x <= 0 || rest <= 0) {
        return x <= 0 ? 0 : 1;
    }
    double front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(rest));
    return x < (a + 1) / (a + b + 2) ? front * fraction(x, a, b) / a
                                     : 1 - front * fraction(rest, b, a) / b;
}

double sli_student_two_sided(double t, double degrees)
{
    if (isnan(t) || !(degrees > 0)) {
        return (double)NAN;
    }
    if (isinf(t)) {
        return 0;
    }
    double square = t * t, all = degrees + square;
    return beta(degrees / all, square / all, degrees / 2, 0.5);
}

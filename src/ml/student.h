/// student.h — Student's t distribution.
#pragma once

/// The probability of a value at least as far from 0 as `t`, either way. `degrees` > 0, not whole
/// too. NaN for NaN.
double sli_student_two_sided(double t, double degrees);

// Student's distribution against a table of scipy's (tests/ml/reference.py prints it).
#include "ml/student.h"

#include "sl_test.h"

#include <math.h>

static const struct {
    double t, degrees, p;
} table[] = {
    {0.0, 3.0, 1.0},
    {0.5, 1.0, 0.7048327646991335},
    {1.0, 2.5, 0.40406102727827364},
    {2.0, 5.971, 0.09265765256191959},
    {-3.5, 10.0, 0.00572650542988521},
    {12.0, 4.0, 0.000276428548502973},
    {0.01, 1000.0, 0.9920232819321873},
    {40.0, 3.0, 3.4380680789158506e-05},
    {2.5, 1000000.0, 0.012419489502163254},
};

SL_TEST(student_has_the_values_of_a_table, "")
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double p = sli_student_two_sided(table[i].t, table[i].degrees);
        if (fabs(p - table[i].p) > 1e-9 * table[i].p) {
            fail_msg("t=%g, %g degrees: %.17g and not %.17g", table[i].t, table[i].degrees, p,
                     table[i].p);
        }
    }
}

SL_TEST(student_of_what_is_no_number, "")
{
    assert_true(isnan(sli_student_two_sided((double)NAN, 3)));
    assert_true(isnan(sli_student_two_sided(1, 0)));
    assert_true(isnan(sli_student_two_sided(1, -1)));
    assert_true(sli_student_two_sided((double)INFINITY, 3) == 0);
    assert_true(sli_student_two_sided(-(double)INFINITY, 3) == 0);
}

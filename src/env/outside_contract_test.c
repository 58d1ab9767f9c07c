/// outside_contract_test.c — calls that env does not make itself, in both worlds.
#include "env/fixture_test.h"

SLT_BOTH_WORLDS(a_call_outside_may_go)
{
    for (int what = 0; what < SLI_N_OUTSIDES; what++) {
        assert_int_equal(sli_env_outside(b->env, (sli_outside)what, NULL), SL_OK);
    }
}

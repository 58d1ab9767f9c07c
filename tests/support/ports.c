// Asks tools/ports, so that tests and the tools that start servers share one table.
#include "ports.h"

#include <stdio.h>

#include "sl_test.h"

void slt_ports(int *out, int n)
{
    char command[1024];
    int size = snprintf(command, sizeof command, "'%s/tools/ports' '%s' %d", SLT_SOURCE_DIR,
                        slt_temp_dir(), n);
    assert_true(size > 0 && (size_t)size < sizeof command);
    FILE *told = popen(command, "r");
    assert_non_null(told);
    for (int i = 0; i < n; i++) {
        assert_int_equal(fscanf(told, "%d", &out[i]), 1);
    }
    assert_int_equal(pclose(told), 0);
}

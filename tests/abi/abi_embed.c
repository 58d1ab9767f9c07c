// A program that holds Sluice, as somebody built it against an older library: structs that it
// passes by value or by pointer. tools/check-abi compiles this file against the headers of an older
// commit. Prints "ok" when all went well.
#include <stdio.h>
#include <string.h>

#include <sluice/sluice.h>
#include <sluice/test.h>

static void doubled(sl_graph *graph)
{
    sl_stream *rows = sl_stream_open(graph, "queue:in?format=json&schema=n%20int64");
    sl_stream_print(sl_stream_select(rows, "n * 2 as n"), 10);
}

/// The job in a simulated world: sl_test_conf by value.
static bool in_simulation(void)
{
    sl_test *test = sl_test_new(doubled, (sl_test_conf){.struct_size = sizeof(sl_test_conf)});
    sl_test_push(test, "in", "{\"n\":21}\n", 1);
    sl_test_advance(test, 1);
    bool ok = strstr(sl_test_console(test), "\n42\n") != NULL && sl_test_error(test)[0] == '\0';
    sl_test_free(test);
    return ok;
}

/// The job stepped by the program, fed with a loan: sl_loan by value, sl_error by pointer.
static bool in_this_process(sl_error *err)
{
    static const char *const settings[] = {"interval", "5ms", "max_epochs", "3", NULL};
    static const char rows[] = "{\"n\":1}\n";
    sl_context *context = NULL;
    sl_code rc = sl_context_new(&context, "doubled", doubled, settings, err);
    if (rc == SL_OK) {
        rc = sl_queue_push_bytes(context, "in",
                                 (sl_loan){.bytes = rows, .size_bytes = strlen(rows)}, 1, err);
    }
    if (rc == SL_OK) {
        rc = sl_context_start(context, err);
    }
    if (rc == SL_OK) {
        rc = sl_context_await(context, 30000000, err);
    }
    sl_context_free(context);
    return rc == SL_OK;
}

/// An error's struct is the caller's, with its text inside.
static bool a_mistake_is_told(void)
{
    static const char *const settings[] = {"intervall", "1s", NULL};
    sl_context *context = NULL;
    sl_error err = SL_ERROR_INIT;
    return sl_context_new(&context, "doubled", doubled, settings, &err) == SL_E_CONFIG &&
           err.code == SL_E_CONFIG && strstr(err.text, "interval") != NULL;
}

int main(void)
{
    sl_error err = SL_ERROR_INIT;
    const char *failed = !in_simulation()         ? "in simulation"
                         : !in_this_process(&err) ? err.text
                         : !a_mistake_is_told()   ? "a mistake was not told"
                                                  : NULL;
    printf("%s\n", failed == NULL ? "ok" : failed);
    return failed == NULL ? 0 : 1;
}

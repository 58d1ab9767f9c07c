/// sl_test.h — SL_TEST, a self-registering test over cmocka.
///
///     #include "sl_test.h"
///
///     SL_TEST(arena_reset_keeps_its_first_block, "") // or the id of a promise in docs/PROMISES.md
///     {
///         assert_int_equal(1 + 1, 2); // any check of cmocka
///     }
///
/// No list of tests exists: each registers itself before main, and main (in main.c) runs them in
/// the order of file and line. One test program is made per folder; `test_base arena` runs those
/// whose name contains "arena", `--list` prints each name and promise. cmocka's checks leave the
/// test by longjmp: use them on the test's own thread only, and join other threads before a check
/// that may fail.
#pragma once
#include <setjmp.h> // cmocka.h needs these four before it
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct slt_case slt_case;
struct slt_case {
    const char *name;
    const char *promise; ///< id in docs/PROMISES.md, or ""
    const char *file;
    int line;
    void (*body)(void);
    slt_case *next;       ///< set by slt_register
    _Bool has_one_thread; ///< set by slt_one_thread
    _Bool passed;         ///< set by the runner
};

/// Adds a test to the program's list; SL_TEST calls it before main. The case must live as long as
/// the program.
void slt_register(slt_case *test);

#define SL_TEST(test_name, promise_id)                                                             \
    static void slt_body_##test_name(void);                                                        \
    __attribute__((constructor)) static void slt_register_##test_name(void)                        \
    {                                                                                              \
        static slt_case self = {.name = #test_name,                                                \
                                .promise = promise_id,                                             \
                                .file = __FILE__,                                                  \
                                .line = __LINE__,                                                  \
                                .body = slt_body_##test_name};                                     \
        slt_register(&self);                                                                       \
    }                                                                                              \
    static void slt_body_##test_name(void)

/// Fails the test unless both texts are equal, and shows the first line that differs. Frees
/// neither; NULL equals NULL.
#define SL_CHECK_TEXT(actual, expected)                                                            \
    slt_check_text((actual), (expected), #actual, __FILE__, __LINE__)
void slt_check_text(const char *actual, const char *expected, const char *what, const char *file,
                    int line);

/// An empty directory of this test's own; the path lives until the test ends. The directory and all
/// in it are removed when the test passes, and kept and named when it fails. The same directory on
/// every call within one test.
const char *slt_temp_dir(void);

/// Builds with assertions and sanitizers are many times slower: they try a part of what release
/// does.
#ifdef SL_DEBUG
#define SLT_SLOW_BUILD 1
#else
#define SLT_SLOW_BUILD 0
#endif

/// Ends the test here, as passed, with a line that says why it can't be tried: what it needs is not
/// on this machine (root, a library that the build was told to leave out).
void slt_not_here(const char *why);

/// Says that the test never starts a second thread, as nothing in simulation does: under
/// ThreadSanitizer it ends here, as passed, everywhere else it fails if it does start one. For
/// tests that take long.
void slt_one_thread(void);

/// True in the long runs of `make soak`: do the full number of seeds, kills or rounds.
_Bool slt_is_soak(void);

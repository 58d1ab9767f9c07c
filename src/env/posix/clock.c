/// clock.c — clocks and chance of the real world.
#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "env/posix/posix_int.h"

static int64_t clock_us(clockid_t clock)
{
    struct timespec now;
    int rc = clock_gettime(clock, &now);
    SL_ASSERT(rc == 0, "the kernel lacks a clock");
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t sli_posix_wall_us(sl_env *env)
{
    (void)env;
    return clock_us(CLOCK_REALTIME);
}

int64_t sli_posix_mono_us(sl_env *env)
{
    (void)env;
    return clock_us(CLOCK_MONOTONIC);
}

int64_t sli_posix_cpu_us(sl_env *env)
{
    (void)env;
    return clock_us(CLOCK_PROCESS_CPUTIME_ID);
}

sl_code sli_posix_random(sl_env *env, void *out, size_t size, sl_error *err)
{
    (void)env;
    uint8_t *at = out;
    while (size > 0) {
        ssize_t n = getrandom(at, size, 0);
        if (n < 0 && errno != EINTR) {
            return sl_error_sys(err, SL_E_IO, errno, "random bytes from the kernel");
        }
        if (n > 0) {
            at += n;
            size -= (size_t)n;
        }
    }
    return SL_OK;
}

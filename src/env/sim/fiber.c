/// fiber.c — stacks of their own on one host thread.
///
/// Why not host threads: with them each wait costs two wake-ups of the kernel, a hundred times a
/// switch of stacks, and a sweep that crashes at every call makes millions of waits. The sanitizers
/// are told of each switch.
#include "env/sim/sim_int.h"

#include <sys/mman.h>
#include <unistd.h>

#if defined(__has_feature)
#define SIM_HAS(feature) __has_feature(feature)
#else
#define SIM_HAS(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || SIM_HAS(address_sanitizer)
#define SIM_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define SIM_ASAN 0
#endif
#if defined(__SANITIZE_THREAD__) || SIM_HAS(thread_sanitizer)
#define SIM_TSAN 1
#include <sanitizer/tsan_interface.h>
#else
#define SIM_TSAN 0
#endif

enum { STACK_BYTES = 2 << 20 }; // address space; pages come when they are touched

/// Tells the sanitizers that the next instruction runs on another stack.
static void announce(sim_fiber *from, sim_fiber *to, bool leaves)
{
#if SIM_ASAN
    __sanitizer_start_switch_fiber(leaves ? NULL : &from->fake_stack, to->bounds, to->bounds_size);
#endif
#if SIM_TSAN
    if (from->tsan == NULL) {
        from->tsan = __tsan_get_current_fiber(); // the host's own
    }
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    (void)leaves;
    to->from = from;
}

/// The first thing on the new stack: tells where the old one was, which is how the host's bounds
/// become known.
static void arrive(sim_fiber *self)
{
#if SIM_ASAN
    __sanitizer_finish_switch_fiber(self->fake_stack, &self->from->bounds,
                                    &self->from->bounds_size);
#endif
    (void)self;
}

static void trampoline(unsigned high, unsigned low)
{
    // makecontext passes ints only; the pointer comes in two halves.
    sim_fiber *self = (sim_fiber *)(((uintptr_t)high << 32) | (uintptr_t)low);
    arrive(self);
    sli_strand_own = NULL;
    self->entry(self->arg);
    SL_ASSERT(false, "a fiber's entry returned instead of leaving");
}

bool sli_sim_fiber_init(sim_fiber *fiber, void (*entry)(void *arg), void *arg)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = STACK_BYTES + page;
    uint8_t *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
        return false;
    }
    if (mprotect(stack, page, PROT_NONE) != 0 ||
        getcontext(&fiber->context) != 0) { // an overflow stops the program
        munmap(stack, size);
        return false;
    }
    fiber->stack = stack;
    fiber->stack_size = size;
    fiber->bounds = stack + page;
    fiber->bounds_size = STACK_BYTES;
    fiber->entry = entry;
    fiber->arg = arg;
    fiber->context.uc_stack.ss_sp = stack + page;
    fiber->context.uc_stack.ss_size = STACK_BYTES;
    fiber->context.uc_link = NULL;
    uintptr_t self = (uintptr_t)fiber;
    makecontext(&fiber->context, (void (*)(void))trampoline, 2, (unsigned)(self >> 32),
                (unsigned)(self & 0xffffffffU));
#if SIM_TSAN
    fiber->tsan = __tsan_create_fiber(0);
#endif
    return true;
}

void sli_sim_fiber_switch(sim_fiber *from, sim_fiber *to)
{
    const void *own = sli_strand_own; // all fibers share the host's thread
    announce(from, to, false);
    int rc = swapcontext(&from->context, &to->context);
    SL_ASSERT(rc == 0, "the stack can't be switched");
    arrive(from);
    sli_strand_own = own;
}

void sli_sim_fiber_leave(sim_fiber *from, sim_fiber *to)
{
    announce(from, to, true);
    setcontext(&to->context);
    SL_ASSERT(false, "the stack can't be switched");
}

void sli_sim_fiber_reset(sim_fiber *fiber)
{
    if (fiber->stack == NULL) {
        return;
    }
#if SIM_TSAN
    __tsan_destroy_fiber(fiber->tsan);
#endif
#if SIM_ASAN
    // Frames that never returned have left their red zones; the next user of these pages must not
    // meet them.
    __asan_unpoison_memory_region(fiber->bounds, fiber->bounds_size);
#endif
    munmap(fiber->stack, fiber->stack_size);
    *fiber = (sim_fiber){0};
}

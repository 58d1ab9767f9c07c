/// ahead.c — how much is fetched ahead of the epochs.
///
/// An epoch takes what is in memory. With a long interval that must be more than with a short one,
/// or nothing but `ahead` bytes an interval could ever be read: so while epochs take all that there
/// is, and the fetching strand has to wait for most of the interval, it doubles, up to a quarter of
/// the job's memory. Not while epochs are late: then it is they who take the time, and more of it
/// in memory would make nothing quicker. It is reserved in the budget that blocks and state are
/// counted in: the first of it whatever else is there, for a source has to read something; when the
/// budget is short, nothing grows.
#include "source/kafka/kafka_int.h"

enum {
    SHARE = 4,        ///< of the memory
    LEAST = 64 << 10, ///< whatever the memory is
};

/// Changes the limit; false: the budget has no room for it.
static bool set_most(kafka_source *self, int64_t bytes)
{
    sli_budget *budget = self->common.env.budget;
    int64_t more = bytes - self->ahead_most;
    if (more > 0 && !sli_budget_reserve(budget, more, false)) {
        return false;
    }
    if (more < 0) {
        sli_budget_release(budget, -more);
    }
    self->ahead_most = bytes;
    return true;
}

/// A source never fetches more ahead than that.
static int64_t highest_of(const kafka_source *self)
{
    int64_t share = sli_budget_limit(self->common.env.budget) / SHARE;
    return share > LEAST ? share : LEAST;
}

static void grow(kafka_source *self)
{
    int64_t highest = highest_of(self);
    int64_t twice = self->ahead_most * 2;
    int64_t wanted = twice < highest ? twice : highest;
    if (wanted > self->ahead_most) {
        (void)set_most(self, wanted); // when the budget is short it stays as it is
    }
}

/// Whether the strand has had to wait for most of the interval.
static bool was_idle(const kafka_source *self)
{
    const sli_source_env *env = &self->common.env;
    return self->full_us >= 0 && sli_env_mono_us(env->env) - self->full_us >= env->interval_us / 2;
}

/// The epoch before took clearly longer than the interval.
static bool is_late(kafka_source *self)
{
    int64_t before_us = self->offered_us;
    self->offered_us = sli_env_mono_us(self->common.env.env);
    return self->offered_us - before_us > self->common.env.interval_us / 2 * 3;
}

void kafka_ahead_adapt(kafka_source *self, int64_t taken, bool is_all)
{
    if (self->common.env.budget == NULL) {
        return;
    }
    bool late = is_late(self);
    if (is_all && !late && was_idle(self)) {
        grow(self);
    } else if (taken < self->ahead_most / SHARE && self->ahead_most > self->ahead_bytes) {
        int64_t half = self->ahead_most / 2;
        (void)set_most(self, half > self->ahead_bytes ? half : self->ahead_bytes);
    }
}

int64_t kafka_ahead_first(const kafka_source *self, int64_t wanted)
{
    int64_t highest = self->common.env.budget == NULL ? wanted : highest_of(self);
    return wanted < highest ? wanted : highest;
}

void kafka_ahead_begin(kafka_source *self)
{
    if (self->common.env.budget != NULL) {
        (void)sli_budget_reserve(self->common.env.budget, self->ahead_bytes, true);
    }
    self->ahead_most = self->ahead_bytes;
}

void kafka_ahead_end(kafka_source *self)
{
    if (self->common.env.budget != NULL) {
        sli_budget_release(self->common.env.budget, self->ahead_most);
    }
    self->ahead_most = 0;
}

/// eval_time.c — kernels over timestamps: parts of the calendar, and cutting down to a unit. All in
/// UTC.
#include "expr/expr_int.h"

typedef int64_t (*part_fn)(int64_t time_us);

static sl_code each_time(sli_eval *ev, const sli_vec *arg, part_fn part, sli_vec *out)
{
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    for (int64_t i = 0; to != NULL && i < ev->n; i++) {
        to[i] = part(arg->v.i[i]);
    }
    out->v.i = to;
    return to == NULL ? SL_E_NOMEM : SL_OK;
}

static sli_civil civil_of(int64_t time_us)
{
    return sli_civil_from_days(sli_floor_div(time_us, SLI_US_PER_DAY));
}

// Microseconds since midnight; days below zero begin at midnight too.
static int64_t clock_of(int64_t time_us)
{
    int64_t rest = time_us % SLI_US_PER_DAY;
    return rest < 0 ? rest + SLI_US_PER_DAY : rest;
}

static int64_t year_of(int64_t time_us)
{
    return civil_of(time_us).year;
}

static int64_t month_of(int64_t time_us)
{
    return civil_of(time_us).month;
}

static int64_t day_of(int64_t time_us)
{
    return civil_of(time_us).day;
}

static int64_t hour_of(int64_t time_us)
{
    return clock_of(time_us) / SLI_US_PER_SECOND / 3600;
}

static int64_t minute_of(int64_t time_us)
{
    return clock_of(time_us) / SLI_US_PER_SECOND / 60 % 60;
}

static int64_t second_of(int64_t time_us)
{
    return clock_of(time_us) / SLI_US_PER_SECOND % 60;
}

sl_code sli_k_year(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_time(ev, args, year_of, out);
}

sl_code sli_k_month(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_time(ev, args, month_of, out);
}

sl_code sli_k_day(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_time(ev, args, day_of, out);
}

sl_code sli_k_hour(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_time(ev, args, hour_of, out);
}

sl_code sli_k_minute(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_time(ev, args, minute_of, out);
}

sl_code sli_k_second(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    (void)node;
    return each_time(ev, args, second_of, out);
}

// ---------------------------------------------------------------- date_trunc

// The greatest day <= `days` on which the unit (week and longer) begins.
static int64_t trunc_days(char unit, int64_t days)
{
    if (unit == 'w') {
        return sli_floor_div(days + 3, 7) * 7 -
               3; // 1970-01-01 was a Thursday, weeks begin on Monday
    }
    sli_civil civil = sli_civil_from_days(days);
    civil.day = 1;
    civil.month = unit == 'y' ? 1 : unit == 'q' ? (civil.month - 1) / 3 * 3 + 1 : civil.month;
    return sli_days_from_civil(civil);
}

// Length in microseconds of units that have one; 0 for the calendar's, with its first letter in
// *letter.
static int64_t unit_of(sl_text unit, char *letter)
{
    static const struct {
        const char *name;
        int64_t us;
        char letter;
    } units[] = {{"microsecond", 1, 0},
                 {"millisecond", 1000, 0},
                 {"second", INT64_C(1000000), 0},
                 {"minute", INT64_C(60000000), 0},
                 {"hour", INT64_C(3600000000), 0},
                 {"day", SLI_US_PER_DAY, 0},
                 {"week", 0, 'w'},
                 {"month", 0, 'm'},
                 {"quarter", 0, 'q'},
                 {"year", 0, 'y'}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (sli_text_is(unit, units[i].name)) {
            *letter = units[i].letter;
            return units[i].us;
        }
    }
    SL_ASSERT(false, "typing refuses other units");
    return 0;
}

sl_code sli_k_date_trunc(sli_eval *ev, const sli_node *node, const sli_vec *args, sli_vec *out)
{
    const uint8_t *skip;
    char letter;
    int64_t unit = unit_of(node->args[0]->literal.s, &letter);
    int64_t *to = sli_eval_alloc(ev, (size_t)ev->n * sizeof *to);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    SL_TRY(sli_eval_skip(ev, out->nulls, &skip));
    for (int64_t i = 0; i < ev->n; i++) {
        int64_t time = args[1].v.i[i];
        int64_t step = unit != 0 ? unit : SLI_US_PER_DAY;
        int64_t steps = sli_floor_div(time, step);
        steps = unit != 0 ? steps : trunc_days(letter, steps);
        // The first instants of time may lie less than a unit after a begin that int64 can't hold.
        if (__builtin_mul_overflow(steps, step, &to[i]) && (skip == NULL || skip[i] == 0)) {
            return sli_eval_fail(ev, i, "date_trunc of %lld microseconds does not fit a timestamp",
                                 (long long)time);
        }
    }
    out->v.i = to;
    return SL_OK;
}

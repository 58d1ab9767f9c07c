/// calendar.c — days, microseconds and their texts: proleptic Gregorian calendar, UTC, no leap
/// seconds, no locale.
///
/// The day arithmetic is Howard Hinnant's (chrono-compatible low-level date algorithms): eras of
/// 400 years that begin on 1 March, so that the leap day comes last.
#include "expr/expr_int.h"

#include <stdio.h>

int64_t sli_floor_div(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

int64_t sli_days_from_civil(sli_civil civil)
{
    int64_t year = civil.year - (civil.month <= 2);
    int64_t era = sli_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t month = (civil.month + 9) % 12; // from March
    int64_t day_of_year = (153 * month + 2) / 5 + civil.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

sli_civil sli_civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = sli_floor_div(days, 146097);
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    return (sli_civil){.year = year_of_era + era * 400 + (month >= 10),
                       .month = (int32_t)(month < 10 ? month + 3 : month - 9),
                       .day = (int32_t)(day_of_year - (153 * month + 2) / 5 + 1)};
}

// ---------------------------------------------------------------- reading

// Exactly n digits at *at, which moves behind them; -1 when there are fewer.
static int32_t read_digits(const char **at, const char *end, int n)
{
    int32_t value = 0;
    if (end - *at < n) {
        return -1;
    }
    for (int i = 0; i < n; i++) {
        char c = *(*at)++;
        if (c < '0' || c > '9') {
            return -1;
        }
        value = value * 10 + (c - '0');
    }
    return value;
}

static bool take(const char **at, const char *end, char c)
{
    bool there = *at < end && **at == c;
    *at += there;
    return there;
}

static bool read_date(const char **at, const char *end, int64_t *days)
{
    sli_civil civil = {.year = read_digits(at, end, 4)};
    bool right = civil.year >= 1 && take(at, end, '-');
    civil.month = right ? read_digits(at, end, 2) : -1;
    right = right && civil.month >= 1 && civil.month <= 12 && take(at, end, '-');
    civil.day = right ? read_digits(at, end, 2) : -1;
    if (!right || civil.day < 1) {
        return false;
    }
    *days = sli_days_from_civil(civil);
    sli_civil back = sli_civil_from_days(*days); // 30 February comes back as 1 or 2 March
    return back.month == civil.month && back.day == civil.day;
}

bool sli_scan_date(sl_text text, int64_t *days)
{
    const char *at = text.data, *end = text.data + text.size;
    return read_date(&at, end, days) && at == end;
}

// ":15.123456" of a time, or nothing.
static bool read_seconds(const char **at, const char *end, int64_t *time_us)
{
    if (!take(at, end, ':')) {
        return true;
    }
    int32_t seconds = read_digits(at, end, 2);
    if (seconds < 0 || seconds > 59) {
        return false;
    }
    *time_us += (int64_t)seconds * SLI_US_PER_SECOND;
    if (!take(at, end, '.')) {
        return true;
    }
    int64_t unit = SLI_US_PER_SECOND / 10;
    const char *from = *at;
    for (; *at < end && **at >= '0' && **at <= '9' && unit > 0; unit /= 10) {
        *time_us += (*(*at)++ - '0') * unit;
    }
    return *at > from;
}

// "Z", "+01:00", "-0530" or nothing; takes the offset away from the time.
static bool read_zone(const char **at, const char *end, int64_t *time_us)
{
    if (*at == end || take(at, end, 'Z')) {
        return true;
    }
    int64_t sign = **at == '-' ? 1 : -1;
    if (!take(at, end, '+') && !take(at, end, '-')) {
        return false;
    }
    int64_t hours = read_digits(at, end, 2);
    take(at, end, ':');
    int64_t minutes = read_digits(at, end, 2);
    if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) {
        return false;
    }
    *time_us += sign * (hours * 60 + minutes) * 60 * SLI_US_PER_SECOND;
    return true;
}

bool sli_scan_timestamp(sl_text text, int64_t *time_us)
{
    const char *at = text.data, *end = text.data + text.size;
    int64_t days = 0, clock = 0;
    if (!read_date(&at, end, &days)) {
        return false;
    }
    if (at < end) {
        if (!take(&at, end, ' ') && !take(&at, end, 'T')) {
            return false;
        }
        int32_t hours = read_digits(&at, end, 2);
        bool colon = hours >= 0 && hours <= 23 && take(&at, end, ':');
        int32_t minutes = colon ? read_digits(&at, end, 2) : -1;
        if (minutes < 0 || minutes > 59) {
            return false;
        }
        clock = ((int64_t)hours * 60 + minutes) * 60 * SLI_US_PER_SECOND;
        if (!read_seconds(&at, end, &clock) || !read_zone(&at, end, &clock)) {
            return false;
        }
    }
    *time_us = days * SLI_US_PER_DAY + clock;
    return at == end;
}

// ---------------------------------------------------------------- writing

size_t sli_print_date(int64_t days, char *out)
{
    sli_civil civil = sli_civil_from_days(days);
    int n = snprintf(out, SLI_TIME_BYTES, "%04lld-%02d-%02d", (long long)civil.year, civil.month,
                     civil.day);
    return (size_t)n;
}

size_t sli_print_timestamp(int64_t time_us, char *out)
{
    int64_t days = sli_floor_div(time_us, SLI_US_PER_DAY);
    int64_t us = (int64_t)((uint64_t)time_us - (uint64_t)days * (uint64_t)SLI_US_PER_DAY);
    int64_t seconds = us / SLI_US_PER_SECOND;
    size_t n = sli_print_date(days, out);
    n += (size_t)snprintf(out + n, SLI_TIME_BYTES - n, " %02d:%02d:%02d", (int)(seconds / 3600),
                          (int)(seconds / 60 % 60), (int)(seconds % 60));
    int fraction = (int)(us % SLI_US_PER_SECOND);
    if (fraction != 0) {
        n += (size_t)snprintf(out + n, SLI_TIME_BYTES - n, ".%06d", fraction);
        while (out[n - 1] == '0') {
            n--;
        }
        out[n] = '\0';
    }
    return n;
}

/// float64_int.h — what float64.c needs of the C++ standard library.
///
/// C's own conversions follow the locale of the host program, and have no shortest form. C++17's do
/// neither: they are exact, and the shortest digits are defined by the number alone, so results do
/// not depend on the machine.
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Shortest digits that read back as `value`, which is finite: "-d.ddde-308", at most 24
/// characters. Returns how many; `out` is not ended by a zero.
size_t sli_float64_digits(double value, char *out, size_t room);

typedef enum sli_float64_read {
    SLI_FLOAT64_OK = 0,
    SLI_FLOAT64_BAD,   ///< not all of the text is a number
    SLI_FLOAT64_RANGE, ///< nearer to zero, or farther from it, than any double but 0 and infinity
} sli_float64_read;

/// Reads [-]digits[.digits][e[+-]digits] to the nearest double. *out is written on SLI_FLOAT64_OK
/// only.
sli_float64_read sli_float64_parse(const char *data, size_t size, double *out);

#ifdef __cplusplus
}
#endif

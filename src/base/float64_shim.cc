/// float64_shim.cc — std::to_chars and std::from_chars as two C functions; see float64_int.h. Never
/// throws.
#include "base/float64_int.h"

#include <charconv>
#include <system_error>

size_t sli_float64_digits(double value, char *out, size_t room)
{
    std::to_chars_result end = std::to_chars(out, out + room, value, std::chars_format::scientific);
    return end.ec == std::errc() ? static_cast<size_t>(end.ptr - out) : 0;
}

sli_float64_read sli_float64_parse(const char *data, size_t size, double *out)
{
    double value = 0;
    std::from_chars_result end = std::from_chars(data, data + size, value);
    if (end.ptr != data + size || end.ec == std::errc::invalid_argument) {
        return SLI_FLOAT64_BAD;
    }
    if (end.ec == std::errc::result_out_of_range) {
        return SLI_FLOAT64_RANGE;
    }
    *out = value;
    return SLI_FLOAT64_OK;
}

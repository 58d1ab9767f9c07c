/// ad_counter.h — the counting of ad events that the loops share: On-Demand documents out of
/// iterate_many, event_type "view" kept, ad_id found among the 1,000 ads by a hash table, counted
/// per campaign.
///
/// Fields are asked for in the order in which they come, but found in any order. Strings are
/// compared where they lie, without unescaping; that is right as long as what differs holds no
/// escape, which is checked: an escape, like an unknown ad, ends the program. The parser's second
/// thread is switched off.
#pragma once
#include "ad_events.h"

#include <simdjson.h>

namespace od = simdjson::ondemand;

/// ad_id -> campaign. 4,096 places for 1,000 ads; the first 8 bytes of an id are random enough to
/// hash.
class ad_table
{
  public:
    explicit ad_table(const ad_row *rows)
    {
        for (size_t i = 0; i < AD_N_ADS; i++) {
            size_t at = home(rows[i].ad_id);
            while (place_[at].ad_id[0] != 0) {
                at = (at + 1) % N_PLACES;
            }
            place_[at] = rows[i];
        }
    }

    /// The campaign of the AD_ID_BYTES at `id`, or -1.
    int find(const char *id) const
    {
        for (size_t at = home(id); place_[at].ad_id[0] != 0; at = (at + 1) % N_PLACES) {
            if (memcmp(place_[at].ad_id, id, AD_ID_BYTES) == 0) {
                return place_[at].campaign;
            }
        }
        return -1;
    }

  private:
    static constexpr size_t N_PLACES = 4096;
    ad_row place_[N_PLACES] = {};

    static size_t home(const char *id)
    {
        uint64_t first;
        memcpy(&first, id, sizeof first);
        return (first * 0x9E3779B97F4A7C15u) >> 52;
    }
};

class ad_counter
{
  public:
    ad_counter(const ad_row *ads, size_t batch_bytes) : ads_(ads), batch_bytes_(batch_bytes)
    {
        parser_.threaded = false;
    }

    /// Adds events, one a line, to `counts`; gives their number. Behind them lie AD_PADDING
    /// readable bytes.
    uint64_t count(const char *events, size_t size_bytes, uint64_t *counts)
    {
        od::document_stream stream;
        check(parser_.iterate_many(events, size_bytes, batch_bytes_).get(stream));
        uint64_t n = 0;
        for (auto document : stream) {
            od::object event;
            od::raw_json_string ad_id, event_type;
            check(document.get_object().get(event));
            check(event["ad_id"].get_raw_json_string().get(ad_id));
            check(event["event_type"].get_raw_json_string().get(event_type));
            if (is_view(event_type)) {
                counts[campaign(ad_id)]++;
            }
            n++;
        }
        return n;
    }

  private:
    ad_table ads_;
    size_t batch_bytes_;
    od::parser parser_;

    /// Another spelling of "view" would have its first escape among the first four bytes.
    static bool is_view(od::raw_json_string event_type)
    {
        const char *raw = event_type.raw();
        uint32_t four;
        memcpy(&four, raw, sizeof four);
        uint32_t escape = four ^ 0x5C5C5C5C; // a zero byte where there is a backslash
        if (((escape - 0x01010101) & ~escape & 0x80808080) != 0) {
            limit_die("an event_type with an escape");
        }
        return memcmp(raw, "view\"", 5) == 0;
    }

    /// An id of another length can't match: the closing quote is compared too. Reading past a
    /// shorter one stays inside the padded buffer.
    int campaign(od::raw_json_string ad_id)
    {
        const char *raw = ad_id.raw();
        int found = raw[AD_ID_BYTES] == '"' ? ads_.find(raw) : -1;
        if (found < 0) {
            limit_die("an ad that is in no campaign");
        }
        return found;
    }

    static void check(simdjson::error_code code)
    {
        if (code != simdjson::SUCCESS) {
            limit_die("simdjson: %s", simdjson::error_message(code));
        }
    }
};

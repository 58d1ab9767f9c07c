/// flume_int.h — Avro values at a place in a text, for files of flume/ only.
#pragma once

#include "flume/flume.h"

enum { FLUME_HASH = 16 };

/// A text being read; the first thing that is not there sets `bad`, and all later ones give
/// nothing.
typedef struct flume_walk {
    const char *data;
    int64_t at, to;
    bool bad;
} flume_walk;

flume_walk flume_walk_of(sl_bytes text);
int64_t flume_take_long(flume_walk *walk);
sl_bytes flume_take_bytes(flume_walk *walk, int64_t size);
sl_bytes flume_take_sized(flume_walk *walk); ///< a string, or bytes
bool flume_take_branch(flume_walk *walk);    ///< of a union of null and something: something
void flume_skip_map(flume_walk *walk);       ///< of strings or bytes
sl_bytes flume_rest(const flume_walk *walk);
void flume_put_text(sli_str *out, sl_text text); ///< a string, or bytes

/// What is the same of both protocols (protocol.c).
typedef struct flume_protocol {
    const char *text;          ///< ours, as JSON
    const char *hash, *theirs; ///< FLUME_HASH bytes: of our text, and of Flume's or Spark's own
} flume_protocol;
extern const flume_protocol flume_source_protocol; ///< what an Avro sink speaks
extern const flume_protocol flume_spark_protocol;  ///< what Spark's sink speaks
/// Whether both sides mean that protocol.
bool flume_protocol_has(const flume_protocol *protocol, const char *hash);

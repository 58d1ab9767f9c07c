/// post.h — a sender that POSTs numbered lines, each request under a key of its own, and repeats a
/// request until it is told 204: over connections that break, to a program that dies.
#pragma once

#include <stdint.h>

enum { SLT_POST_LINES = 3 }; ///< of a request: 3k - 2, 3k - 1, 3k for request k

typedef struct slt_post slt_post;

/// Begins a thread that sends one request after the other, now and then twice, or without waiting
/// for the answer.
slt_post *slt_post_start(int port, uint64_t seed);
/// The request under way is sent until it is acknowledged, then the thread ends. Returns how many
/// were; *repeats: how many more were sent.
int64_t slt_post_end(slt_post *post, int64_t *repeats);

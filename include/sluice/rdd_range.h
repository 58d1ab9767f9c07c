/// rdd_range.h — which part of its source an RDD holds: Spark's HasOffsetRanges.
///
/// A stream of a source has one RDD an epoch, and that RDD knows the epoch's range; what is made of
/// it by any transformation does not, as in Spark. So ask in a function of foreachRDD or transform
/// that is given the source's stream itself. A program that only wants to know, and not to compute,
/// hears the same of every epoch as a listener (sl_input_info in listener.h).
#pragma once

#include "sluice/rdd.h"

SL_BEGIN_DECLS

/// The two ends of the range, JSON as the source writes them; they live as long as the RDD. Of
/// Kafka they are offsets, the first one read and the one behind the last, by topic and partition:
/// {"orders":{"0":5,"1":0}} and {"orders":{"0":17,"1":100}}. Partition i of the RDD is the i-th of
/// them. An epoch that took nothing from its source has NULL for both.
/// Thread: the RDD's. Fails: SL_E_INVALID for an RDD that is not a source's, or whose source has no
/// such ends (queues); the mistake that sticks to the RDD.
SL_API SL_MUST_USE sl_code sl_rdd_range(sl_rdd *rdd, const char **from, const char **to,
                                        sl_error *err);

SL_END_DECLS

// The Kafka source on a simulated cluster: what it takes, where it begins, what it reads.
#include "source/kafka/fixture_test.h"

FEED_TEST(kafka_rows_come_in_order)
{
    slt_feed_make(f, "orders", 1);
    slt_feed_put(f, "orders", 0, "to be or");
    sli_source *source = slt_feed_source(f, "orders?start=earliest");
    SL_CHECK_TEXT(slt_feed_take(f, source), "to;be;or;");
    SL_CHECK_TEXT(slt_feed_offsets(f, source), "{\"orders\":{\"0\":0}} -> {\"orders\":{\"0\":3}}");
    slt_feed_none(f, source);
    slt_feed_put(f, "orders", 0, "not to be");
    SL_CHECK_TEXT(slt_feed_take(f, source), "not;to;be;");
    assert_int_equal(f->p.offer.rows, 3);
    assert_int_equal(f->p.offer.bytes, 7);
    sli_source_close(source);
}

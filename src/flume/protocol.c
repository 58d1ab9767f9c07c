// protocol.c — the two protocols as JSON, and the hashes by which their texts are known.
//
// Ours say what Flume's and Spark's own say, without their comments, so they have other hashes.
#include "flume/flume_int.h"

const flume_protocol flume_source_protocol = {
    .text = "{\"protocol\":\"AvroSourceProtocol\",\"namespace\":\"org.apache.flume.source.avro\","
            "\"types\":[{\"type\":\"enum\",\"name\":\"Status\",\"symbols\":[\"OK\",\"FAILED\",\"U"
            "NKNOWN\"]},{\"type\":\"record\",\"name\":\"AvroFlumeEvent\",\"fields\":[{\"name\":\""
            "headers\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},{\"name\":\"body\",\"ty"
            "pe\":\"bytes\"}]}],\"messages\":{\"append\":{\"request\":[{\"name\":\"event\",\"type"
            "\":\"AvroFlumeEvent\"}],\"response\":\"Status\"},\"appendBatch\":{\"request\":[{\"na"
            "me\":\"events\",\"type\":{\"type\":\"array\",\"items\":\"AvroFlumeEvent\"}}],\"respo"
            "nse\":\"Status\"}}}",
    .hash = "\x30\xda\x54\x05\x9d\xf7\x2d\x95\x84\xb8\x67\xd5\x20\x2e\x20\x69",
    .theirs = "\x86\xaa\xda\xe2\xc4\x54\x74\xc0\xfe\x93\xff\xd0\xf2\x35\x0a\x65",
};

const flume_protocol flume_spark_protocol = {
    .text = "{\"protocol\":\"SparkFlumeProtocol\",\"namespace\":\"org.apache.spark.streaming.flum"
            "e.sink\",\"types\":[{\"type\":\"record\",\"name\":\"SparkSinkEvent\",\"fields\":[{\""
            "name\":\"headers\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},{\"name\":\"bo"
            "dy\",\"type\":\"bytes\"}]},{\"type\":\"record\",\"name\":\"EventBatch\",\"fields\":["
            "{\"name\":\"errorMsg\",\"type\":\"string\",\"default\":\"\"},{\"name\":\"sequenceNum"
            "ber\",\"type\":\"string\"},{\"name\":\"events\",\"type\":{\"type\":\"array\",\"items"
            "\":\"SparkSinkEvent\"}}]}],\"messages\":{\"getEventBatch\":{\"request\":[{\"name\":"
            "\"n\",\"type\":\"int\"}],\"response\":\"EventBatch\"},\"ack\":{\"request\":[{\"name"
            "\":\"sequenceNumber\",\"type\":\"string\"}],\"response\":\"null\"},\"nack\":{\"reque"
            "st\":[{\"name\":\"sequenceNumber\",\"type\":\"string\"}],\"response\":\"null\"}}}",
    .hash = "\x6d\xc2\xa9\xf2\x6a\x07\x12\x9c\x93\x61\x39\x4c\x94\x68\x86\xbb",
    .theirs = "\x45\xf3\xc2\xc4\xaa\x53\x24\x4c\xea\xac\xda\x67\x31\xde\xdf\xfb",
};

bool flume_protocol_has(const flume_protocol *protocol, const char *hash)
{
    return memcmp(hash, protocol->theirs, FLUME_HASH) == 0 ||
           memcmp(hash, protocol->hash, FLUME_HASH) == 0;
}

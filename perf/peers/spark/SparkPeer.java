import java.nio.file.Files;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.Optional;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.streaming.Durations;
import org.apache.spark.streaming.State;
import org.apache.spark.streaming.StateSpec;
import org.apache.spark.streaming.api.java.JavaDStream;
import org.apache.spark.streaming.api.java.JavaInputDStream;
import org.apache.spark.streaming.api.java.JavaPairDStream;
import org.apache.spark.streaming.api.java.JavaStreamingContext;
import org.apache.spark.streaming.kafka010.ConsumerStrategies;
import org.apache.spark.streaming.kafka010.KafkaUtils;
import org.apache.spark.streaming.kafka010.LocationStrategies;
import scala.Tuple2;

/**
 * Spark Streaming's side: direct stream, local[2].
 *
 *     SparkPeer words|running|events|latency BROKERS TOPIC RECORDS COUNTED ADS BEGIN_NS
 *
 * Ends when COUNTED words, views or results have come out.
 */
public final class SparkPeer {
    private static final String RATE = "250000"; // records a partition and second: a million an interval of 1 s

    private SparkPeer() {
    }

    private static <V> JavaInputDStream<ConsumerRecord<byte[], V>> open(JavaStreamingContext context, String brokers,
            String topic, Class<?> values) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", brokers);
        settings.put("key.deserializer", ByteArrayDeserializer.class);
        settings.put("value.deserializer", values);
        settings.put("group.id", "spark-peer");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        settings.put("isolation.level", "read_committed");
        return KafkaUtils.createDirectStream(context, LocationStrategies.PreferConsistent(),
                ConsumerStrategies.Subscribe(List.of(topic), settings));
    }

    private static JavaPairDStream<String, Long> counts(JavaStreamingContext context, String brokers, String topic) {
        return SparkPeer.<String>open(context, brokers, topic, StringDeserializer.class)
                .flatMap(record -> {
                    Figures.begin();
                    return Arrays.asList(record.value().split(" ")).iterator();
                })
                .mapToPair(word -> new Tuple2<>(word, 1L)).reduceByKey(Long::sum);
    }

    private static void words(JavaStreamingContext context, String brokers, String topic) {
        counts(context, brokers, topic).foreachRDD(
                rdd -> rdd.foreach(pair -> Figures.add(Figures.hash(pair._1()), pair._2())));
    }

    /** What comes out: a word, what was added, and its total. */
    private static void running(JavaStreamingContext context, String brokers, String topic) {
        JavaDStream<Tuple2<String, Tuple2<Long, Long>>> totals = counts(context, brokers, topic).mapWithState(
                StateSpec.<String, Long, Long, Tuple2<String, Tuple2<Long, Long>>>function(
                        (String word, Optional<Long> n, State<Long> state) -> {
                            long total = n.get() + (state.exists() ? state.get() : 0L);
                            state.update(total);
                            return new Tuple2<>(word, new Tuple2<>(n.get(), total));
                        }));
        totals.foreachRDD(rdd -> rdd.foreach(row -> Figures.add(Figures.hash(row._1()), row._2()._1())));
    }

    private static void events(JavaStreamingContext context, String brokers, String topic, String table) throws Exception {
        Broadcast<HashMap<String, Integer>> ads = context.sparkContext().broadcast(Figures.readAds(table));
        SparkPeer.<byte[]>open(context, brokers, topic, ByteArrayDeserializer.class)
                .map(record -> AdEvent.parse(record.value())).filter(event -> event.eventType.equals("view"))
                .mapToPair(event -> new Tuple2<>(ads.value().get(event.adId), 1L))
                .reduceByKeyAndWindow(Long::sum, Durations.seconds(10), Durations.seconds(10))
                .foreachRDD(rdd -> rdd.foreach(pair -> Figures.add(Figures.hash(pair._1()), pair._2())));
    }

    /** A running count of each record; the record is "WORD SENT_NS". */
    private static void latency(JavaStreamingContext context, String brokers, String topic) {
        SparkPeer.<String>open(context, brokers, topic, StringDeserializer.class).mapToPair(record -> {
            int space = record.value().indexOf(' ');
            return new Tuple2<>(record.value().substring(0, space), Long.parseLong(record.value().substring(space + 1)));
        }).mapWithState(StateSpec.<String, Long, Long, Tuple2<Long, Long>>function(
                (String word, Optional<Long> sent, State<Long> state) -> {
                    long total = 1 + (state.exists() ? state.get() : 0L);
                    state.update(total);
                    return new Tuple2<>(sent.get(), total);
                })).foreachRDD(rdd -> rdd.foreach(row -> Figures.addAge(row._1())));
    }

    public static void main(String[] args) throws Exception {
        String job = args[0], brokers = args[1], topic = args[2];
        boolean latency = job.equals("latency");
        SparkConf conf = new SparkConf().setMaster("local[2]").setAppName("peer").set("spark.ui.enabled", "false")
                .set("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
                .set("spark.streaming.kafka.maxRatePerPartition", RATE).set("spark.default.parallelism", "4");
        JavaStreamingContext context = new JavaStreamingContext(conf, latency ? Durations.milliseconds(100) : Durations.seconds(1));
        context.checkpoint(Files.createTempDirectory("spark-peer").toString()); // mapWithState asks for it
        switch (job) {
        case "words":
            words(context, brokers, topic);
            break;
        case "running":
            running(context, brokers, topic);
            break;
        case "events":
            events(context, brokers, topic, args[5]);
            break;
        default:
            latency(context, brokers, topic);
        }
        context.start();
        long wanted = Long.parseLong(args[4]);
        while ((latency ? Figures.ages() : Figures.counted()) < wanted) {
            Thread.sleep(5);
        }
        if (latency) {
            Figures.reportAges("spark-latency");
        } else {
            Figures.report("spark-" + job, Long.parseLong(args[3]), Long.parseLong(args[6]));
        }
        Runtime.getRuntime().halt(0);
    }
}

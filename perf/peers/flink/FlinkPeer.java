import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.ReduceFunction;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.KafkaSourceBuilder;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.util.Collector;

/**
 * Flink's side: a local cluster in this process, parallelism 2, objects reused.
 *
 *     FlinkPeer words|running|events|latency BROKERS TOPIC RECORDS COUNTED ADS BEGIN_NS
 *
 * Words are counted in windows of 1 s by the records' times, views in windows of 10 s by the events' own, running counts
 * give a result a word. The topic is read to its end; with latency, until COUNTED results have come out.
 */
public final class FlinkPeer {
    private FlinkPeer() {
    }

    private static <T> DataStream<T> open(StreamExecutionEnvironment env, String brokers, String topic,
            DeserializationSchema<T> schema, boolean bounded, WatermarkStrategy<T> times) {
        KafkaSourceBuilder<T> source = KafkaSource.<T>builder().setBootstrapServers(brokers).setTopics(topic)
                .setGroupId("flink-peer").setProperty("isolation.level", "read_committed").setValueOnlyDeserializer(schema)
                .setStartingOffsets(OffsetsInitializer.earliest());
        if (bounded) {
            source.setBounded(OffsetsInitializer.latest());
        }
        return env.fromSource(source.build(), times, "kafka");
    }

    private static SingleOutputStreamOperator<Tuple2<String, Long>> words(DataStream<String> lines) {
        return lines.flatMap((String line, Collector<Tuple2<String, Long>> out) -> {
            Figures.begin();
            for (String word : line.split(" ")) {
                out.collect(Tuple2.of(word, 1L));
            }
        }).returns(Types.TUPLE(Types.STRING, Types.LONG));
    }

    private static <T> void discard(SingleOutputStreamOperator<T> results) {
        results.sinkTo(new DiscardingSink<>());
    }

    private static void countWords(StreamExecutionEnvironment env, String brokers, String topic) {
        DataStream<String> lines = open(env, brokers, topic, new SimpleStringSchema(), true,
                WatermarkStrategy.forBoundedOutOfOrderness(Duration.ofSeconds(1)));
        ReduceFunction<Tuple2<String, Long>> sum = (a, b) -> {
            a.f1 += b.f1;
            return a;
        };
        discard(words(lines).keyBy(pair -> pair.f0).window(TumblingEventTimeWindows.of(Duration.ofSeconds(1))).reduce(sum)
                .map(pair -> {
                    Figures.add(Figures.hash(pair.f0), pair.f1);
                    return pair;
                }).returns(Types.TUPLE(Types.STRING, Types.LONG)));
    }

    /** A total for each word that comes. */
    public static final class Total extends KeyedProcessFunction<String, Tuple2<String, Long>, Tuple2<String, Long>> {
        private transient ValueState<Long> total;

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Types.LONG));
        }

        /** Adds f1 of the record, and gives the total in its place. */
        @Override
        public void processElement(Tuple2<String, Long> word, Context context, Collector<Tuple2<String, Long>> out)
                throws IOException {
            Long before = total.value();
            long now = (before == null ? 0 : before) + word.f1;
            total.update(now);
            out.collect(Tuple2.of(word.f0, now));
        }
    }

    private static void runningCount(StreamExecutionEnvironment env, String brokers, String topic) {
        DataStream<String> lines = open(env, brokers, topic, new SimpleStringSchema(), true, WatermarkStrategy.noWatermarks());
        discard(words(lines).keyBy(pair -> pair.f0).process(new Total()).map(pair -> {
            Figures.add(Figures.hash(pair.f0), 1);
            return pair;
        }).returns(Types.TUPLE(Types.STRING, Types.LONG)));
    }

    /** The value as it is. */
    public static final class Bytes extends AbstractDeserializationSchema<byte[]> {
        @Override
        public byte[] deserialize(byte[] message) {
            return message;
        }
    }

    public static final class Count implements AggregateFunction<Tuple2<Integer, Long>, Long, Long> {
        @Override
        public Long createAccumulator() {
            return 0L;
        }

        @Override
        public Long add(Tuple2<Integer, Long> one, Long sum) {
            return sum + 1;
        }

        @Override
        public Long getResult(Long sum) {
            return sum;
        }

        @Override
        public Long merge(Long a, Long b) {
            return a + b;
        }
    }

    private static void countEvents(StreamExecutionEnvironment env, String brokers, String topic, String table)
            throws IOException {
        HashMap<String, Integer> ads = Figures.readAds(table);
        SingleOutputStreamOperator<Tuple2<Integer, Long>> views = open(env, brokers, topic, new Bytes(), true,
                WatermarkStrategy.noWatermarks()).flatMap((byte[] bytes, Collector<Tuple2<Integer, Long>> out) -> {
                    AdEvent event = AdEvent.parse(bytes);
                    if (event.eventType.equals("view")) {
                        out.collect(Tuple2.of(ads.get(event.adId), event.timeMs));
                    }
                }).returns(Types.TUPLE(Types.INT, Types.LONG)).assignTimestampsAndWatermarks(
                        WatermarkStrategy.<Tuple2<Integer, Long>>forBoundedOutOfOrderness(Duration.ofMinutes(10))
                                .withTimestampAssigner((view, time) -> view.f1));
        discard(views.keyBy(view -> view.f0).window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
                .aggregate(new Count(), (Integer campaign, org.apache.flink.streaming.api.windowing.windows.TimeWindow window,
                        Iterable<Long> counts, Collector<Long> out) -> {
                    for (Long n : counts) {
                        Figures.add(Figures.hash(campaign), n);
                        out.collect(n);
                    }
                }, Types.LONG, Types.LONG));
    }

    /** A running count of each record; the record is "WORD SENT_NS". What is passed on is the time it was sent. */
    public static final class Aged extends KeyedProcessFunction<String, Tuple2<String, Long>, Long> {
        private transient ValueState<Long> total;

        @Override
        public void open(OpenContext context) {
            total = getRuntimeContext().getState(new ValueStateDescriptor<>("total", Types.LONG));
        }

        @Override
        public void processElement(Tuple2<String, Long> word, Context context, Collector<Long> out) throws IOException {
            Long before = total.value();
            total.update((before == null ? 0 : before) + 1);
            out.collect(word.f1);
        }
    }

    private static void latency(StreamExecutionEnvironment env, String brokers, String topic, long wanted) {
        env.setBufferTimeout(1);
        DataStream<String> lines = open(env, brokers, topic, new SimpleStringSchema(), false, WatermarkStrategy.noWatermarks());
        discard(lines.map(line -> {
            int space = line.indexOf(' ');
            return Tuple2.of(line.substring(0, space), Long.parseLong(line.substring(space + 1)));
        }).returns(Types.TUPLE(Types.STRING, Types.LONG)).keyBy(pair -> pair.f0).process(new Aged()).map(sent -> {
            Figures.addAge(sent);
            if (Figures.ages() >= wanted) {
                Figures.reportAges("flink-latency");
                Runtime.getRuntime().halt(0);
            }
            return sent;
        }).returns(Types.LONG));
    }

    public static void main(String[] args) throws Exception {
        String job = args[0], brokers = args[1], topic = args[2];
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(2);
        env.getConfig().enableObjectReuse();
        switch (job) {
        case "words":
            countWords(env, brokers, topic);
            break;
        case "running":
            runningCount(env, brokers, topic);
            break;
        case "events":
            countEvents(env, brokers, topic, args[5]);
            break;
        default:
            latency(env, brokers, topic, Long.parseLong(args[4]));
        }
        env.execute();
        Figures.report("flink-" + job, Long.parseLong(args[3]), Long.parseLong(args[6]));
        Runtime.getRuntime().halt(0);
    }
}

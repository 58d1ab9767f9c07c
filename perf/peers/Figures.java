import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;

/**
 * What a job of a peer has counted, and what it took: the same lines of figures that the loops of perf/limit print.
 *
 * Static, since all tasks of a local job are in one process; safe for any thread. The clock is System.nanoTime, which is
 * CLOCK_MONOTONIC here, as in the program that started us.
 */
public final class Figures {
    private static final LongAdder counted = new LongAdder();
    private static final LongAdder checksum = new LongAdder();
    private static final AtomicLong firstNs = new AtomicLong(), resultNs = new AtomicLong();
    private static volatile long startCpuNs;
    private static long[] ages = new long[1 << 20];
    private static int nAges;

    private Figures() {
    }

    /** To be called with each record: the first one ends the start. */
    public static void begin() {
        if (firstNs.get() == 0 && firstNs.compareAndSet(0, System.nanoTime())) {
            startCpuNs = cpuNs();
        }
    }

    /** Adds a result: so many, of a thing whose hash is given. */
    public static void add(long hash, long n) {
        if (resultNs.get() == 0) {
            resultNs.compareAndSet(0, System.nanoTime());
        }
        counted.add(n);
        checksum.add(hash * n);
    }

    public static long counted() {
        return counted.sum();
    }

    /** The age of a result that comes from a record sent at sentNs. The first one is told: the peer reads, so the rest may be sent. */
    public static synchronized void addAge(long sentNs) {
        if (nAges == 0) {
            System.out.println("ready");
        }
        if (nAges == ages.length) {
            ages = Arrays.copyOf(ages, nAges * 2);
        }
        ages[nAges++] = System.nanoTime() - sentNs;
    }

    public static synchronized int ages() {
        return nAges;
    }

    /** zipf_text_pair of a word and no count. */
    public static long hash(String word) {
        long hash = 0xCBF29CE484222325L;
        for (byte b : word.getBytes(StandardCharsets.UTF_8)) {
            hash = (hash ^ (b & 255)) * 0x100000001B3L;
        }
        long z = hash + 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }

    /** A campaign's part of ad_checksum. */
    public static long hash(int campaign) {
        return (long) (campaign + 1) * (campaign + 1);
    }

    /** ad_id to campaign, from lines "ad_id,campaign". */
    public static HashMap<String, Integer> readAds(String path) throws IOException {
        HashMap<String, Integer> ads = new HashMap<>();
        for (String line : Files.readAllLines(Path.of(path))) {
            String[] parts = line.split(",");
            ads.put(parts[0], Integer.valueOf(parts[1]));
        }
        return ads;
    }

    private static long cpuNs() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static double peakMb() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Double.parseDouble(line.replaceAll("[^0-9]", "")) / 1024;
            }
        }
        return Double.NaN;
    }

    /** Rate and CPU time a record begin with the first record; what was before is told as the start. */
    public static void report(String name, long records, long beginNs) throws IOException {
        long cpuNs = cpuNs() - startCpuNs;
        double seconds = (System.nanoTime() - firstNs.get()) * 1e-9;
        System.out.printf("%s records=%d records_s=%.0f cpu_s=%.3f cpu_s_per_million=%.4f start_ms=%.1f start_cpu_s=%.3f "
                + "result_ms=%.1f peak_mb=%.1f counted=%d checksum=%016x%n", name, records, records / seconds, cpuNs * 1e-9,
                cpuNs * 1e-3 / records, (firstNs.get() - beginNs) * 1e-6, startCpuNs * 1e-9,
                (resultNs.get() - beginNs) * 1e-6, peakMb(), counted.sum(), checksum.sum());
    }

    /** Ages after the first half, in which the virtual machine is still compiling. */
    public static synchronized void reportAges(String name) throws IOException {
        long[] sorted = Arrays.copyOfRange(ages, nAges / 2, nAges);
        Arrays.sort(sorted);
        System.out.printf("%s results=%d p50_ms=%.2f p99_ms=%.2f max_ms=%.2f cpu_s=%.3f peak_mb=%.1f%n", name, nAges,
                sorted[sorted.length / 2] * 1e-6, sorted[(int) (sorted.length * 0.99)] * 1e-6,
                sorted[sorted.length - 1] * 1e-6, cpuNs() * 1e-9, peakMb());
    }
}

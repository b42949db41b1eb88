import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.FileReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Reads the topic of decisions from its begin to what is its end now, and prints a table (CSV) per target and day (UTC):
 * how often it was evaluated and changed, and for how many minutes it was at its maximum and wanted no less.
 *
 * <pre>
 *   cd examples/consumer-java
 *   mvn -q dependency:copy-dependencies -DoutputDirectory=libs
 *   java -cp "libs/*" DailySummary.java kafka:9092 autoscaler.decisions > summary.csv
 *   java -cp "libs/*" DailySummary.java kafka:9092 autoscaler.decisions client.properties   # TLS, SASL
 * </pre>
 *
 * What is missing in the topic is told on standard error. Exit codes: 0 all is there, 1 something is missing, 2 the topic
 * cannot be read.
 *
 * <p>What the stream promises: the key is `namespace/kind/name` of the target, whose records are in order in one partition
 * and numbered `seq` = 1, 2, 3, ... within an `epoch`; delivery is at least once. Each replica writes under an epoch of its
 * own: when the leadership comes back to one its epoch goes on, be it higher or lower than the other's. What a former leader
 * delivers late is counted, but is not how the target was since: the body's `leadership` says so. The header `shed` counts
 * numbers directly before this one that were dropped for want of room. A change that the next leader records once more
 * after a crash has another number and the same id.
 */
public final class DailySummary {
    private static final String DECISION = "dev.hpa-companion.decision.v1";
    private static final String RECORD = "dev\\.hpa-companion\\.(decision|parked)\\.v[1-9][0-9]*";
    private static final int ANSWERS_WITHIN_MS = 15_000;
    private static final ObjectMapper JSON = new ObjectMapper();

    /** One line of the table. */
    private static final class Day {
        long evaluations;
        long changes;
        double minutesAtMax;
    }

    /** What must be remembered of a target from one record to the next: a few numbers, however long the topic is. */
    private static final class Target {
        final TreeMap<LocalDate, Day> days = new TreeMap<>();
        final Map<Long, Long> last = new HashMap<>(); // the last `seq` of each epoch
        final Set<String> changes = new HashSet<>();
        long leadership;
        Instant until; // when the last evaluation was that is known
        boolean atMax;

        /** Take up a number: -1 when it was there before, else how many before it are missing. */
        long missingBefore(long epoch, long seq, long shed) {
            Long before = last.get(epoch);
            if (before != null && seq <= before) {
                return -1;
            }
            last.put(epoch, seq);
            // retention may have taken the records before the first of an epoch
            return before == null ? 0 : Math.max(0, seq - (before + 1 + shed));
        }

        void take(String id, JsonNode decision) {
            Instant at = Instant.parse(decision.get("time").asText());
            JsonNode repeats = decision.path("repeats");
            boolean written = decision.get("outcome").asText().equals("written");
            if (!written || changes.add(id)) { // else recorded once more
                day(at).evaluations += 1 + repeats.size();
                day(at).changes += written ? 1 : 0;
            }
            long whose = decision.path("leadership").asLong(leadership);
            if (whose < leadership) {
                return; // late, of a former leader: what is since then is known
            }
            leadership = whose;
            if (atMax) {
                addMinutesAtMax(until, at);
            }
            Instant last = at;
            if (!repeats.isEmpty()) { // a repeat is [seconds after the record's time, ...]
                double after = repeats.get(repeats.size() - 1).get(0).asDouble();
                last = at.plusNanos(Math.round(after * 1e9));
            }
            JsonNode size = decision.get(written ? "desired" : "current");
            for (JsonNode stage : decision.path("stages")) { // `limited` and `forced` know the bounds
                if (stage.has("max_replicas")) {
                    atMax = !size.isNull()
                            && size.asInt() >= stage.get("max_replicas").asInt()
                            && decision.get("desired").asInt() >= stage.get("max_replicas").asInt();
                }
            }
            if (atMax) {
                addMinutesAtMax(at, last);
            }
            until = last;
        }

        /** What happened between is not known: count nothing for it. */
        void lost() {
            atMax = false;
        }

        private void addMinutesAtMax(Instant from, Instant to) {
            for (Instant begin = from; begin.isBefore(to); ) {
                LocalDate date = LocalDate.ofInstant(begin, ZoneOffset.UTC);
                Instant midnight = date.plusDays(1).atStartOfDay(ZoneOffset.UTC).toInstant();
                Instant end = midnight.isBefore(to) ? midnight : to;
                day(begin).minutesAtMax += Duration.between(begin, end).toNanos() / 60e9;
                begin = end;
            }
        }

        private Day day(Instant at) {
            return days.computeIfAbsent(LocalDate.ofInstant(at, ZoneOffset.UTC), date -> new Day());
        }
    }

    private final TreeMap<String, Target> targets = new TreeMap<>();
    private long missing;

    public static void main(String[] arguments) {
        if (arguments.length < 2 || arguments.length > 3) {
            System.err.println("usage: java -cp \"libs/*\" DailySummary.java SERVERS TOPIC [CLIENT.PROPERTIES]");
            System.exit(2);
        }
        DailySummary summary = new DailySummary();
        try {
            summary.read(arguments[0], arguments[1], arguments.length == 3 ? arguments[2] : null);
        } catch (KafkaException | IOException problem) {
            System.err.println(arguments[0] + ", topic " + arguments[1] + ": " + problem.getMessage());
            System.exit(2);
        }
        summary.print();
        System.exit(summary.missing > 0 ? 1 : 0);
    }

    private void read(String servers, String topic, String file) throws IOException {
        Properties settings = new Properties();
        if (file != null) {
            try (FileReader reader = new FileReader(file, StandardCharsets.UTF_8)) {
                settings.load(reader);
            }
        }
        settings.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, servers);
        settings.put(ConsumerConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, ANSWERS_WITHIN_MS);
        settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
        try (KafkaConsumer<String, byte[]> consumer =
                new KafkaConsumer<>(settings, new StringDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = consumer.partitionsFor(topic).stream()
                    .map(each -> new TopicPartition(topic, each.partition()))
                    .toList();
            if (partitions.isEmpty()) {
                throw new KafkaException("there is no such topic");
            }
            consumer.assign(partitions); // all of it, on our own: no group, no offsets to commit
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = new HashMap<>(consumer.endOffsets(partitions));
            while (true) {
                ends.entrySet().removeIf(each -> consumer.position(each.getKey()) >= each.getValue());
                if (ends.isEmpty()) {
                    return;
                }
                for (ConsumerRecord<String, byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    take(record);
                }
            }
        }
    }

    private void take(ConsumerRecord<String, byte[]> record) throws IOException {
        if (!header(record, "ce_type", "").matches(RECORD)) {
            return; // somebody else's, or a doctor tried the way
        }
        if (record.key() == null || record.headers().lastHeader("seq") == null) {
            throw new KafkaException("offset " + record.offset() + " is no record of a decision");
        }
        Target target = targets.computeIfAbsent(record.key(), key -> new Target());
        long epoch = Long.parseLong(header(record, "epoch", "0"));
        long seq = Long.parseLong(header(record, "seq", "0"));
        long lost = target.missingBefore(epoch, seq, Long.parseLong(header(record, "shed", "0")));
        if (lost < 0) {
            return; // delivered once more
        }
        if (lost > 0) {
            missing += lost;
            target.lost();
            System.err.printf("%s %d/%d: %d missing before it%n", record.key(), epoch, seq, lost);
        }
        if (header(record, "ce_type", "").equals(DECISION)) {
            target.take(header(record, "ce_id", ""), JSON.readTree(record.value()));
        } else { // the broker refused its body, or it is of a later version: its number counts
            target.lost();
        }
    }

    private static String header(ConsumerRecord<?, ?> record, String name, String otherwise) {
        Header found = record.headers().lastHeader(name);
        return found == null ? otherwise : new String(found.value(), StandardCharsets.UTF_8);
    }

    private void print() {
        System.out.println("target,day,evaluations,changes,minutes_at_max");
        targets.forEach((name, target) -> target.days.forEach((day, sums) -> System.out.printf(
                Locale.ROOT, "%s,%s,%d,%d,%.1f%n", name, day, sums.evaluations, sums.changes, sums.minutesAtMax)));
    }
}

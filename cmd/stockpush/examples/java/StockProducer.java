// Sends stock events with Kafka's own client (org.apache.kafka:kafka-clients).
//   java -cp 'libs/*' StockProducer.java 127.0.0.1:9092
import java.time.Instant;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class StockProducer {
    static final String TOPIC = System.getenv().getOrDefault("TOPIC", "stockpush.events");

    public static void main(String[] args) {
        Properties config = new Properties();
        config.put("bootstrap.servers", args[0]);
        config.put("key.serializer", StringSerializer.class);
        config.put("value.serializer", StringSerializer.class);
        // The default partitioner is murmur2, which is what kafka.partitioner expects by default.
        // These two are the defaults as well: a repeated send changes neither order nor number.
        config.put("enable.idempotence", true);
        config.put("acks", "all");

        AtomicInteger failed = new AtomicInteger();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(config)) {
            for (int i = 1; i <= 10; i++) {
                long shop = 10001;
                String sku = "JAVA-" + i;
                String key = "shopee/" + shop + "/" + sku;
                String event = """
                    {"event_id":"java-%s","reason":"stock_count","channel":"shopee","shop_id":%d,\
                    "store_sku":"%s","item_id":600,"model_id":%d,"available":12,"occurred_at":"%s"}"""
                    .formatted(UUID.randomUUID(), shop, sku, i, Instant.now());
                // The client retries by itself. What fails here was not stored within
                // delivery.timeout.ms: send the newest quantity of this store SKU again.
                producer.send(new ProducerRecord<>(TOPIC, key, event), (metadata, error) -> {
                    if (error != null) {
                        failed.incrementAndGet();
                        System.err.println(key + " was not stored: " + error);
                    }
                });
            }
        } // close waits until every event is stored or has failed
        System.exit(failed.get() == 0 ? 0 : 1);
    }
}

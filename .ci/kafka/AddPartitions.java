import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;

// AddPartitions BROKER TOPIC N does what kafka-topics.sh --alter --partitions N does, which is in
// none of the jars that the broker needs.
class AddPartitions {
    public static void main(String[] args) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[0]))) {
            admin.createPartitions(Map.of(args[1], NewPartitions.increaseTo(Integer.parseInt(args[2])))).all().get();
        }
    }
}

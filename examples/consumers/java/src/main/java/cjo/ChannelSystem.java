package cjo;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * A channel system on Kafka: takes commands, acts once for each, reports outcomes.
 *
 * <p>Arguments: the broker, the topic of commands, the topic of outcomes, a file that remembers.
 * {@link #act} is where your channel does its work. A kill between that and the line in the file
 * repeats it: so pass on the action_id as the idempotency key of your provider.
 */
public final class ChannelSystem {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final KafkaConsumer<String, byte[]> consumer;
  private final KafkaProducer<String, byte[]> producer;
  private final String outcomes;
  private final Acted acted;

  private ChannelSystem(String bootstrap, String outcomes, Path file) throws IOException {
    this.consumer = new KafkaConsumer<>(reading(bootstrap));
    this.producer = new KafkaProducer<>(writing(bootstrap));
    this.outcomes = outcomes;
    this.acted = new Acted(file);
  }

  /** Works until it is asked to end. */
  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 4) {
      System.err.println("usage: ChannelSystem BOOTSTRAP COMMANDS OUTCOMES FILE");
      System.exit(2);
    }
    ChannelSystem system =
        new ChannelSystem(arguments[0], arguments[2], Path.of(arguments[3]));
    Thread main = Thread.currentThread();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> system.end(main)));
    system.run(arguments[1]);
  }

  /** Does what a command says; returns its outcome. Here it prints. */
  private static String act(JsonNode command) {
    System.out.println(command.get("action_id").asText() + " " + command.get("payload"));
    return "delivered";
  }

  private void run(String commands) throws Exception {
    consumer.subscribe(List.of(commands));
    try {
      while (true) {
        ConsumerRecords<String, byte[]> records = consumer.poll(Duration.ofSeconds(1));
        List<Future<RecordMetadata>> reports = new ArrayList<>();
        for (ConsumerRecord<String, byte[]> record : records) {
          take(record, reports);
        }
        for (Future<RecordMetadata> report : reports) {
          report.get();
        }
        // Only now: what was not reported is taken again.
        consumer.commitSync();
      }
    } catch (WakeupException asked) {
      // The hook below asked for the end.
    } finally {
      consumer.close();
      producer.close();
      acted.close();
    }
  }

  private void take(ConsumerRecord<String, byte[]> record, List<Future<RecordMetadata>> reports)
      throws IOException {
    JsonNode command = read(record.value());
    if (command == null) {
      System.err.printf("no command: %s, offset %d%n", record.topic(), record.offset());
      return;
    }
    String id = command.get("action_id").asText();
    String outcome = acted.outcome(id);
    if (outcome == null) {
      if (command.get("expires_at").asLong() <= System.currentTimeMillis()) {
        System.err.println("expired: " + id);
        return;
      }
      outcome = act(command);
      acted.add(id, outcome);
    }
    String customer = command.get("customer_id").asText();
    reports.add(producer.send(new ProducerRecord<>(outcomes, customer, report(id, outcome))));
  }

  private static JsonNode read(byte[] value) {
    try {
      JsonNode found = value == null ? null : JSON.readTree(value);
      boolean isOne = found != null && "cjo.action.v1".equals(found.path("schema").asText());
      return isOne ? found : null;
    } catch (IOException odd) {
      return null;
    }
  }

  /** The event cjo.outcome; its id is the same at each report, so the engine takes one. */
  private static byte[] report(String id, String outcome) throws IOException {
    ObjectNode event = JSON.createObjectNode();
    event.put("type", "cjo.outcome");
    event.put("time", System.currentTimeMillis());
    event.put("id", id + "-" + outcome);
    event.putObject("attributes").put("action_id", id).put("outcome", outcome);
    return JSON.writeValueAsBytes(event);
  }

  private void end(Thread main) {
    consumer.wakeup();
    try {
      main.join();
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static Properties reading(String bootstrap) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("group.id", "channel-system-java");
    properties.put("isolation.level", "read_committed");
    properties.put("enable.auto.commit", "false");
    properties.put("auto.offset.reset", "earliest");
    properties.put("key.deserializer", StringDeserializer.class.getName());
    properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
    return properties;
  }

  private static Properties writing(String bootstrap) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrap);
    properties.put("acks", "all");
    properties.put("enable.idempotence", "true");
    properties.put("key.serializer", StringSerializer.class.getName());
    properties.put("value.serializer", ByteArraySerializer.class.getName());
    return properties;
  }

  /** The commands that were acted on, a line each, kept in a file that is forced to the disk. */
  private static final class Acted implements AutoCloseable {

    private final Map<String, String> outcomes = new HashMap<>();
    private final FileChannel file;

    Acted(Path path) throws IOException {
      if (Files.exists(path)) {
        for (String line : Files.readAllLines(path, StandardCharsets.UTF_8)) {
          String[] words = line.split(" ");
          if (words.length == 3) { // a line that a kill cut off has no end
            outcomes.put(words[0], words[1]);
          }
        }
      }
      file =
          FileChannel.open(
              path,
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE,
              StandardOpenOption.APPEND);
      if (file.size() > 0) {
        write("\n");
      }
    }

    String outcome(String id) {
      return outcomes.get(id);
    }

    void add(String id, String outcome) throws IOException {
      write(id + " " + outcome + " .\n");
      file.force(false);
      outcomes.put(id, outcome);
    }

    private void write(String text) throws IOException {
      ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
    }

    @Override
    public void close() throws IOException {
      file.close();
    }
  }
}

"""A real single-node Kafka from Maven Central."""

"""Real servers on loopback, as separate processes: Hadoop, S3 and Kafka."""

"""Sends stock events with confluent-kafka (librdkafka).

    python confluent_producer.py 127.0.0.1:9092
"""
import json
import os
import sys
import uuid
from datetime import datetime, timezone

from confluent_kafka import Producer

TOPIC = os.environ.get("TOPIC", "stockpush.events")

producer = Producer({
    "bootstrap.servers": sys.argv[1],
    # librdkafka's own default is consistent_random. It needs kafka.partitioner crc32.
    "partitioner": os.environ.get("PARTITIONER", "murmur2_random"),
    # A repeated send changes neither order nor number. It implies acks=all.
    "enable.idempotence": True,
})
failed = []


def delivered(error, message):
    if error is not None:  # not stored within message.timeout.ms: send the newest quantity again
        failed.append(message.key())
        print(f"{message.key().decode()} was not stored: {error}", file=sys.stderr)


for i in range(1, 11):
    shop, sku = 10001, f"CONFLUENT-{i}"
    event = {
        "event_id": f"confluent-{uuid.uuid4()}", "reason": "stock_count", "channel": "shopee",
        "shop_id": shop, "store_sku": sku, "item_id": 601, "model_id": i, "available": 12,
        "occurred_at": datetime.now(timezone.utc).isoformat(),
    }
    while True:
        try:
            producer.produce(TOPIC, key=f"shopee/{shop}/{sku}", value=json.dumps(event), on_delivery=delivered)
            break
        except BufferError:  # the local queue is full: wait until some events are stored
            producer.poll(1)
    producer.poll(0)  # calls delivered for what is stored by now

producer.flush()  # waits until every event is stored or has failed
sys.exit(1 if failed else 0)

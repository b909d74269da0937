"""Sends stock events with kafka-python.

    python kafka_python_producer.py 127.0.0.1:9092
"""
import json
import os
import sys
import uuid
from datetime import datetime, timezone

from kafka import KafkaProducer
from kafka.errors import KafkaError

TOPIC = os.environ.get("TOPIC", "stockpush.events")

producer = KafkaProducer(
    bootstrap_servers=sys.argv[1].split(","),
    # The default partitioner is murmur2, which is what kafka.partitioner expects by default.
    # A repeated send changes neither order nor number.
    enable_idempotence=True,
    acks="all",
)
sent = {}
for i in range(1, 11):
    shop, sku = 10001, f"PYTHON-{i}"
    key = f"shopee/{shop}/{sku}"
    event = {
        "event_id": f"python-{uuid.uuid4()}", "reason": "stock_count", "channel": "shopee",
        "shop_id": shop, "store_sku": sku, "item_id": 602, "model_id": i, "available": 12,
        "occurred_at": datetime.now(timezone.utc).isoformat(),
    }
    sent[key] = producer.send(TOPIC, key=key.encode(), value=json.dumps(event).encode())

failed = False
for key, future in sent.items():
    try:
        future.get(timeout=120)
    except KafkaError as error:  # not stored: send the newest quantity again
        failed = True
        print(f"{key} was not stored: {error}", file=sys.stderr)
producer.close()
sys.exit(1 if failed else 0)

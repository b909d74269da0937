// Sends stock events with KafkaJS.
//   node producer.js 127.0.0.1:9092
const { randomUUID } = require('node:crypto')
const { Kafka, Partitioners, logLevel } = require('kafkajs')

const topic = process.env.TOPIC || 'stockpush.events'

const kafka = new Kafka({ clientId: 'stock', brokers: process.argv[2].split(','), logLevel: logLevel.ERROR })
const producer = kafka.producer({
  // The default of KafkaJS 2 is murmur2, which is what kafka.partitioner expects by default.
  createPartitioner: Partitioners.DefaultPartitioner,
  // A repeated send changes neither order nor number. It needs acks -1 and one request at a time.
  idempotent: true,
  maxInFlightRequests: 1,
})

async function main() {
  const messages = []
  for (let i = 1; i <= 10; i++) {
    const shop = 10001
    const sku = `NODE-${i}`
    messages.push({
      key: `shopee/${shop}/${sku}`,
      value: JSON.stringify({
        event_id: `node-${randomUUID()}`, reason: 'stock_count', channel: 'shopee', shop_id: shop,
        store_sku: sku, item_id: 603, model_id: i, available: 12, occurred_at: new Date().toISOString(),
      }),
    })
  }
  await producer.connect()
  try {
    await producer.send({ topic, acks: -1, messages })
  } finally {
    await producer.disconnect()
  }
}

main().catch((error) => {
  // Some events may not be stored: send the newest quantities again.
  console.error('the events were not all stored:', error)
  process.exitCode = 1
})

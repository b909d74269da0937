// Package clickhouse writes records to ClickHouse and keeps its schema.
//
// It owns the connection, migrations, column-wise inserts, and the jobs that
// trim records and freeze statistics. Every insert may be made again: rows are
// identified by their record, not by the insert. Its methods block on the
// network for as long as their context allows.
//
// # What was measured
//
// BenchmarkQueries in cmd/stockpush makes records inside ClickHouse: store SKUs
// drawn log-uniformly, 78 % Skipped, a store SKU in 50 failing most of its pushes and
// the others 1.5 %, evenly over 29.5 days, the newest 1,000 in the queue. Median and
// 95th percentile of 15 runs in milliseconds, and the server's processor
// time of one answer, on two cores that other work used too (load 3 to 5),
// embedded ClickHouse 26.7, records trimmed once:
//
//	                        10 M records, 200 k SKUs   the same, after an insert   50 M records, 1 M SKUs
//	history of a store SKU    43 /  82, processor  66     97 / 189, processor  77    157 / 562, processor 169
//	list                      68 / 212, processor  98    167 / 243, processor 177    170 / 353, processor 289
//	list: shop                48 /  51, processor  46     90 / 104, processor 111     70 /  86, processor  68
//	list: status Failed       67 /  78, processor  88    164 / 207, processor 240    153 / 207, processor 242
//	list: merchant SKU        80 /  97, processor  72    529 /1153, processor 299    118 / 132, processor 165
//	list: 20 store SKUs       88 / 162, processor  79    155 / 447, processor 173    138 / 155, processor 190
//	failed                    54 / 231, processor  40     92 / 114, processor  89     57 /  78, processor  76
//	failed: failure code      41 / 174, processor  36     85 / 141, processor  85     56 /  72, processor  67
//
// "After an insert" is straight after each of some hundred inserts of 1,000 records
// and of what became of 1,000 others, several a second. The target for 50 M records of
// 1 M store SKUs, 100 ms at the median, holds there for the failed list and for a shop's,
// not yet for the other lists; they read every store SKU's row once.
//
// With all that is attached, 208,000 rows/s were generated and inserted; in the
// same run the last million took 117,000 rows/s, and 221,000 rows/s into
// push_records alone. On disk, 50 M records take 3.3 GiB, their facts 1.2 GiB, and 1 M
// states 85 MiB. A run of trimming took 14 s at 10 M records that had never been trimmed.
//
// Designs that were measured and left: FINAL over a million states is 40 to 120 ms
// before anything else is read, and an AggregatingMergeTree read so takes parts of a tuple from
// the wrong row; a maximum of whole tuples is 4 us a row; a set of the queue written into
// the query as a constant makes planning slower than the query.
package clickhouse

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
// the others 1.5 %, evenly over 29.5 days, the newest 1,000 in the queue; records trimmed
// once. It asks through pushrecords.Reader, 50 rows a page, 15 times each. At 50 M records of
// 1 M store SKUs, the states and failures merged (by OPTIMIZE), embedded ClickHouse 26.7, on two cores that nothing else
// used, median / 95th percentile in milliseconds of the first page:
//
//	                     by time     by key      by merchant SKU   failed
//	no filter            61 / 74     29 / 35     65 / 73           83 / 99
//	status Failed        61 / 73     32 / 39     62 / 80
//	status Successfully  54 / 68     28 / 34     62 / 72
//	status Skipped       56 / 63     27 / 31     59 / 73
//	status Pending       45 / 57     45 / 53     57 / 71
//	reason               59 / 71     35 / 37     70 / 77           72 / 77
//	failure code         52 / 65     30 / 33     58 / 63           74 / 80
//	shop                 46 / 60     26 / 29     30 / 40           48 / 51
//	20 store SKUs        69 / 80     49 / 56     48 / 50           77 / 96
//	merchant SKU         56 / 60     41 / 47     38 / 42           76 / 86
//	last hour            61 / 68     35 / 38     70 / 86           73 / 80
//	a day last week      55 / 62     32 / 34     61 / 70           78 / 91
//	still failing        55 / 60     29 / 33     57 / 72
//
// A store SKU's history took 84 / 297, of a hot one 48 / 177: it has to open a file for each of
// 47 columns in each part that has the store SKU. Later pages take up to half more; the slowest are the failed
// list, 93 / 104, and by time what is Pending, 89 / 115. So all keep to the target, 100 / 300, where the states
// are merged. Where they are not, the lists by time take up to 133 / 276 (later pages 294 / 358), by merchant SKU up to 247 / 271,
// and the failed list 139 / 224: in the benchmark inserts go on without a pause then. The overview's statistics of a day take 2.7 s.
//
// Of 3 M records 196,000 to 201,000 rows/s were generated and inserted with all that is attached (207,000 and
// 212,000 before the lists had columns of their own, in turn), and 336,000 to 347,000 rows/s into a plain table. On disk, 50 M records take 3.3 GiB, their facts 1.2 GiB, and 1 M
// states 85 MiB. A run of trimming took 14 s at 10 M records that had never been trimmed.
//
// Designs that were measured and left: FINAL over a million states is 40 to 120 ms
// before anything else is read, and an AggregatingMergeTree read so takes parts of a tuple from
// the wrong row; a maximum of whole tuples is 4 us a row; a set of the queue written into
// the query as a constant makes planning slower than the query.
package clickhouse

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
// once. It asks through pushrecords.Reader, 50 rows a page, 21 times each. At 50 M records of
// 1 M store SKUs, the states and failures merged (by OPTIMIZE), embedded ClickHouse 26.7, on two cores that nothing else
// used, median / 95th percentile in milliseconds of the first page:
//
//	                     by time     by key      by merchant SKU   failed
//	no filter            53 / 63     26 / 32     52 / 70           65 / 72
//	status Failed        56 / 72     24 / 25     57 / 65
//	status Successfully  53 / 60     27 / 28     61 / 67
//	status Skipped       52 / 61     25 / 28     57 / 60
//	status Pending       44 / 50     45 / 51     61 / 67
//	reason               59 / 70     32 / 34     67 / 79           71 / 77
//	failure code         52 / 63     29 / 32     58 / 64           71 / 78
//	shop                 44 / 58     26 / 29     27 / 28           50 / 55
//	20 store SKUs        67 / 74     48 / 52     47 / 53           75 / 86
//	merchant SKU         53 / 57     40 / 47     36 / 42           69 / 75
//	last hour            53 / 59     32 / 34     69 / 78           73 / 88
//	a day last week      57 / 63     33 / 36     64 / 72           73 / 77
//	still failing        53 / 57     28 / 29     59 / 70
//
// A store SKU's history took 36 / 63, of a hot one 45 / 53; in an earlier run 84 / 297 and 48 / 177: it has to
// open a file for each of 47 columns in each part that has the store SKU. The slowest later page is by time what is
// Pending, 93 / 110. So all keep to the target, 100 / 300, where the states are merged. Where they are not, about half
// of the lists do not: by merchant SKU they take up to 502 / 597. In the benchmark inserts go on without a pause then.
// The overview's statistics of a day take 1.9 s, 5.2 s meanwhile.
//
// Of 3 M records 196,000 to 201,000 rows/s were generated and inserted with all that is attached (207,000 and
// 212,000 before the lists had columns of their own, in turn), and 336,000 to 347,000 rows/s into a plain table. On disk, 50 M records take 3.3 to 3.6 GiB, their facts 1.2 GiB, and 1 M
// states 85 MiB. A run of trimming took 14 s at 10 M records that had never been trimmed.
//
// Designs that were measured and left: FINAL over a million states is 40 to 120 ms
// before anything else is read, and an AggregatingMergeTree read so takes parts of a tuple from
// the wrong row; a maximum of whole tuples is 4 us a row; a set of the queue written into
// the query as a constant makes planning slower than the query.
package clickhouse

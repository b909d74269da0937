package clickhouse

// Confinable says why the kernel cannot keep the engine to its files.
var Confinable = confinable

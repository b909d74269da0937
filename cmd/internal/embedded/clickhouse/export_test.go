package clickhouse

// Confinable returns why the kernel cannot restrict the engine's files, or nil.
var Confinable = confinable

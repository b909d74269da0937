package sim

// Defect is a defect of the product, or of what it relies on, that is planted to show that the ledger
// finds it. It is planted in the world around the product, where it looks as if the product had it.
type Defect string

// The defects.
const (
	None Defect = ""
	// AcknowledgesEarly: a message is acknowledged before it is stored, as if offsets were resolved
	// without waiting for the acknowledgement.
	AcknowledgesEarly Defect = "a message is acknowledged before it is stored"
	// LosesRecords: some records are acknowledged and never stored.
	LosesRecords Defect = "a record is never written"
	// CommitsAhead: delivered offsets are committed, not resolved ones.
	CommitsAhead Defect = "more is committed than was resolved"
	// RefusedHeartbeats: a process whose heartbeats are refused believes that it is a member.
	RefusedHeartbeats Defect = "refused heartbeats count"
	// ForgetsStates: a worker starts without the states.
	ForgetsStates Defect = "the state is not restored"
	// CompactsWrong: compaction keeps the oldest state of a store SKU.
	CompactsWrong Defect = "compaction keeps the oldest"
	// ForgetsInherited: a worker takes what an earlier owner left for its own.
	ForgetsInherited Defect = "what an earlier owner may have sent is forgotten"
	// BelievesMarks: the last owner of a partition is always assumed to have drained.
	BelievesMarks Defect = "a mark of another owner is believed"
	// BelievesReads: a read always shows what was sent last.
	BelievesReads Defect = "the read-back is ignored"
	// ClaimsSuccess: a request without an answer counts as a success.
	ClaimsSuccess Defect = "an unknown outcome counts as success"
	// ForgetsRows: the store reports rows as stored that it has not stored.
	ForgetsRows Defect = "a batch is given up"
)

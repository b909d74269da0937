// Package archtest tests rules about the whole repository: which package may import which, what may
// lie at the top level, how large a file may be, and which phrases are not used.
package archtest

// Package archtest holds the repository to its layout: which package may
// import which, what lies at the top level, and how large a file may be.
package archtest

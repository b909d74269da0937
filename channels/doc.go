// Package channels is the contract between the pushing stage and a marketplace: what a call
// carries and what an answer says. The stage is package worker below it, and its rules package
// lane; each marketplace is a package of its own that implements Channel.
package channels

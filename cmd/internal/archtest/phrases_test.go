package archtest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// phrase is an expression that readers stumble over, with what to write in its place.
type phrase struct{ pattern, instead string }

// phrases are coined verbs, riddles and metaphors. Comments, names, messages and documents avoid
// them; the glossary in processor/DESIGN.md has the terms to use.
var phrases = []phrase{
	{`made anew|begins? anew|anew`, "created, recreated, restarted"},
	{`by itself`, "automatically, or name who does it"},
	{`go(es|ing)? on`, "continue"},
	{`but for`, "except"},
	{`of (which|whom)`, "split the sentence"},
	{`who does|whoever|whom`, "name the agent"},
	{`nobody( has)?|somebody|anybody`, "name the agent, or use the passive"},
	{`at rest|rests|(come|comes|came) to rest|awake`, "idle"},
	{`parcels?`, "batch"},
	{`courtesy`, "gate, back-pressure"},
	{`mends?|mended`, "repair, resolve"},
	{`land(ed|ing)`, "applied, stored"},
	{`fl(y|ies|ying)`, "in flight"},
	{`puts? aside|set aside`, "dead-letter"},
	{`what (became|becomes|came|comes) of`, "its outcome"},
	{`meant so`, "expected"},
	{`let go|lets go`, "release, flush"},
	{`owe[sd]?|duty`, "pending read-back"},
	{`as a rule`, "usually"},
	{`pretended`, "fake"},
	{`in good order`, "cleanly"},
	{`scribble|nudge|patience|patiently|punctual|crowd`, "signal, timeout, backoff"},
	{`far behind`, "has a backlog"},
	{`(is|are|was|were) told`, "receives, learns"},
	{`tells? (of|how|why)`, "reports"},
	{`whatever (becomes|comes|goes)`, "in any case"},
	{`all the same`, "still, nevertheless"},
	{`for good`, "permanently"},
	{`for nothing`, "without a cause, in vain"},
	{`giv(e|es|en) (it |them |one )?back`, "revoke, release, return"},
	{`taken up`, "started, read"},
	{`(holds?|held) (it |them )?up`, "delay, block"},
	{`(written|writes?|wrote) (it |them )?down`, "store"},
	{`(of|than) ours`, "our, stockpush's"},
	{`at most so (many|much)|so (many|much) (events|rows|messages|processes)`, "at most N, this many"},
	{`lies? (beside|there)`, "is"},
	{`made good`, "processed, repaired"},
	{`on (its|their) way`, "pending, in flight"},
	{`what (it|they|a [a-z]+) (came|comes) to`, "its result"},
	{`(goes|went|go|going) out`, "is sent"},
	{`tells? \S+ apart`, "distinguishes"},
	{`as (it|they) should be`, "as expected"},
	{`in vain`, "without success"},
	{`again and again`, "repeatedly"},
	{`who (asks|sent|reads|sends|joins|takes|knows)`, "the client that"},
	{`pass(es|ed)? over`, "skip, ignore"},
	{`hear[sd]? (of|nothing)`, "notice, receive no heartbeat"},
	{`let be|left alone`, "not touched"},
	{`is over by (now|then)`, "has ended"},
}

// tolerated is how many uses a folder still has. A number may fall, never rise.
var tolerated = map[string]int{
	"channels/shopee":                       6,
	"channels/shopee/postgres/postgrestest": 2,
	"channels/shopee/shopeetest":            1,
	"cmd/stockpush/docs":                    15,
	"processor":                             12,
	"processor/latest":                      6,
	"processor/stream":                      86,
	"processor/stream/streamtest":           6,
	"processor/watermark":                   5,
}

// words matches every phrase as whole words.
var words = func() *regexp.Regexp {
	var patterns []string
	for _, p := range phrases {
		patterns = append(patterns, p.pattern)
	}
	return regexp.MustCompile(`(?i)\b(?:` + strings.Join(patterns, "|") + `)\b`)
}()

// advice returns what to write instead of a phrase.
func advice(found string) string {
	for _, p := range phrases {
		if regexp.MustCompile(`(?i)^(?:` + p.pattern + `)$`).MatchString(found) {
			return p.instead
		}
	}
	return ""
}

// uses lists the phrases in a text, each with its line.
func uses(name string, text []byte) (found []string) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		for _, use := range words.FindAllString(lines.Text(), -1) {
			found = append(found, fmt.Sprintf("%s:%d: %q (%s)", name, n, use, advice(use)))
		}
	}
	return found
}

// prose lists the tracked files that people read. Released SQL never changes.
func prose(t *testing.T) []string {
	tracked, err := exec.Command("git", "-C", "../../..", "ls-files", "*.go", "*.md", "*.html", "*.yml", "*.yaml", "Makefile").Output()
	if err != nil {
		t.Skip("not a git checkout: ", err)
	}
	return strings.Fields(string(tracked))
}

func TestPlainPhrases(t *testing.T) {
	byFolder := map[string][]string{}
	for _, name := range prose(t) {
		text, err := os.ReadFile(filepath.Join("../../..", name))
		if os.IsNotExist(err) || strings.HasSuffix(name, "archtest/phrases_test.go") {
			continue
		}
		require.NoError(t, err)
		byFolder[path.Dir(name)] = append(byFolder[path.Dir(name)], uses(name, text)...)
	}
	for folder, found := range byFolder {
		if len(found) > tolerated[folder] {
			t.Errorf("%s may have %d of these phrases and has %d:\n  %s", folder, tolerated[folder], len(found), strings.Join(found, "\n  "))
		}
	}
}

func TestPlantedPhrasesAreFound(t *testing.T) {
	planted := "package p\n\n// Whoever owns it goes on.\nvar patience = \"put aside\"\n\n// It continues with the rest of the batch.\n"
	require.Equal(t, []string{
		`x.go:3: "Whoever" (name the agent)`, `x.go:3: "goes on" (continue)`,
		`x.go:4: "patience" (signal, timeout, backoff)`, `x.go:4: "put aside" (dead-letter)`,
	}, uses("x.go", []byte(planted)))
	for _, p := range phrases {
		require.NotEmpty(t, p.instead, p.pattern)
	}
}

package version

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// released finds the headings of a changelog: a version and, unless it is Unreleased, its day.
var released = regexp.MustCompile(`(?m)^## \[([^\]]+)\](?: - (\S+))?$`)

// checkRelease fails unless a changelog begins with Unreleased, followed by the version and its day.
func checkRelease(changelog, version string) error {
	headings := released.FindAllStringSubmatch(changelog, -1)
	if len(headings) < 2 || headings[0][1] != "Unreleased" {
		return fmt.Errorf("the changelog does not begin with [Unreleased] and a version")
	}
	if headings[1][1] != version {
		return fmt.Errorf("the changelog's newest version is %s, version.Release is %s: change one of them", headings[1][1], version)
	}
	if _, err := time.Parse(time.DateOnly, headings[1][2]); err != nil {
		return fmt.Errorf("version %s has no day in the changelog: %w", version, err)
	}
	return nil
}

func TestReleaseAndChangelogAgree(t *testing.T) {
	changelog, err := os.ReadFile("../../../CHANGELOG.md")
	require.NoError(t, err)
	require.NoError(t, checkRelease(string(changelog), Release))
}

func TestReleaseCheckRefusesAChangelogOfAnotherVersion(t *testing.T) {
	require.NoError(t, checkRelease("## [Unreleased]\n\n## [1.2.3] - 2026-11-30\n\n## [1.2.2] - 2026-01-01\n", "1.2.3"))
	for changelog, want := range map[string]string{
		"## [Unreleased]\n\n## [1.2.2] - 2026-11-30\n": "is 1.2.2",
		"## [1.2.3] - 2026-11-30\n":                    "does not begin",
		"## [Unreleased]\n":                            "does not begin",
		"## [Unreleased]\n\n## [1.2.3]\n":              "no day",
		"## [Unreleased]\n\n## [1.2.3] - today\n":      "no day",
	} {
		require.ErrorContains(t, checkRelease(changelog, "1.2.3"), want, changelog)
	}
}

func TestReleaseAndChartAgree(t *testing.T) {
	chart, err := os.ReadFile("../../stockpush/deploy/helm/stockpush/Chart.yaml")
	require.NoError(t, err)
	for _, key := range []string{"version", "appVersion"} {
		require.Contains(t, string(chart), "\n"+key+": "+Release+"\n")
	}
}

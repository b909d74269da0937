package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// screen is a window size in CSS pixels.
type screen struct {
	name          string
	width, height int64
}

var (
	desktop = screen{"desktop", 1280, 880}
	phone   = screen{"phone", 360, 780}
)

// browser is a tab of a real Chromium that records errors of the page.
type browser struct {
	t       *testing.T
	ctx     context.Context
	mu      sync.Mutex
	problem []string
}

// newBrowser starts the Chromium at STOCKPUSH_TEST_CHROMIUM, and skips the test without it.
func newBrowser(t *testing.T, at screen) *browser {
	path := os.Getenv("STOCKPUSH_TEST_CHROMIUM")
	if path == "" {
		t.Skip("STOCKPUSH_TEST_CHROMIUM names no Chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WindowSize(int(at.width), int(at.height)), chromedp.Flag("lang", "en-GB"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	b := &browser{t: t}
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithListener(b.watch))
	t.Cleanup(func() { cancel(); stop() })
	b.ctx = ctx
	require.NoError(t, chromedp.Do(ctx)) // starts the browser, which must outlive what is done in it
	command(b, cdplog.Enable, cdp.Empty{})
	b.resize(at)
	t.Cleanup(b.noProblem)
	return b
}

// watch records errors of the page: a policy violation, an exception, a missing file.
func (b *browser) watch(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == cdplog.EntryLevelError || e.Entry.Source == cdplog.EntrySourceSecurity || e.Entry.Source == cdplog.EntrySourceViolation {
			b.problem = append(b.problem, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		b.problem = append(b.problem, e.ExceptionDetails.Text)
	}
}

func (b *browser) noProblem() {
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.problem)
}

// run runs actions in the page, with a time limit.
func (b *browser) run(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, timeout)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, actions...))
}

// command sends a command of the browser's protocol.
func command[P, R any](b *browser, c cdp.Command[P, R], params P) R {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, timeout)
	defer cancel()
	result, err := chromedp.Call(ctx, c, params)
	require.NoError(b.t, err)
	return result
}

// timeout limits each action in the page.
const timeout = 30 * time.Second

func (b *browser) resize(to screen) {
	b.t.Helper()
	command(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: to.width, Height: to.height, DeviceScaleFactor: 1, Mobile: to.width < 600,
	})
}

func (b *browser) open(url string) {
	b.t.Helper()
	b.run(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("main")))
}

func eval[T any](b *browser, script string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, timeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	require.NoError(b.t, err, script)
	return value
}

// text returns the page's text; nothing while another page loads.
func (b *browser) text() string {
	ctx, cancel := context.WithTimeout(b.ctx, timeout)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("document.querySelector('main')?.innerText ?? ''"))
	if err != nil {
		return ""
	}
	return text
}

// sees waits until the page shows a text.
func (b *browser) sees(text string) {
	b.t.Helper()
	deadline := time.Now().Add(timeout)
	for !strings.Contains(b.text(), text) {
		require.True(b.t, time.Now().Before(deadline), "%q never showed in:\n%s", text, b.text())
		<-time.After(100 * time.Millisecond)
	}
}

// lacks waits until the page does not show a text.
func (b *browser) lacks(text string) {
	b.t.Helper()
	deadline := time.Now().Add(timeout)
	for strings.Contains(b.text(), text) {
		require.True(b.t, time.Now().Before(deadline), "%q still shows in:\n%s", text, b.text())
		<-time.After(100 * time.Millisecond)
	}
}

// press clicks the first control whose name starts with a text.
func (b *browser) press(name string) {
	b.t.Helper()
	b.run(chromedp.Click(chromedp.Search(`//main//*[self::a or self::button or self::summary][starts-with(normalize-space(.), "`+name+`")]`), chromedp.NodeVisible))
}

// tabTo presses the tab key until the control whose name contains a text has the focus.
func (b *browser) tabTo(name string) {
	b.t.Helper()
	const focused = `(() => { const e = document.activeElement; return e === document.body ? '' : e.getAttribute('aria-label') || e.labels?.[0]?.innerText || e.innerText || ''; })()`
	for range 300 {
		b.run(chromedp.KeyEvent(kb.Tab))
		if strings.Contains(eval[string](b, focused), name) {
			return
		}
	}
	require.Fail(b.t, "the tab key never comes to "+name)
}

// fits asserts that nothing is wider than the screen. innerWidth does not tell: a phone zooms out.
func (b *browser) fits() {
	b.t.Helper()
	wide := eval[[]string](b, `[...document.querySelectorAll('body *')]
		.filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
		.filter(e => !e.closest('.hidden, .scroll, .tabs, .skip, .plain, details:not([open])'))
		.map(e => e.tagName + '.' + e.className + ' ' + e.getBoundingClientRect().right)`)
	require.Empty(b.t, wide)
	require.LessOrEqual(b.t, eval[int](b, "document.documentElement.scrollWidth"), eval[int](b, "document.documentElement.clientWidth"))
}

// controls are the roles of interactive elements, which need a name.
var controls = map[string]bool{
	"button": true, "link": true, "textbox": true, "searchbox": true, "checkbox": true, "combobox": true, "listbox": true,
	"spinbutton": true, "DisclosureTriangle": true, "progressIndicator": true, "navigation": true, "form": true, "group": false,
}

// named asserts that every control has a name for screen readers.
func (b *browser) named() {
	b.t.Helper()
	seen := 0
	for _, node := range command(b, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if node.Ignored || node.Role == nil || !controls[strings.Trim(string(node.Role.Value), `"`)] {
			continue
		}
		seen++
		require.NotNil(b.t, node.Name)
		require.NotEqual(b.t, `""`, string(node.Name.Value), "a %s has no name", node.Role.Value)
	}
	require.Greater(b.t, seen, 4)
	require.Equal(b.t, 1, eval[int](b, "document.querySelectorAll('h1').length"))
}

// shoot saves screenshots in light and dark mode to STOCKPUSH_TEST_SCREENSHOTS, if set.
func (b *browser) shoot(name string, at screen) {
	b.t.Helper()
	folder := os.Getenv("STOCKPUSH_TEST_SCREENSHOTS")
	if folder == "" {
		return
	}
	require.NoError(b.t, os.MkdirAll(folder, 0o755))
	for _, scheme := range []string{"light", "dark"} {
		command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		picture := command(b, page.CaptureScreenshot, page.CaptureScreenshotParams{}).Data
		require.NoError(b.t, os.WriteFile(filepath.Join(folder, name+"-"+at.name+"-"+scheme+".png"), picture, 0o644))
	}
	command(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{})
}

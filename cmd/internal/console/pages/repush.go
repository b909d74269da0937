package pages

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"stockpush/cmd/internal/pushrecords"
	"stockpush/cmd/internal/retry"
	"stockpush/schemas"
)

const (
	// maxRePush is how many events one re-push publishes. The remaining failures are left out with
	// cause "limit"; the next re-push takes them.
	maxRePush = 5000
	// previewRows is how many failures a preview lists.
	previewRows = 20
)

// The scopes of a re-push.
const (
	scopeSelected = "selected"
	scopePage     = "page"
	scopeAll      = "all"
)

// cause is a reason to leave failures out, and their number.
type cause struct {
	Cause string
	N     int
}

// previewData is the data of the preview.
type previewData struct {
	Scope   string
	Publish int
	Matched int
	LeftOut []cause
	// Examples are the first of the failures that would be pushed.
	Examples []pushrecords.Record
	// Keep and Picks are what the confirmation submits again.
	Keep  []choice
	Picks []string
	Back  string
	// AskName asks for the person's name, Name is the one given before.
	AskName bool
	Name    string
}

// rePush shows the preview of a re-push, and publishes it once it is confirmed.
func (c *console) rePush(r *http.Request) (view, error) {
	a, err := c.asked(r)
	if err != nil {
		return view{}, err
	}
	scope := r.Form.Get("scope")
	if r.Method == http.MethodGet && scope == "" { // a login redirects here after a re-push was posted without one
		return view{redirect: pathStoreSKUs}, nil
	}
	picked, healthy, err := c.picked(r, scope)
	if err != nil {
		return view{}, err
	}
	request, picks, err := requestOf(scope, a, picked)
	if err != nil {
		return view{}, err
	}
	request.Origin = c.origin(r)
	data := &previewData{Scope: scope, Keep: a.form(c.viewer(r)).Keep, Picks: picks, Back: backOf(r.Form.Get("back")), AskName: c.UserHeader == "", Name: nameOf(r)}
	if healthy > 0 {
		data.LeftOut = []cause{{retry.NotFailing, healthy}}
	}
	if scope != scopeAll && len(picks) == 0 { // a request without event ids would mean all
		return c.nothing(r, data), nil
	}
	if r.PostForm.Get("confirm") != "" {
		v, err := c.publish(r.Context(), request)
		if r.PostForm.Has(fieldName) {
			v.cookies = []*http.Cookie{nameCookieOf(request.Origin.RequestedBy)}
		}
		return v, err
	}
	v, err := c.preview(r.Context(), request, data)
	v.Title = c.viewer(r).T("title.preview")
	return v, err
}

func (c *console) origin(r *http.Request) retry.Origin {
	o := retry.Origin{Via: "page", RequestedBy: retry.UserName(r.PostFormValue(fieldName)), Remote: r.RemoteAddr}
	if !r.PostForm.Has(fieldName) { // a form that does not ask
		o.RequestedBy = nameOf(r)
	}
	if c.UserHeader != "" {
		o.RequestedBy = retry.UserName(r.Header.Get(c.UserHeader))
	}
	return o
}

const (
	// fieldName is the field with the person's name, for consoles without a proxy that knows it.
	fieldName  = "requested_by"
	nameCookie = "stockpush_name"
)

// nameOf returns the name that the person gave before.
func nameOf(r *http.Request) string {
	cookie, err := r.Cookie(nameCookie)
	if err != nil {
		return ""
	}
	name, _ := url.QueryUnescape(cookie.Value)
	return retry.UserName(name)
}

func nameCookieOf(name string) *http.Cookie {
	return &http.Cookie{Name: nameCookie, Value: url.QueryEscape(name), Path: "/", MaxAge: preferenceAge, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// nothing tells that a form selects nothing to push.
func (c *console) nothing(r *http.Request, data *previewData) view {
	return view{Template: "preview", Title: c.viewer(r).T("title.nothing"), Data: data}
}

// errEnough stops the reading of examples.
var errEnough = errors.New("enough")

func (c *console) preview(ctx context.Context, request retry.Request, data *previewData) (view, error) {
	request.DryRun = true
	result, err := c.Retrier.Do(ctx, request)
	if err != nil {
		return view{}, err
	}
	for _, c := range data.LeftOut {
		result.LeftOut[c.Cause] += c.N
	}
	data.Publish, data.Matched, data.LeftOut = result.Published, result.Matched, causesOf(result)
	err = c.Reader.Candidates(ctx, request.Filter, request.EventIDs, func(found *pushrecords.Candidate) error {
		if found.Newest {
			data.Examples = append(data.Examples, found.Record)
		}
		if len(data.Examples) == previewRows {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return view{}, err
	}
	return view{Template: "preview", Data: data}, nil
}

func (c *console) publish(ctx context.Context, request retry.Request) (view, error) {
	result, err := c.Retrier.Do(ctx, request)
	return c.published(result, err)
}

// published leads to the progress of what was published, also if that is only a part.
func (c *console) published(result retry.Result, err error) (view, error) {
	if err != nil && len(result.EventIDs) == 0 {
		return view{}, err
	}
	if err != nil {
		c.Logger.Warn("re-push published in part", "published", result.Published, "error", err)
	}
	return view{redirect: link(pathRePush+"/"+retry.BatchOf(result.EventIDs), reportOf(result))}, nil
}

// The parameters of a progress link. They carry what ClickHouse cannot tell: how many events were
// published, and why the others were not.
const (
	paramPublished = "published"
	paramLeftOut   = "left_out."
)

func reportOf(r retry.Result) url.Values {
	report := url.Values{paramPublished: {strconv.Itoa(r.Published)}}
	for _, c := range causesOf(r) {
		report.Set(paramLeftOut+c.Cause, strconv.Itoa(c.N))
	}
	return report
}

// readReport reads what reportOf wrote of some causes and ignores everything else.
func readReport(report url.Values, causes ...string) retry.Result {
	r := retry.Result{LeftOut: map[string]int{}}
	count := func(name string) int {
		n, err := strconv.Atoi(report.Get(name))
		if err != nil || n < 0 || n > retry.MaxEvents {
			return 0
		}
		return n
	}
	r.Published = count(paramPublished)
	for _, name := range causes {
		r.LeftOut[name] = count(paramLeftOut + name)
	}
	return r
}

func causesOf(r retry.Result) []cause {
	var causes []cause
	for _, name := range slices.Sorted(maps.Keys(r.LeftOut)) {
		if n := r.LeftOut[name]; n > 0 {
			causes = append(causes, cause{name, n})
		}
	}
	return causes
}

// backOf accepts only links within this page.
func backOf(path string) string {
	if path == pathStoreSKUs || strings.HasPrefix(path, pathStoreSKUs+"?") || strings.HasPrefix(path, pathStoreSKUs+"/") {
		return path
	}
	return pathStoreSKUs
}

// progressRows is how many outcomes the progress page lists.
const progressRows = 100

// tally counts the outcomes of one status; the empty status means not seen yet.
type tally struct {
	Status string
	N      int
}

// progressData is the data of the progress page.
type progressData struct {
	// Known is false if ClickHouse has nothing of an old re-push.
	Known    bool
	At       time.Time
	Total    int
	Done     int
	Tallies  []tally
	LeftOut  []cause
	Outcomes []outcome
	// Codes are the failure codes of the outcomes, each with its advice.
	Codes []string
	// Ours is the link to what was re-pushed since, by any user.
	Ours string
}

type outcome struct {
	retry.Outcome
	History string
}

// Finished reports whether every event has its outcome.
func (p *progressData) Finished() bool { return p.Done == p.Total }

// shownWithin is far longer than ClickHouse lags behind a re-push.
const shownWithin = 24 * time.Hour

func (c *console) progress(r *http.Request) (view, error) {
	begun, ok := retry.Begun(r.PathValue("id"))
	if !ok {
		return view{}, errNoPage
	}
	outcomes, err := c.Retrier.OfBatch(r.Context(), r.PathValue("id"))
	if err != nil {
		return view{}, err
	}
	report := readReport(r.URL.Query(), retry.NotNewest, retry.OnItsWay, retry.OldLog, retry.OverLimit, retry.NotFailing, retry.NoRecord)
	data := &progressData{
		Known: len(outcomes) > 0 || c.now().Sub(begun) < shownWithin, At: begun, Total: max(report.Published, len(outcomes)), LeftOut: causesOf(report),
		Ours: pathRePushes,
	}
	v := view{Template: "progress", Title: c.viewer(r).T("title.progress"), Data: data}
	if !data.Known {
		v.status = http.StatusNotFound
		return v, nil
	}
	data.count(outcomes)
	v.Live = true
	if !data.Finished() {
		v.Refresh = 2
	}
	return v, nil
}

// order sorts outcomes by how much they need attention.
var order = []string{schemas.Failed.String(), "", schemas.Pending.String(), schemas.Skipped.String(), schemas.Successfully.String()}

// tallies lists the numbers of the statuses that have any.
func tallies(n map[string]int) (all []tally) {
	for _, status := range order {
		if n[status] > 0 {
			all = append(all, tally{status, n[status]})
		}
	}
	return all
}

func (p *progressData) count(outcomes []retry.Outcome) {
	n := map[string]int{"": p.Total - len(outcomes)}
	for _, o := range outcomes {
		n[o.Status]++
	}
	p.Tallies = tallies(n)
	p.Done = len(outcomes) - n[schemas.Pending.String()]
	outcomes = slices.Clone(outcomes)
	slices.SortStableFunc(outcomes, func(a, b retry.Outcome) int {
		return cmp.Compare(slices.Index(order, a.Status), slices.Index(order, b.Status))
	})
	for _, o := range outcomes[:min(len(outcomes), progressRows)] {
		shown := outcome{Outcome: o}
		if o.FailureCode != "" && !slices.Contains(p.Codes, o.FailureCode) {
			p.Codes = append(p.Codes, o.FailureCode)
		}
		if o.StoreSKU != "" {
			shown.History = historyLink(schemas.Key{Channel: schemas.ChannelShopee, ShopID: o.ShopID, StoreSKU: o.StoreSKU})
		}
		p.Outcomes = append(p.Outcomes, shown)
	}
}

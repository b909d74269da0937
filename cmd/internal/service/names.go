package service

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"stockpush/channels"
	"stockpush/cmd/internal/config"
	"stockpush/cmd/internal/console/shown"
	"stockpush/cmd/internal/pushrecords"
	"stockpush/schemas"
)

const (
	// namesInterval is how often a file of names is looked at, and how often Shopee is asked for
	// names that are not known yet.
	namesInterval = time.Minute
	// renamesInterval is how often Shopee is asked for all names again.
	renamesInterval = 24 * time.Hour
	// maxNameBytes limits a name.
	maxNameBytes = 255
)

// shopNames publishes the names of shops, which the sink stores. What is stored already is not
// published again, so the store is the cache of all processes.
type shopNames struct {
	*process
	reader *pushrecords.Reader
	// market is nil unless Shopee is asked.
	market *Shopee
	// checker limits the console's calls.
	checker *shown.Checker
	// askedAt is when all names were asked for last.
	askedAt time.Time
}

// newShopNames returns the loop of console.shop_names, or nil if that is empty. It fails if the
// file cannot be read.
func (p *process) newShopNames(reader *pushrecords.Reader, market *Shopee, checker *shown.Checker) (func(context.Context) error, error) {
	from := p.cfg.Console.ShopNames
	n := &shopNames{process: p, reader: reader, checker: checker}
	switch {
	case from == "":
		return nil, nil
	case from != config.NamesFromShopee:
		if _, err := readNames(from); err != nil {
			return nil, fmt.Errorf("console.shop_names: %w", err)
		}
	case market == nil:
		return nil, errors.New("console.shop_names: to ask Shopee, set shopee.partner_id and shopee.partner_key for the console role too")
	default:
		n.market = market
	}
	return n.run, nil
}

func (n *shopNames) run(ctx context.Context) error {
	ticker := time.NewTicker(namesInterval)
	defer ticker.Stop()
	for {
		if err := n.update(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("names of shops not updated, retrying later", "console.shop_names", n.cfg.Console.ShopNames, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// update publishes the names that are new, changed, or no longer in the file.
func (n *shopNames) update(ctx context.Context) error {
	shops, err := n.reader.Shops(ctx, pushrecords.Filter{})
	if err != nil {
		return err
	}
	stored := map[int64]string{}
	for _, s := range shops {
		stored[int64(s.ShopID)] = s.ShopName
	}
	if n.market != nil {
		return n.ask(ctx, stored)
	}
	names, err := readNames(n.cfg.Console.ShopNames)
	if err != nil {
		return err
	}
	for _, shop := range slices.Sorted(maps.Keys(names)) {
		n.publish(ctx, shop, names[shop], stored[shop])
	}
	for _, shop := range removed(stored, names) {
		n.report(ctx, shop, &schemas.ShopInfo{Nameless: true})
	}
	return nil
}

// removed returns the shops whose stored names the file no longer has.
func removed(stored, names map[int64]string) (shops []int64) {
	for _, shop := range slices.Sorted(maps.Keys(stored)) {
		if stored[shop] != "" && names[shop] == "" {
			shops = append(shops, shop)
		}
	}
	return shops
}

// ask asks Shopee for the names that are not stored, and once a day for all.
func (n *shopNames) ask(ctx context.Context, stored map[int64]string) error {
	ours, err := n.market.Tokens.Read(ctx).Shops()
	if err != nil {
		return err
	}
	// After a restart a day passes too before names that are stored are asked for again.
	if n.askedAt.IsZero() {
		n.askedAt = time.Now()
	}
	all := time.Since(n.askedAt) >= renamesInterval
	if all {
		n.askedAt = time.Now()
	}
	var failed []error
	for _, shop := range ours {
		if stored[shop] != "" && !all {
			continue
		}
		if err := n.checker.Turn(ctx); err != nil {
			return err
		}
		name, v := n.market.ShopName(ctx, shop)
		if v.Outcome != channels.Confirmed {
			failed = append(failed, fmt.Errorf("ask for the name of shop %d: %s: %s", shop, v.Code, v.Message))
		}
		n.publish(ctx, shop, name, stored[shop])
	}
	return errors.Join(failed...)
}

// publish publishes a name unless it is stored. A lost report is repeated with the next update.
func (n *shopNames) publish(ctx context.Context, shop int64, name, stored string) {
	if name == "" || name == stored {
		return
	}
	n.report(ctx, shop, &schemas.ShopInfo{Name: name})
}

// readNames reads a CSV file of shop_id,name. Its first line may be those two words.
func readNames(file string) (map[int64]string, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	names, err := parseNames(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w (want a line shop_id,name for each shop)", file, err)
	}
	return names, nil
}

func parseNames(from io.Reader) (map[int64]string, error) {
	lines := csv.NewReader(from)
	lines.FieldsPerRecord, lines.TrimLeadingSpace = 2, true
	rows, err := lines.ReadAll()
	if err != nil {
		return nil, err
	}
	names := make(map[int64]string, len(rows))
	for i, row := range rows {
		text := strings.TrimSpace(strings.TrimPrefix(row[0], "\ufeff"))
		shop, err := strconv.ParseInt(text, 10, 64)
		switch name := strings.TrimSpace(row[1]); {
		case i == 0 && text == "shop_id":
		case err != nil || shop <= 0:
			return nil, fmt.Errorf("line %d: %q is not a shop id, a whole number above 0", i+1, text)
		case len(name) > maxNameBytes || !utf8.ValidString(name):
			return nil, fmt.Errorf("line %d: the name is not UTF-8 of at most %d bytes", i+1, maxNameBytes)
		default:
			names[shop] = name
		}
	}
	return names, nil
}

// together runs the functions that are not nil until each has returned.
func together(all ...func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		for _, run := range all {
			if run != nil {
				group.Go(func() error { return run(ctx) })
			}
		}
		return group.Wait()
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
)

func TestE2EShopNamesOfShopeeAreShown(t *testing.T) {
	t.Parallel()
	s := newSystem(t, func(c *config.Config) { c.Console.ShopNames = config.NamesFromShopee })
	eventually(s, "Shop 10002", "SELECT max(shop_name) FROM {db}.shop_push_status WHERE shop_id = 10002")
	require.Eventually(t, func() bool { return strings.Contains(s.page(), "Shop 10002 (10002)") }, time.Minute, 200*time.Millisecond, "in the filter")
}

func TestE2EShopNamesOfAFileAreShown(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "names.csv")
	require.NoError(t, os.WriteFile(file, []byte("10001,เสื้อผ้า\n"), 0o600))
	s := newSystem(t, func(c *config.Config) { c.Console.ShopNames = file })
	s.send(event(10001, "shirt", 3))
	eventually(s, "เสื้อผ้า", "SELECT max(shop_name) FROM {db}.shop_push_status WHERE shop_id = 10001")
	require.Eventually(t, func() bool { return strings.Contains(s.page(), "เสื้อผ้า (10001)") }, time.Minute, 200*time.Millisecond)
}

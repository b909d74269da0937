package service

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"stockpush/cmd/internal/config"
)

func TestNamesAreReadFromAFile(t *testing.T) {
	names, err := parseNames(strings.NewReader("\ufeffshop_id,name\n10001, เสื้อผ้า \n10002,\"Shirts, and more\"\n"))
	require.NoError(t, err)
	require.Equal(t, map[int64]string{10001: "เสื้อผ้า", 10002: "Shirts, and more"}, names)
	for _, bad := range []string{"shop_id,name\nx,Shirts", "0,Shirts", "10001", "10001,\xff", "1," + strings.Repeat("x", maxNameBytes+1)} {
		_, err := parseNames(strings.NewReader(bad))
		require.Error(t, err, bad)
	}
}

func TestNamesThatLeftTheFileAreTakenBack(t *testing.T) {
	stored := map[int64]string{3: "C", 1: "A", 2: "B", 4: ""}
	require.Equal(t, []int64{1, 3}, removed(stored, map[int64]string{2: "Shirts", 5: "E"}))
}

func TestNamesThatCannotBeHadStopTheStart(t *testing.T) {
	for _, from := range []string{filepath.Join(t.TempDir(), "missing.csv"), config.NamesFromShopee} {
		p := &process{cfg: config.Config{Console: config.Console{ShopNames: from}}}
		_, err := p.newShopNames(nil, nil, nil)
		require.ErrorContains(t, err, "console.shop_names")
	}
}

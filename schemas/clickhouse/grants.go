package clickhouse

import "strings"

// Grants returns the statements that let a user or role read the public views on a cluster, and
// nothing else.
func (c Cluster) Grants(database, grantee string) ([]string, error) {
	objects, err := Objects(database)
	if err != nil {
		return nil, err
	}
	var grants []string
	for _, o := range objects {
		if o.Kind == View && !o.Internal() {
			grants = append(grants, "GRANT"+c.Clause()+" SELECT ON "+identifier(database)+"."+o.Name+" TO "+identifier(grantee))
		}
	}
	return grants, nil
}

var identifierQuote = strings.NewReplacer(`\`, `\\`, "`", "\\`")

func identifier(name string) string { return "`" + identifierQuote.Replace(name) + "`" }

package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// fileSuffix is added to a secret's variable to name a file that contains the secret, as container
// platforms mount it.
const fileSuffix = "_FILE"

// fromEnvironment returns a key's value in the environment and the variable it came from, which is
// empty if none is set. Errors never contain a secret.
func fromEnvironment(k key, env map[string]string) (value, from string, err error) {
	name := variable(k.name)
	value, direct := env[name]
	file, byFile := "", false
	if k.kind == secret {
		file, byFile = env[name+fileSuffix]
	}
	switch {
	case direct && byFile:
		return "", name, fmt.Errorf("%s and %s are both set; set one", name, name+fileSuffix)
	case byFile:
		value, err := readSecret(file)
		return value, name + fileSuffix, err
	case direct:
		return value, name, nil
	default:
		return "", "", nil
	}
}

// readSecret cuts one line end, which editors and echo add.
func readSecret(file string) (string, error) {
	if file == "" {
		return "", errors.New("names no file")
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	text, _ := strings.CutSuffix(string(content), "\n")
	text, _ = strings.CutSuffix(text, "\r")
	return text, nil
}

// Package page reads pages.
package page

import "os"

// Read reads one whole.
func Read(name string) ([]byte, error) {
	return os.ReadFile(name)
}

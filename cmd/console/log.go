package console

import (
	"io"
	"log/slog"
	"sync"

	"github.com/restorefs/restorefs/backupstore/safetext"
)

// Formats of what is logged.
const (
	Sentences = "" // for people who watch
	LogText   = "text"
	LogJSON   = "json"
)

// NewLogger returns a logger that writes, from level on, lines of a format.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	switch format {
	case LogJSON:
		return slog.New(slog.NewJSONHandler(safetext.Log{W: w}, o))
	case LogText:
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(&sentences{mu: &sync.Mutex{}, w: w, level: level})
}

package manual

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/restorefs/restorefs/cmd/cmdline"
)

// Write writes the help of a command or topic, "" for the program. all says that all of it is
// wanted, though it does not fit on a screen. A name that is neither is wrong usage.
func (b Book) Write(w io.Writer, app *cli.App, name string, all bool) error {
	switch name {
	case "", "help":
		return b.WriteProgram(w, app)
	case "flags":
		return b.WriteFlags(w, app)
	}
	for _, topic := range b.Topics {
		if topic.Name == name {
			return topic.Write(w)
		}
	}
	if c := app.Command(name); c != nil {
		return b.WriteCommand(w, c, all)
	}
	return cmdline.NoCommand(app, name)
}

// WriteSheets writes all manual pages below a directory: man1/NAME.1 and so on. They have the date
// of SOURCE_DATE_EPOCH, in seconds since 1970, or none, so that the same source makes the same
// pages.
func (b Book) WriteSheets(dir string, app *cli.App) error {
	b.Version = app.Version
	if text := os.Getenv("SOURCE_DATE_EPOCH"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH is not a number of seconds: %w", err)
		}
		b.Date = time.Unix(seconds, 0)
	}
	for _, sheet := range b.Sheets(app) {
		path := filepath.Join(dir, sheet.File())
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(sheet.Roff), 0o666); err != nil {
			return err
		}
	}
	return nil
}

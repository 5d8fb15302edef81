// Command materials says what a build of restorefs is made of: as an SBOM (CycloneDX 1.6, JSON) and
// as the notices that the licences of others ask for. Packages carry both.
//
// It owns where a module's licences are found, and which are known; it fails where a part has
// none, or one that nobody has judged. The modules are those that the program itself names
// (debug/buildinfo), their sources those that go list finds: it must be run in the source tree,
// with the environment (GOARCH, CGO_ENABLED) and the tags of the build. Times come from
// SOURCE_DATE_EPOCH alone: the same program gives the same bytes.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	version := flag.String("version", "", "the program's `VERSION`")
	tags := flag.String("tags", "", "the build's `TAGS`")
	bill := flag.String("sbom", "", "write the SBOM to `FILE`")
	notices := flag.String("notices", "", "write the notices to `FILE`")
	flag.Parse()
	if flag.NArg() != 1 || *bill == "" || *notices == "" || *version == "" {
		fmt.Fprintln(os.Stderr,
			"it is: materials -version VERSION [-tags TAGS] -sbom FILE -notices FILE PROGRAM")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, flag.Arg(0), *version, *tags, *bill, *notices); err != nil {
		fmt.Fprintln(os.Stderr, "materials:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, version, tags, bill, notices string) error {
	built, err := partsOf(ctx, program, tags)
	if err != nil {
		return err
	}
	built.version = version
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH must say of when the source is: %w", err)
	}
	built.made = time.Unix(epoch, 0).UTC()
	text, err := sbom(built)
	if err != nil {
		return err
	}
	if err := os.WriteFile(bill, text, 0o644); err != nil {
		return err
	}
	return os.WriteFile(notices, []byte(noticesOf(built)), 0o644)
}

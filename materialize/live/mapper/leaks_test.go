package mapper

import (
	"os"
	"testing"

	"github.com/restorefs/restorefs/backupstore/storetest/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

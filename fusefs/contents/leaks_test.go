package contents

import (
	"os"
	"testing"

	"github.com/restorefs/restorefs/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

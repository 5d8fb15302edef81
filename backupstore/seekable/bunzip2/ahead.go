package bunzip2

import "context"

type ahead struct{}

func (a *ahead) close()        {}
func (a *ahead) memory() int64 { return 0 }

func (d *Decoder) fromAhead(ctx context.Context, several bool) (*block, error) { return nil, nil }

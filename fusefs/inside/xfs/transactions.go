package xfs

import "fmt"

// Flags of an operation in a record of the log (xfs_log_format.h).
const (
	opStart     = 0x1
	opCommit    = 0x2
	opContinues = 0x4 // the rest of the region is in another record
	opContinued = 0x8 // it is the rest of a region
	opEnd       = 0x10
	opUnmount   = 0x20

	opHeaderBytes = 12
	clientTrans   = 0x69
	clientLog     = 0xaa

	transHeaderBytes = 16
	transMagic       = 0x5452414e // "TRAN"

	formatLittle = 1 // what items hold is in the order of the processor that wrote them

	pieceBytes      = 16
	maxTransactions = 1 << 12 // that are open at the same time
	maxRegion       = 256 << 10
	maxRegions      = 64<<10/bufferChunk/2 + 1 // of an item: every second chunk of a buffer
)

// piece is a region of a transaction, or part of one, within the log.
type piece struct {
	sector uint32 // where the record begins that it is in
	off    uint32 // in what is behind the header of the record
	n      uint32
	rest   bool // it goes on with the region before
}

// transaction is what was read of a transaction.
type transaction struct {
	lsn    uint64 // of the record that it begins in
	pieces []piece
}

// collector puts transactions together, which may be spread over records.
type collector struct {
	l      *logReader
	open   map[uint32]*transaction
	pieces int // of all that are open
	limit  int
	commit func(t *transaction) error
}

// record takes the operations of a record.
func (c *collector) record(r *record, payload []byte) error {
	ops := r.ops
	for off := 0; off < len(payload) && ops > 0; ops-- {
		if off+opHeaderBytes > len(payload) {
			return c.l.corrupt(r.sector, "an operation is cut off")
		}
		h := payload[off:]
		n := int64(be.Uint32(h[4:]))
		off += opHeaderBytes
		if n > int64(len(payload)-off) {
			return c.l.corrupt(r.sector, "an operation of %d bytes is cut off", n)
		}
		if h[8] != clientTrans && h[8] != clientLog {
			return c.l.corrupt(r.sector, "an operation of a client %#x", h[8])
		}
		p := piece{sector: uint32(r.sector), off: uint32(off), n: uint32(n)}
		if err := c.operation(r, be.Uint32(h), h[9], p); err != nil {
			return err
		}
		off += int(n)
	}
	return nil
}

// operation takes an operation of a transaction. What belongs to one that began
// before the tail of the log is left out: it is in its place.
func (c *collector) operation(r *record, id uint32, flags uint8, p piece) error {
	t := c.open[id]
	if t == nil {
		if flags&opStart != 0 {
			if len(c.open) >= maxTransactions {
				return c.l.corrupt(r.sector, "more than %d transactions at the same time",
					maxTransactions)
			}
			c.open[id] = &transaction{lsn: r.lsn}
		}
		return nil
	}
	if flags &^= opEnd; flags&opContinued != 0 {
		flags &^= opContinues
	}
	switch flags {
	case 0, opContinues:
	case opContinued:
		p.rest = true
	case opCommit:
		c.drop(id)
		return c.commit(t)
	case opUnmount:
		c.drop(id)
		return nil
	default:
		return c.l.corrupt(r.sector, "an operation with flags %#x", flags)
	}
	if p.n == 0 {
		return nil
	}
	if c.pieces++; c.pieces > c.limit {
		return fmt.Errorf("its transactions have more pieces than the %d that there is memory for",
			c.limit)
	}
	t.pieces = append(t.pieces, p)
	return nil
}

func (c *collector) drop(id uint32) {
	c.pieces -= len(c.open[id].pieces)
	delete(c.open, id)
}

// item is one item of a transaction: its regions, the first of which says what it is.
type item struct {
	pieces []piece
	l      *logReader
	kind   uint16
	first  []byte // the first region
}

// region returns a region of an item; nil if it has none of that number.
func (it *item) region(n int) ([]byte, error) {
	if n == 0 {
		return it.first, nil
	}
	i, seen := 0, 0
	for ; i < len(it.pieces); i++ {
		if !it.pieces[i].rest && i > 0 {
			if seen++; seen == n {
				break
			}
		}
	}
	if i == len(it.pieces) {
		return nil, nil
	}
	b, _, err := it.l.gather(it.pieces[i:])
	return b, err
}

// gather returns the region that pieces begin with, and how many pieces it has.
func (l *logReader) gather(pieces []piece) ([]byte, int, error) {
	var b []byte
	for i, p := range pieces {
		if i > 0 && !p.rest {
			return b, i, nil
		}
		payload, err := l.kept(int64(p.sector))
		if err != nil {
			return nil, 0, err
		}
		if uint64(p.off)+uint64(p.n) > uint64(len(payload)) {
			return nil, 0, l.corrupt(int64(p.sector), "a record is shorter than it was")
		}
		part := payload[p.off:][:p.n]
		if i == 0 && (len(pieces) == 1 || !pieces[1].rest) {
			return part, 1, nil
		}
		if len(b)+len(part) > maxRegion {
			return nil, 0, l.corrupt(int64(p.sector), "a region of more than %d bytes", maxRegion)
		}
		b = append(b, part...)
	}
	return b, len(pieces), nil
}

// keptRecords is how many records are kept while their transactions are replayed.
const keptRecords = 4

// keptRecord is what is behind the header of a record, with the bytes in their
// places that the numbers of cycles had replaced.
type keptRecord struct {
	sector  int64
	payload []byte
}

// kept returns what is behind the header of a record whose checksum was right before.
func (l *logReader) kept(sector int64) ([]byte, error) {
	for i, k := range l.records {
		if k.sector == sector {
			return l.records[i].payload, nil
		}
	}
	r, err := l.header(sector)
	if err != nil {
		return nil, err
	}
	payload, err := l.payload(r)
	if err != nil {
		return nil, err
	}
	r.restore(payload)
	l.keep(sector, payload)
	return payload, nil
}

func (l *logReader) keep(sector int64, payload []byte) {
	if len(l.records) == keptRecords {
		l.records = append(l.records[:0], l.records[1:]...)
	}
	l.records = append(l.records, keptRecord{sector, payload})
}

// items calls fn for each item of a transaction.
func (l *logReader) items(t *transaction, fn func(it *item) error) error {
	if len(t.pieces) == 0 {
		return nil
	}
	at := int64(t.pieces[0].sector)
	head, n, err := l.gather(t.pieces)
	if err != nil {
		return err
	}
	if len(head) != transHeaderBytes || le.Uint32(head) != transMagic {
		return l.corrupt(at, "a transaction has no header")
	}
	for rest := t.pieces[n:]; len(rest) > 0; {
		first, _, err := l.gather(rest)
		if err != nil {
			return err
		}
		if len(first) < 8 {
			return l.corrupt(int64(rest[0].sector), "an item of %d bytes", len(first))
		}
		end, err := l.itemEnd(rest, int(le.Uint16(first[2:])))
		if err != nil {
			return err
		}
		it := &item{l: l, pieces: rest[:end], kind: le.Uint16(first), first: first}
		if err := fn(it); err != nil {
			return err
		}
		rest = rest[end:]
	}
	return nil
}

// itemEnd returns how many pieces an item of so many regions has.
func (l *logReader) itemEnd(pieces []piece, count int) (int, error) {
	at := int64(pieces[0].sector)
	if count == 0 || count > maxRegions {
		return 0, l.corrupt(at, "an item of %d regions", count)
	}
	end, regions := 0, 0
	for ; end < len(pieces); end++ {
		if end > 0 && pieces[end].rest {
			continue
		}
		if regions == count {
			break
		}
		regions++
	}
	if regions < count {
		return 0, l.corrupt(at, "an item with %d of its %d regions", regions, count)
	}
	return end, nil
}

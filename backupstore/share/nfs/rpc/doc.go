// Package rpc calls procedures of a server by ONC RPC version 2 over TCP (RFC 5531).
//
// It owns the connections: making them anew, sending again what was not answered, matching answers
// to calls, and how long is waited. It leaves to others what is called.
//
// A Client has up to Options.Conns connections. Each is a lane, with a goroutine that connects and
// sends, and one that receives while there is a connection. Calls that a broken connection left
// unanswered are sent again on the next, with the same xid, so only calls that may be executed
// twice may be made.
//
// Invariants:
//   - An answer is decoded as it arrives, with the bytes of a READ going straight to where the
//     caller wants them. Nothing is written there after Call has returned, in whatever way.
//   - A record has Options.MaxRecord bytes at most, in a bounded number of fragments. One that has
//     not is an error and ends its connection.
//   - Every Call ends with its context, and at the latest when the policy's limit is reached.
//
// Lock order: Client.mu before lane.mu. Neither is held across I/O.
package rpc

// Package doctor examines a machine before it is needed: whether it could mount, reach the share,
// keep a cache, call the cloud; each a [Finding] with what to type next.
//
// It changes nothing: it makes no directory, keeps nothing of what it has seen, loads no module. An
// export is opened as every command opens it, which for root is a mount of this process alone that
// ends with it. It reads no flags, though its findings name them. What a share, a
// cache or a configuration is, it leaves to the packages that use them.
package doctor

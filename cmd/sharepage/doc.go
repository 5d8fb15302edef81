// Package sharepage makes the page of command report: what is on a share, as one file of HTML that
// needs nothing from elsewhere. Volumes, their chains drawn, sizes, when each backup was last
// proven, what is damaged or broken, totals.
//
// It is made of functions of values: it opens nothing, reads no flags, and decides nothing about
// data. Every text is escaped by html/template, whoever chose it; the page has no script, and
// forbids any. Its size is bounded ([maxBackups], and lengths of texts), and it says what it leaves
// out.
package sharepage

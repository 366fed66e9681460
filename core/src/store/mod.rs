//! Logs, derived state, projections, search and blobs; the rules over any transaction.

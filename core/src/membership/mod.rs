//! Which devices belong: a set of signed statements and the pure function that reads it.

//! The sans-I/O session between two members of one journal.

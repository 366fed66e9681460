//! The one mapping between journal types and Automerge documents.

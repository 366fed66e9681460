//! Operations, chains, signed heads, erase certificates, version vectors: pure, no storage.

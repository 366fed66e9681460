//! QUIC endpoints, pairing, discovery.

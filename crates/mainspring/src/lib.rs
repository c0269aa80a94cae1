//! Mainspring: the I/O driver for async Rust.

//! Mainspring: the I/O driver for async Rust.

#[cfg_attr(not(test), expect(dead_code, reason = "the driver that turns the wheel comes next"))]
mod time;

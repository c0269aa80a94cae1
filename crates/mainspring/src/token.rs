//! The name a source goes by in the event queue.

/// Sixty-four bits that come back with every event of a source.
///
/// To a backend a token is opaque. [`Poller`](crate::Poller) hands its user's tokens back
/// unchanged and may be given any value, several sources sharing one included; the driver puts
/// a slot's index and generation in it, never an address, so that an event that outlived its
/// registration names nothing instead of naming freed memory.
///
/// ```
/// use mainspring::Token;
/// let token = Token(7);
/// assert_eq!(token.0, 7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

impl Token {
    /// Kept back by every backend for its own wake descriptor; no source is ever added under it.
    #[allow(dead_code, reason = "not every backend is woken through a source")]
    pub(crate) const WAKE: Token = Token(u64::MAX);
}

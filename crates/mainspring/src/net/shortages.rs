//! What a listener tells of the connections it had no room for.

/// How often a listener had no room for a connection; see [`TcpListener::shortages`].
///
/// ```
/// let listener = futures::executor::block_on(mainspring::net::TcpListener::bind("127.0.0.1:0"));
/// let shortages = listener.unwrap().shortages();
/// assert_eq!((shortages.episodes(), shortages.failures(), shortages.is_ongoing()), (0, 0, false));
/// ```
///
/// [`TcpListener::shortages`]: crate::net::TcpListener::shortages
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortages {
    pub(super) episodes: u64,
    pub(super) failures: u64,
    pub(super) ongoing: bool,
}

impl Shortages {
    /// The times from the first connection without room to the next empty queue.
    #[must_use]
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// The calls that failed for want of descriptors or memory.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Whether an episode has begun and not ended.
    #[must_use]
    pub fn is_ongoing(&self) -> bool {
        self.ongoing
    }
}

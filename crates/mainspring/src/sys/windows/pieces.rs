//! Several pieces of memory of one operation: no queue of this system is told of any, so none are
//! kept. A thread moves them.

/// Pieces that nobody asks for.
#[derive(Debug, Default)]
pub(crate) struct Pieces(());

impl Pieces {
    /// No pieces.
    pub(crate) fn with_capacity(_count: usize) -> Pieces {
        Pieces(())
    }

    /// Takes no note of a piece.
    pub(crate) fn push(&mut self, _start: *mut u8, _len: usize) {}

    /// No memory.
    pub(crate) fn memory(&mut self) -> (*mut u8, usize) {
        (std::ptr::null_mut(), 0)
    }
}

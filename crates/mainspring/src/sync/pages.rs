//! Pages: values whose addresses never change, more of them under a shared reference.
//!
//! Pages are never moved or freed while the list lives, so whoever has an index finds its value
//! without a lock, also while another thread makes the list longer. Sixteen pages have one size,
//! the next sixteen twice that, and so on. So there are few of them, and of many values a sixteenth
//! is to spare at most (an eighth, once there are two sizes).

use ::std::sync::OnceLock;

/// Bits of an index.
pub(crate) const INDEX_BITS: u32 = 24;
/// Pages of one size, as a power of two.
const EQUALS_LOG2: u32 = 4;
const EQUALS: usize = 1 << EQUALS_LOG2;
/// This many pages hold every index, also if the first ones hold one each.
const PAGES: usize = (INDEX_BITS - EQUALS_LOG2) as usize * EQUALS + 1;

/// Where a value is: found out once by whoever asks for it again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    page: u16,
    place: u32,
}

/// A list that grows a page at a time and never shrinks.
pub(crate) struct Pages<T> {
    pages: [OnceLock<Box<[T]>>; PAGES],
    /// The first page's length, as a power of two.
    first_page_log2: u32,
}

impl<T> Pages<T> {
    /// A list whose first page has `first_page` values, a power of two.
    pub(crate) fn new(first_page: usize) -> Pages<T> {
        assert!(first_page.is_power_of_two(), "a page holds a power of two of values");
        Pages { pages: [const { OnceLock::new() }; PAGES], first_page_log2: first_page.ilog2() }
    }

    /// The page of an index, the place in it, and the page's length.
    ///
    /// Counted as if [`EQUALS`] pages of the first size came before the first, a position's highest
    /// bit tells the size of its page, and the bits below it which of the equals it is.
    #[inline]
    fn locate(&self, index: usize) -> (usize, usize, usize) {
        let position = index + (EQUALS << self.first_page_log2);
        let length_log2 = position.ilog2() - EQUALS_LOG2;
        let length = 1 << length_log2;
        let sizes_before = (length_log2 - self.first_page_log2) as usize;
        let page = sizes_before * EQUALS + (position >> length_log2) - EQUALS;
        (page, position & (length - 1), length)
    }

    /// The value of an index, if its page was made.
    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        let (page, place, _) = self.locate(index);
        self.pages.get(page)?.get()?.get(place)
    }

    /// Where the value of an index is, or will be.
    pub(crate) fn position(&self, index: usize) -> Position {
        let (page, place, _) = self.locate(index);
        Position { page: page as u16, place: place as u32 }
    }

    /// The value at a position that this list gave, if its page was made.
    #[inline]
    pub(crate) fn at(&self, position: Position) -> Option<&T> {
        self.pages.get(usize::from(position.page))?.get()?.get(position.place as usize)
    }

    /// Makes the page of `index` if that is the page's first; returns the length of the page it
    /// made. Whoever grows a list does so index by index, under a lock of their own.
    pub(crate) fn grow(&self, index: usize, value: impl Fn() -> T) -> Option<usize> {
        let (page, place, length) = self.locate(index);
        if place != 0 {
            return None;
        }
        self.pages[page].get_or_init(|| (0..length).map(|_| value()).collect());
        Some(length)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

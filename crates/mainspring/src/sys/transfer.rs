//! What direct I/O wants of a transfer, and what a refused one lacks.
//!
//! Direct I/O moves bytes between the disk and the program's memory without the cache between, and
//! wants memory, offset and length to be multiples of what the disk works with. Kernels refuse
//! everything else and do not say why.

/// What direct I/O on a file wants, in bytes: powers of two.
///
/// ```
/// # mainspring::block_on(async {
/// if let Some(alignment) = mainspring::fs::metadata("Cargo.toml").await?.direct_alignment() {
///     assert!(alignment.memory.is_power_of_two() && alignment.offset.is_power_of_two());
/// }
/// # Ok::<(), std::io::Error>(())
/// # })??;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alignment {
    /// The memory's address is to be a multiple of this.
    pub memory: u32,
    /// Offset and length are to be multiples of this.
    pub offset: u32,
}

impl Alignment {
    /// What suits every disk in wide use, where the system does not say: a page and the largest
    /// sector.
    pub(crate) const SAFE: Alignment = Alignment { memory: 4096, offset: 4096 };
}

/// What a direct transfer was to move, for a report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    /// The address of the memory.
    pub(crate) address: usize,
    /// Bytes.
    pub(crate) len: usize,
    /// Without one, the file's own position.
    pub(crate) offset: Option<u64>,
}

impl Transfer {
    /// In words, for who has asked for it.
    pub(crate) fn lacks(self, alignment: Alignment) -> String {
        let Alignment { memory, offset } = alignment;
        let mut wrong = Vec::new();
        if self.address % memory as usize != 0 {
            wrong.push(format!("the memory begins at {:#x}", self.address));
        }
        if self.len % offset as usize != 0 {
            wrong.push(format!("{} bytes are to be moved", self.len));
        }
        if let Some(at) = self.offset.filter(|at| at % u64::from(offset) != 0) {
            wrong.push(format!("the offset is {at}"));
        }
        let wrong = match wrong.is_empty() {
            true => "the file system refused the transfer".to_string(),
            false => wrong.join(", "),
        };
        format!(
            "direct I/O on this file wants memory aligned to {memory} bytes, and offset and length \
             to be multiples of {offset}, but {wrong}: use an AlignedBuf"
        )
    }
}

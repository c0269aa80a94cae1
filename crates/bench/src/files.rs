//! Reads of a file, 4 KiB each: a hand-written ring, Mainspring, tokio.
//!
//! All on one thread, in turns, as the echo servers are; what is compared is the time of the clock,
//! because tokio reads on other threads. The file is small enough to stay in the page cache.

mod mainspring_reads;
mod raw_reads;
mod tokio_reads;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::compare::{Turn, table};

/// Bytes of a read.
const BLOCK: usize = 4096;
/// Blocks of the file: 16 MiB.
const BLOCKS: usize = 4096;

/// What to measure.
pub(crate) struct Plan {
    pub(crate) depths: Vec<usize>,
    pub(crate) folder: PathBuf,
    pub(crate) direct: bool,
    pub(crate) generations: usize,
    pub(crate) turns: usize,
    pub(crate) reads: usize,
}

/// One way to read.
trait Reader {
    /// So many reads, of which as many as the depth are under way at once.
    fn read(&mut self, reads: usize) -> io::Result<()>;
}

/// The file, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(folder: &Path) -> io::Result<Scratch> {
        let scratch = Scratch(folder.join(format!("mainspring-bench-{}", std::process::id())));
        let mut file = File::create_new(&scratch.0)?;
        for block in 0..BLOCKS {
            file.write_all(&[block as u8; BLOCK])?;
        }
        file.sync_all()?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it is only a file with a telling name.
        let _ = fs::remove_file(&self.0);
    }
}

pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    let scratch = Scratch::new(&plan.folder)?;
    for &depth in &plan.depths {
        let generations: Vec<Vec<Turn>> = (0..plan.generations)
            .map(|generation| measure(plan, &scratch.0, depth, generation))
            .collect::<io::Result<_>>()?;
        let load = fs::read_to_string("/proc/loadavg")?;
        println!(
            "{BLOCK} bytes a read, depth {depth}, {}, {} generations of {} turns, load average {}",
            if plan.direct { "past the cache" } else { "cached" },
            plan.generations,
            plan.turns,
            load.split_whitespace().next().unwrap_or_default(),
        );
        let mut names = vec!["raw-ring".to_string(), "mainspring-ring".to_string()];
        if !plan.direct {
            names.push("tokio".to_string());
        }
        table(&names, "read", &generations);
    }
    Ok(())
}

/// The turns of one generation of readers.
fn measure(plan: &Plan, file: &Path, depth: usize, generation: usize) -> io::Result<Vec<Turn>> {
    let mut readers: Vec<Box<dyn Reader>> = vec![
        Box::new(raw_reads::Ring::new(file, depth, plan.direct)?),
        Box::new(mainspring_reads::Pinned::new(file, depth, plan.direct)?),
    ];
    if !plan.direct {
        readers.push(Box::new(tokio_reads::Tokio::new(file, depth)?));
    }
    let count = readers.len();
    let mut turns = Vec::new();
    for turn in 0..plan.turns {
        let mut slices = vec![0.0; count];
        for place in 0..count {
            let which = (generation + turn + place) % count;
            // The caches are the last contender's.
            readers[which].read(plan.reads / 8)?;
            let begun = Instant::now();
            readers[which].read(plan.reads)?;
            slices[which] = begun.elapsed().as_nanos() as f64 / plan.reads as f64;
        }
        turns.push(slices);
    }
    Ok(turns)
}

/// The blocks of a file in an order that no read-ahead follows.
struct Offsets(u64);

impl Offsets {
    fn new(seed: usize) -> Offsets {
        Offsets(seed as u64 * 2 + 1)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % BLOCKS as u64 * BLOCK as u64
    }
}

/// Whether a read brought a whole block.
fn whole(read: usize) -> io::Result<()> {
    if read == BLOCK { Ok(()) } else { Err(io::Error::other("a block was not read whole")) }
}

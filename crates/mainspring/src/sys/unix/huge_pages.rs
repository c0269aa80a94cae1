//! Huge pages for memory of which much is touched, here and there.
//!
//! A processor keeps the addresses of a few thousand pages at hand, and asks the page tables for
//! any other: on a virtual machine that is up to 24 reads of memory. Thousands of buffers, of which
//! every message fills another, are more than that by themselves. Linux gives pages of 2 MiB to
//! whoever asks for them, so that one entry stands for 512 pages. What an echo on the ring gains by
//! it is at the edge of what can be measured: of three comparisons with 1000 connections two
//! found 1 to 2 per cent less processor time, and the last none (Linux 6.18 on a virtual machine).
//!
//! - madvise(2), `MADV_HUGEPAGE`; "Transparent Hugepage Support" of the kernel's administration
//!   guide

/// Asks for huge pages where memory fills them: what is registered with a kernel counts with the
/// whole page that it lies in, against a limit. To be called before the memory is touched.
///
/// A kernel without them says no; one that was told to give none, or has none free, goes on giving
/// small ones. No byte is changed, whoever has the memory.
#[cfg(target_os = "linux")]
pub(crate) fn prefer(start: *mut u8, len: usize) {
    let before = start.addr().wrapping_neg() % BYTES;
    let whole = len.saturating_sub(before) / BYTES * BYTES;
    if whole != 0 {
        let start = start.wrapping_add(before).cast();
        // SAFETY: an advice that changes no byte, whatever is there; the kernel checks the range.
        let _ = unsafe { rustix::mm::madvise(start, whole, rustix::mm::Advice::LinuxHugepage) };
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn prefer(_start: *mut u8, _len: usize) {}

/// Bytes of a huge page where a page has 4 KiB, on x86-64 and 64-bit Arm.
#[cfg(target_os = "linux")]
const BYTES: usize = 2 << 20;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Whether the kernel was asked for huge pages at an address.
    fn is_asked(address: usize) -> bool {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in smaps.lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            if let Some((from, to)) = name.split_once('-') {
                let ends = [from, to].map(|end| usize::from_str_radix(end, 16).unwrap());
                inside = (ends[0]..ends[1]).contains(&address);
            } else if inside && name == "VmFlags:" {
                return value.split(' ').any(|flag| flag == "hg");
            }
        }
        panic!("no mapping has the address {address:#x}");
    }

    fn has_huge_pages() -> bool {
        let has = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
        if !has {
            println!("LEFT OUT: this kernel has no huge pages to ask for");
        }
        has
    }

    /// Kibibytes of memory that the process has.
    fn resident_kib() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    fn a_group_of_buffers_has_them_and_costs_memory_only_where_it_is_used() {
        const BUFFERS: usize = 512;
        const BYTES: usize = 1 << 20;
        let driver = crate::Driver::new().unwrap();
        let before_kib = resident_kib();
        let group = driver.handle().buffer_group(BUFFERS, BYTES).unwrap();
        // What other tests of this program use meanwhile is far less.
        let taken_kib = resident_kib().saturating_sub(before_kib);
        assert!(taken_kib < (BUFFERS / 2 * BYTES) as u64 >> 10, "{taken_kib} KiB");
        if has_huge_pages() {
            assert!(is_asked(group.buffers().all().0.addr()));
        }
    }

    #[test]
    fn they_are_asked_for_where_memory_fills_them_and_nowhere_else() {
        if !has_huge_pages() {
            return;
        }
        // More than the allocator ever takes from memory that it had before.
        let mut memory = vec![0_u8; 64 << 20];
        let start = memory.as_mut_ptr();
        let first = start.addr().next_multiple_of(BYTES);
        prefer(start, BYTES - 1);
        assert!(!is_asked(first), "less than one");
        let to_the_second = first - start.addr() + 2 * BYTES;
        prefer(start, to_the_second + BYTES - 1);
        let asked = [first - 1, first, first + 2 * BYTES - 1, first + 2 * BYTES].map(is_asked);
        assert_eq!(asked, [false, true, true, false]);
        assert!(memory.iter().all(|&byte| byte == 0));
    }
}

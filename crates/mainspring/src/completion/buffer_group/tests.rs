use super::*;
use crate::completion::buf::Filling;

#[test]
fn a_lease_has_its_own_memory_and_gives_it_back() {
    let buffers = Buffers::new(4, 16).unwrap();
    let lease = |len| {
        let number = buffers.pool().take().expect("a free buffer");
        Buffers::lease(&buffers, number, len)
    };
    let mut first = lease(3);
    let mut second = lease(16);
    first.copy_from_slice(b"abc");
    second.fill(16);
    second.iter_mut().for_each(|byte| *byte = b'x');
    assert_eq!((&first[..], &second[..]), (&b"abc"[..], &[b'x'; 16][..]));
    first.truncate(1);
    first.truncate(2);
    assert_eq!(first.as_ref(), b"a");
    assert_eq!(buffers.pool().in_use(), 2);
    drop((first, second));
    assert_eq!(buffers.pool().in_use(), 0);
}

#[test]
fn a_lease_outlives_the_group_and_is_given_back_on_any_thread() {
    let buffers = Buffers::new(1, 8).unwrap();
    let number = buffers.pool().take().unwrap();
    let mut lease = Buffers::lease(&buffers, number, 8);
    drop(buffers);
    std::thread::spawn(move || {
        lease.copy_from_slice(b"outlives");
        assert_eq!(&lease[..], b"outlives");
    })
    .join()
    .unwrap();
}

#[test]
fn buffers_lie_on_pages_of_their_own_where_they_are_pages() {
    let buffers = Buffers::new(2, 4096).unwrap();
    let (first, second) = (buffers.address(0) as usize, buffers.address(1) as usize);
    assert_eq!((first % 4096, second - first), (0, 4096));
}

#[test]
fn many_buffers_begin_on_a_huge_page_and_are_zeroed_to_the_last_byte() {
    for (count, bytes) in [(512, 4096), (1024, 4097), (64, 1 << 20)] {
        let buffers = Buffers::new(count, bytes).unwrap();
        let (start, len) = buffers.all();
        assert_eq!((start as usize % (2 << 20), len), (0, count * bytes));
        for place in 0..count {
            let number = buffers.pool().take().unwrap();
            let lease = Buffers::lease(&buffers, number, bytes);
            assert!(lease.iter().all(|&byte| byte == 0), "{place} of {count}");
            assert_eq!(lease.as_ptr().addr(), start as usize + usize::from(number) * bytes);
            // Kept from the pool, so that the next is another one.
            std::mem::forget(lease);
        }
    }
}

#[test]
fn c13_only_what_every_kernel_takes_is_a_group() {
    for (count, bytes) in [(0, 16), (3, 16), (1 << 16, 16), (8, 0), (8, usize::MAX)] {
        let refused = Buffers::new(count, bytes).map(drop).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput, "{count} of {bytes}: {refused}");
    }
    assert_eq!(Buffers::new(1 << 15, 1).unwrap().pool().count(), 1 << 15);
}

#[test]
fn a_lease_is_filled_by_hand_and_by_an_operation() {
    let buffers = Buffers::new(1, 8).unwrap();
    let number = buffers.pool().take().unwrap();
    let mut lease = Buffers::lease(&buffers, number, 0);
    assert_eq!((lease.extend_from_slice(b"hello"), lease.capacity()), (5, 8));
    assert_eq!(lease.extend_from_slice(b"world"), 3);
    assert_eq!(&lease[..], b"hellowor");
    let mut filling = Filling::new(lease);
    for (place, byte) in filling.memory().iter_mut().zip(b"over") {
        place.write(*byte);
    }
    assert_eq!(filling.into_filled(&Ok(4)).filled(), b"over");
}

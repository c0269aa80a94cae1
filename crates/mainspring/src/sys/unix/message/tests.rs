use super::*;

/// A control message as the kernel lays it out.
fn part(level: c_int, kind: c_int, data: &[u8]) -> Vec<u8> {
    // SAFETY: all zeroes are a `cmsghdr`.
    let mut header: libc::cmsghdr = unsafe { std::mem::zeroed() };
    // SAFETY: arithmetic on a length.
    header.cmsg_len = unsafe { libc::CMSG_LEN(data.len() as u32) } as _;
    header.cmsg_level = level;
    header.cmsg_type = kind;
    // SAFETY: arithmetic on a length.
    let mut bytes = vec![0xa5; unsafe { libc::CMSG_SPACE(data.len() as u32) } as usize];
    // SAFETY: there is room for a header at the start.
    unsafe { bytes.as_mut_ptr().cast::<libc::cmsghdr>().write_unaligned(header) };
    // SAFETY: arithmetic on a length.
    let data_at = unsafe { libc::CMSG_LEN(0) } as usize;
    bytes[data_at..data_at + data.len()].copy_from_slice(data);
    bytes
}

#[test]
fn parts_come_out_as_they_went_in() {
    let mut bytes = part(1, 2, b"three bytes and some");
    bytes.extend(part(3, 4, b""));
    bytes.extend(part(5, 6, b"x"));
    let parts: Vec<Part<'_>> = Parts(&bytes).collect();
    assert_eq!(parts[0], Part { level: 1, kind: 2, data: b"three bytes and some" });
    assert_eq!(parts[1], Part { level: 3, kind: 4, data: b"" });
    assert_eq!(parts[2], Part { level: 5, kind: 6, data: b"x" });
    assert_eq!(parts.len(), 3);
}

#[test]
fn every_beginning_of_the_parts_is_taken_for_what_it_is() {
    let mut bytes = part(1, 2, &[7; 12]);
    bytes.extend(part(3, 4, &[8; 5]));
    for end in 0..=bytes.len() {
        let data: usize = Parts(&bytes[..end]).map(|part| part.data.len()).sum();
        assert!(data <= 17 && data <= end, "{data} bytes of {end}");
    }
    assert_eq!(Parts(&bytes).count(), 2);
}

#[test]
fn no_bytes_make_the_parts_hang_or_reach_beyond_them() {
    let mut state = 1u64;
    for round in 0..20_000 {
        let mut bytes = vec![0u8; round % 97];
        for byte in &mut bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Small numbers, most of them, so that lengths are near the truth.
            let noise = (state >> 56) as u8;
            *byte = if noise < 100 { 0 } else { noise % 64 };
        }
        assert!(Parts(&bytes).count() <= bytes.len());
        assert!(Parts(&bytes).all(|part| part.data.len() <= bytes.len()));
    }
}

#[test]
fn a_process_that_cannot_be_seen_is_none_and_not_zero() {
    assert_eq!(credentials::from_kernel(0, 5, 6).process, None);
    assert_eq!(credentials::from_kernel(-1, 5, 6).process, None);
    let seen = credentials::from_kernel(4, 5, 6);
    assert_eq!((seen.process, seen.user, seen.group), (Some(4), 5, 6));
}

#[cfg(target_os = "linux")]
#[test]
fn credentials_of_an_unseen_process_are_received() {
    let mut message = Message::end().unwrap();
    let data: Vec<u8> = [0i32, 7, 8].iter().flat_map(|number| number.to_ne_bytes()).collect();
    let bytes = part(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &data);
    Parts(&bytes).for_each(|part| part.take(&mut message));
    assert_eq!(message.credentials, Some(Credentials { process: None, user: 7, group: 8 }));
    message.credentials = None;
    let short = part(libc::SOL_SOCKET, libc::SCM_CREDENTIALS, &data[..8]);
    Parts(&short).for_each(|part| part.take(&mut message));
    assert_eq!(message.credentials, None);
}

/// What came without being asked for is not left open.
#[cfg(target_os = "linux")]
#[test]
fn the_descriptor_of_a_process_is_closed() {
    use std::os::fd::IntoRawFd;
    let (kept, given) = std::os::unix::net::UnixStream::pair().unwrap();
    kept.set_nonblocking(true).unwrap();
    let mut message = Message::end().unwrap();
    let bytes = part(libc::SOL_SOCKET, SCM_PIDFD, &given.into_raw_fd().to_ne_bytes());
    Parts(&bytes).for_each(|part| part.take(&mut message));
    assert!(message.descriptors.is_empty());
    assert_eq!(io::Read::read(&mut &kept, &mut [0; 1]).unwrap(), 0, "the other end is closed");
}

#[test]
fn descriptors_that_have_no_room_are_closed() {
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    let (kept, given) = std::os::unix::net::UnixStream::pair().unwrap();
    kept.set_nonblocking(true).unwrap();
    let given_twice = [given.as_fd(), given.as_fd()];
    send_descriptors(&a, &[IoSlice::new(b"!")], &given_twice).unwrap();
    drop(given);
    // Room for one.
    let mut control = Control([0; RECV_CONTROL_BYTES]);
    // SAFETY: arithmetic on a length.
    let room = unsafe { libc::CMSG_LEN(4) } as usize;
    let mut byte = [0];
    let mut buffers = [IoSliceMut::new(&mut byte)];
    let error = recv_control(b.as_fd(), &mut buffers, &mut control.0[..room]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
    assert!(error.to_string().contains("(1 arrived"), "{error}");
    let end = io::Read::read(&mut &kept, &mut [0; 1]);
    assert_eq!(end.unwrap(), 0, "nobody has the other end any more");
}

#[test]
fn a_read_says_whether_it_went_as_far_as_it_could() {
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    send_descriptors(&a, &[IoSlice::new(b"first")], &[a.as_fd()]).unwrap();
    send(&a, b"second").unwrap();
    let mut buffer = [0; 32];
    let read = recv_stream(&b, &mut [IoSliceMut::new(&mut buffer)]).unwrap();
    assert_eq!(read, Read { count: 5, whole: false });
    let mut buffer = [MaybeUninit::uninit(); 32];
    assert_eq!(recv_stream_uninit(&b, &mut buffer).unwrap(), Read { count: 6, whole: true });
}

#[test]
fn more_buffers_than_a_call_takes_are_a_short_read() {
    let (a, b) = std::os::unix::net::UnixStream::pair().unwrap();
    send(&a, &[7; 2000]).unwrap();
    let mut bytes = vec![0; 2000];
    let mut buffers: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    let read = recv_stream(&b, &mut buffers).unwrap();
    assert_eq!(read, Read { count: super::super::socket::BUFFERS_MAX, whole: true });
}

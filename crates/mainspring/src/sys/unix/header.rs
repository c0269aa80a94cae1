//! The headers of messages, for operations that own what a message is made of.
//!
//! `recvmsg` and `sendmsg` are told by a `msghdr` where the bytes are, where the other end's
//! address, and where the control messages. An operation holds all of these while the kernel works,
//! so the header lies in it and points at its neighbours. It is filled in at the address where the
//! operation stays, anew for every call; moved, it points nowhere of use, and what the kernel has
//! written into it stays true.
//!
//! - <https://man7.org/linux/man-pages/man2/recvmsg.2.html>
//! - <https://man7.org/linux/man-pages/man3/cmsg.3.html>

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use libc::c_int;
use socket2::{SockAddr, SockAddrStorage};

use super::message::{
    ARRIVE_CLOSED_ON_EXEC, Arrived, Control, DESCRIPTORS_MAX, Message, RECV_CONTROL_BYTES,
    SEND_FLAGS, message_of, too_many,
};

/// A `msghdr` with one piece of memory.
struct Header {
    header: libc::msghdr,
    piece: libc::iovec,
}

impl Header {
    fn new() -> Header {
        Header {
            // SAFETY: all zeroes are a `msghdr` of no memory, no name and no control messages.
            header: unsafe { std::mem::zeroed() },
            piece: libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 },
        }
    }

    /// Points it at the memory of a message.
    fn point(&mut self, start: *mut u8, len: usize) {
        self.piece = libc::iovec { iov_base: start.cast(), iov_len: len };
        self.header.msg_iov = &raw mut self.piece;
        self.header.msg_iovlen = 1;
        self.header.msg_flags = 0;
    }

    fn name(&mut self, start: *mut libc::c_void, len: libc::socklen_t) {
        self.header.msg_name = start;
        self.header.msg_namelen = len;
    }

    fn control(&mut self, start: *mut libc::c_void, len: usize) {
        let none = len == 0;
        self.header.msg_control = if none { std::ptr::null_mut() } else { start };
        self.header.msg_controllen = len as _;
    }

    /// What an operation shows the kernel: the address and the length.
    fn raw(&mut self) -> (*mut u8, usize) {
        ((&raw mut self.header).cast(), size_of::<libc::msghdr>())
    }
}

/// What an operation that receives a message needs beside its buffer: the header, and room for the
/// sender's name.
pub(crate) struct RecvHeader {
    header: Header,
    name: SockAddrStorage,
    /// Room for descriptors and credentials, if somebody wants them.
    control: Option<Box<Control>>,
    /// Nothing came, and nothing ever will.
    ended: bool,
}

// SAFETY: the pointers in the header are used by the call or the operation alone that they were
// filled in for, and are plain numbers to everybody else.
unsafe impl Send for RecvHeader {}

impl RecvHeader {
    /// For bytes and the sender's name.
    pub(crate) fn new() -> RecvHeader {
        let name = SockAddrStorage::zeroed();
        RecvHeader { header: Header::new(), name, control: None, ended: false }
    }

    /// For descriptors and credentials as well.
    pub(crate) fn with_control() -> RecvHeader {
        let control = Some(Box::new(Control([0; RECV_CONTROL_BYTES])));
        RecvHeader { control, ..RecvHeader::new() }
    }

    /// The flags of a receive with this header.
    pub(crate) fn flags(&self) -> u32 {
        if self.control.is_some() { ARRIVE_CLOSED_ON_EXEC as u32 } else { 0 }
    }

    /// Fills it in for memory at an address, and returns its own address and length. It stays where
    /// it is until the receive is over.
    pub(crate) fn raw(&mut self, start: *mut u8, len: usize) -> (*mut u8, usize) {
        self.header.point(start, len);
        self.header.name((&raw mut self.name).cast(), self.name.size_of());
        let control = self.control.as_mut().map_or(&mut [][..], |control| &mut control.0[..]);
        self.header.control(control.as_mut_ptr().cast(), control.len());
        self.header.raw()
    }

    /// Receives into `memory`, of which the first so many bytes then are initialised.
    pub(crate) fn receive(
        &mut self,
        socket: &socket2::Socket,
        memory: &mut [MaybeUninit<u8>],
    ) -> io::Result<usize> {
        self.raw(memory.as_mut_ptr().cast(), memory.len());
        let (header, flags) = (&raw mut self.header.header, self.flags() as c_int);
        // SAFETY: the header points at memory that is borrowed for the call, and at its own parts.
        retry(|| unsafe { libc::recvmsg(socket.as_raw_fd(), header, flags) })
    }

    /// What the receive that has just succeeded brought beside its bytes.
    pub(crate) fn arrived(&self, len: usize) -> io::Result<Arrived> {
        if self.ended {
            return Arrived::end();
        }
        let named = self.header.header.msg_namelen.min(self.name.size_of());
        // SAFETY: plain bytes, which may be copied.
        let name = unsafe { std::ptr::read(&raw const self.name) };
        // SAFETY: the kernel wrote a name of so many bytes, or none: then the family is the zero
        // that was there.
        let sender = unsafe { SockAddr::new(name, named) };
        let truncated = self.header.header.msg_flags & libc::MSG_TRUNC != 0;
        Ok(Arrived { len, truncated, sender })
    }

    /// Takes note that a receive found the end, of nobody.
    pub(crate) fn note_end(&mut self) {
        self.ended = true;
    }

    /// The same with the descriptors and credentials; once for each receive that has succeeded.
    ///
    /// # Errors
    ///
    /// If not all of them could be taken, which closes those that were.
    pub(crate) fn message(&self, len: usize) -> io::Result<Message> {
        if self.ended {
            return Message::end();
        }
        let control = self.control.as_ref().map_or(&[][..], |control| &control.0[..]);
        let header = &self.header.header;
        let control = &control[..control.len().min(header.msg_controllen as _)];
        message_of(self.arrived(len)?, control, header.msg_flags)
    }
}

impl fmt::Debug for RecvHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvHeader").finish_non_exhaustive()
    }
}

/// What an operation that sends a message needs beside its buffer: the header, the address of the
/// receiver, and the descriptors that go along.
pub(crate) struct SendHeader {
    header: Header,
    target: Option<SockAddr>,
    /// One control message with the numbers of the descriptors, in words for its alignment.
    control: Box<[u64]>,
}

// SAFETY: the pointers in the header are used by the call or the operation alone that they were
// filled in for, and are plain numbers to everybody else.
unsafe impl Send for SendHeader {}

impl SendHeader {
    /// For a message to `target`, or to the connected peer.
    pub(crate) fn new(target: Option<SockAddr>) -> SendHeader {
        SendHeader { header: Header::new(), target, control: Box::default() }
    }

    /// For a message with descriptors to the connected peer. They stay open until it was sent.
    ///
    /// # Errors
    ///
    /// If they are more than one message carries.
    pub(crate) fn with_descriptors(descriptors: &[OwnedFd]) -> io::Result<SendHeader> {
        if descriptors.len() > DESCRIPTORS_MAX {
            return Err(too_many(descriptors.len()));
        }
        Ok(SendHeader { control: rights(descriptors), ..SendHeader::new(None) })
    }

    /// Fills it in for bytes at an address, and returns its own address and length. It stays where
    /// it is until the send is over.
    pub(crate) fn raw(&mut self, start: *const u8, len: usize) -> (*mut u8, usize) {
        self.header.point(start.cast_mut(), len);
        match &self.target {
            Some(target) => self.header.name(target.as_ptr().cast_mut().cast(), target.len()),
            None => self.header.name(std::ptr::null_mut(), 0),
        }
        self.header.control(self.control.as_mut_ptr().cast(), size_of_val(&*self.control));
        self.header.raw()
    }

    /// Whether it names a receiver that is a Unix socket.
    pub(crate) fn is_to_unix(&self) -> bool {
        self.target.as_ref().is_some_and(SockAddr::is_unix)
    }

    /// Sends `bytes`.
    pub(crate) fn send(&mut self, socket: &socket2::Socket, bytes: &[u8]) -> io::Result<usize> {
        self.raw(bytes.as_ptr(), bytes.len());
        let header = &raw const self.header.header;
        let flags = SEND_FLAGS.bits() as c_int;
        // SAFETY: the header points at bytes that are borrowed for the call, and at its own parts;
        // the kernel writes to none of them.
        retry(|| unsafe { libc::sendmsg(socket.as_raw_fd(), header, flags) })
    }
}

impl fmt::Debug for SendHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendHeader").field("target", &self.target).finish_non_exhaustive()
    }
}

/// Makes a call again that a signal interrupted.
fn retry(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        if let Ok(count) = usize::try_from(call()) {
            return Ok(count);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The control message that carries descriptors; nothing if there are none, because some systems
/// refuse an empty list.
fn rights(descriptors: &[OwnedFd]) -> Box<[u64]> {
    if descriptors.is_empty() {
        return Box::default();
    }
    let len = size_of_val(descriptors) as u32;
    // SAFETY: arithmetic on a length, which is at most that of the longest list.
    let space = unsafe { libc::CMSG_SPACE(len) } as usize;
    // SAFETY: the same.
    let whole = unsafe { libc::CMSG_LEN(len) };
    let mut words = vec![0_u64; space.div_ceil(size_of::<u64>())].into_boxed_slice();
    // SAFETY: all zeroes are a `cmsghdr`.
    let mut head: libc::cmsghdr = unsafe { std::mem::zeroed() };
    head.cmsg_len = whole as _;
    head.cmsg_level = libc::SOL_SOCKET;
    head.cmsg_type = libc::SCM_RIGHTS;
    let start = words.as_mut_ptr().cast::<u8>();
    // SAFETY: the words have room for the head and the data, and are aligned for both.
    unsafe { start.cast::<libc::cmsghdr>().write(head) };
    // SAFETY: arithmetic on a length.
    let data_at = unsafe { libc::CMSG_LEN(0) } as usize;
    for (index, descriptor) in descriptors.iter().enumerate() {
        let at = data_at + index * size_of::<c_int>();
        let number = start.wrapping_add(at).cast::<c_int>();
        // SAFETY: the data has room for all the numbers, by `CMSG_SPACE` of their length.
        unsafe { number.write(descriptor.as_fd().as_raw_fd()) };
    }
    words
}

#[cfg(test)]
mod tests {
    use socket2::{Domain, Socket, Type};

    use super::*;

    fn pair() -> (Socket, Socket) {
        Socket::pair(Domain::UNIX, Type::DGRAM, None).unwrap()
    }

    fn memory(bytes: &mut [u8; 8]) -> &mut [MaybeUninit<u8>] {
        let whole: *mut [u8] = bytes;
        // SAFETY: the same layout, and what is written is initialised.
        unsafe { &mut *(whole as *mut [MaybeUninit<u8>]) }
    }

    #[test]
    fn descriptors_arrive_with_their_bytes() {
        let (a, b) = pair();
        let (kept, given) = pair();
        let given = [OwnedFd::from(given), OwnedFd::from(kept.try_clone().unwrap())];
        let mut sending = SendHeader::with_descriptors(&given).unwrap();
        assert_eq!(sending.send(&a, b"two").unwrap(), 3);
        drop(given);
        let mut bytes = [0; 8];
        let mut receiving = RecvHeader::with_control();
        let count = receiving.receive(&b, memory(&mut bytes)).unwrap();
        // Moved, as the end of an operation moves it.
        let moved = Box::new(receiving);
        let message = moved.message(count).unwrap();
        assert_eq!((&bytes[..count], message.descriptors.len()), (b"two".as_slice(), 2));
        let given = Socket::from(message.descriptors.into_iter().next().unwrap());
        given.send(b"through").unwrap();
        assert_eq!(kept.recv(memory(&mut bytes)).unwrap(), 7);
    }

    #[test]
    fn a_datagram_that_is_too_long_is_marked_and_a_header_is_used_again() {
        let (a, b) = pair();
        let mut receiving = RecvHeader::new();
        let mut bytes = [0; 8];
        for (sent, truncated) in [(&b"much too long"[..], true), (b"short", false)] {
            SendHeader::new(None).send(&a, sent).unwrap();
            let count = receiving.receive(&b, memory(&mut bytes)).unwrap();
            let arrived = receiving.arrived(count).unwrap();
            assert_eq!((arrived.len, arrived.truncated), (sent.len().min(8), truncated));
            assert!(arrived.sender.is_unnamed() || arrived.sender.len() <= 2);
        }
    }

    #[test]
    fn c13_more_descriptors_than_one_message_carries_are_refused() {
        let one = OwnedFd::from(pair().0);
        let many: Vec<_> = (0..=DESCRIPTORS_MAX).map(|_| one.try_clone().unwrap()).collect();
        let error = SendHeader::with_descriptors(&many).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let (a, b) = pair();
        let mut sending = SendHeader::with_descriptors(&many[1..]).unwrap();
        assert_eq!(sending.send(&a, b"all").unwrap(), 3);
        let mut bytes = [0; 8];
        let mut receiving = RecvHeader::with_control();
        let count = receiving.receive(&b, memory(&mut bytes)).unwrap();
        assert_eq!(receiving.message(count).unwrap().descriptors.len(), DESCRIPTORS_MAX);
    }

    /// As the slots of operations expect: a message with its header and address lies inside one.
    #[test]
    fn headers_are_small() {
        assert!(size_of::<RecvHeader>() <= 216, "{}", size_of::<RecvHeader>());
        assert!(size_of::<SendHeader>() <= 232, "{}", size_of::<SendHeader>());
    }
}

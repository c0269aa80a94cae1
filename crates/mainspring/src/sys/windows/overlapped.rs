//! Operations that the kernel carries out while the program goes on: overlapped I/O.
//!
//! Each call is given an `OVERLAPPED`, which is the operation's name until it ends, and memory that
//! the kernel reads or writes meanwhile. Its end is a packet of the port that the handle is
//! associated with, **also if the call has succeeded at once**: that is the rule of this file, and
//! whoever set `FILE_SKIP_COMPLETION_PORT_ON_SUCCESS` on a handle has no use of it here
//! ([`packets_come`]). A call that fails with an error gives no packet; one that fails with a
//! warning ("more data", "message too long") was carried out, and its packet comes.
//!
//! # Memory
//!
//! [`Lent`] is reached by raw pointers alone while an operation has it. The arrays of `WSABUF` and
//! the address that is sent to are read before a call returns, as Winsock promises; everything else
//! that is named by address is the kernel's until the packet was taken.
//!
//! # Errors
//!
//! The kernel tells an end as an `NTSTATUS`. Winsock's own translation asks the socket, which may
//! be closed by then; [`socket_error`] is a table, after the numbers that Winsock's documentation
//! gives. A reset has a number of its own and is never taken for the end of the data.
//!
//! - <https://learn.microsoft.com/windows/win32/api/winsock2/nf-winsock2-wsarecv>
//! - <https://learn.microsoft.com/windows/win32/api/mswsock/nf-mswsock-acceptex>
//! - <https://learn.microsoft.com/windows/win32/api/mswsock/nc-mswsock-lpfn_connectex>
//! - <https://learn.microsoft.com/windows/win32/fileio/cancelioex-func>

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::windows::io::{AsRawSocket, BorrowedHandle, BorrowedSocket, IntoRawSocket, RawHandle};
use std::ptr::{self, NonNull};

use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use windows_sys::Wdk::Storage::FileSystem::{
    FileIoCompletionNotificationInformation, NtQueryInformationFile,
};
use windows_sys::Win32::Foundation::{self as codes, FALSE, HANDLE, NTSTATUS};
use windows_sys::Win32::Networking::WinSock::{
    self as winsock, AF_INET, AF_INET6, AcceptEx, LPFN_CONNECTEX,
    SIO_GET_EXTENSION_FUNCTION_POINTER, SO_UPDATE_ACCEPT_CONTEXT, SO_UPDATE_CONNECT_CONTEXT,
    SOCKADDR, SOCKADDR_STORAGE, SOCKET, SOCKET_ERROR, SOL_SOCKET, WSABUF, WSAID_CONNECTEX,
    WSAIoctl, WSARecv, WSARecvFrom, WSASend, WSASendTo, setsockopt,
};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{
    CancelIoEx, IO_STATUS_BLOCK, IO_STATUS_BLOCK_0, OVERLAPPED, OVERLAPPED_0, OVERLAPPED_0_0,
};
use windows_sys::Win32::System::Pipes::ConnectNamedPipe;
use windows_sys::Win32::System::WindowsProgramming::FILE_SKIP_COMPLETION_PORT_ON_SUCCESS;

use crate::source::RawSource;

use super::header::Message;
use super::source::number_of;

/// Bytes of an address in what `AcceptEx` writes: 16 more than the address, as it asks.
const ADDRESS: usize = size_of::<SOCKADDR_STORAGE>() + 16;

/// Memory of an operation: where it begins, and its bytes.
pub(crate) type Piece = (*mut u8, usize);

/// What is lent to the kernel for one operation, beside its buffers.
#[repr(C)]
pub(crate) struct Lent {
    /// First, so that its address is that of the whole.
    overlapped: OVERLAPPED,
    flags: u32,
    /// Where `AcceptEx` writes both addresses; nobody reads them.
    addresses: [MaybeUninit<u8>; 2 * ADDRESS],
}

impl Lent {
    pub(crate) fn new() -> Lent {
        Lent {
            overlapped: overlapped(0),
            flags: 0,
            addresses: [MaybeUninit::uninit(); 2 * ADDRESS],
        }
    }
}

/// One that has not ended. An offset means nothing to what has no positions.
fn overlapped(offset: u64) -> OVERLAPPED {
    let parts = OVERLAPPED_0_0 { Offset: offset as u32, OffsetHigh: (offset >> 32) as u32 };
    OVERLAPPED {
        Internal: codes::STATUS_PENDING as usize,
        InternalHigh: 0,
        Anonymous: OVERLAPPED_0 { Anonymous: parts },
        hEvent: ptr::null_mut(),
    }
}

/// How an operation has ended, as the kernel says it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) status: NTSTATUS,
    pub(crate) bytes: usize,
}

/// Makes the memory ready for an operation at `offset`.
///
/// # Safety
///
/// The memory is valid, and no operation has it.
pub(crate) unsafe fn prepare(lent: NonNull<Lent>, offset: u64) {
    let fresh = Lent { overlapped: overlapped(offset), ..Lent::new() };
    // SAFETY: valid and nobody else's, by the caller.
    unsafe { lent.write(fresh) };
}

/// The same for a call whose end is told by an event, and by no packet of a port: that is what the
/// event's lowest bit means, of which the system takes no other notice.
///
/// # Safety
///
/// The same, and the event lives for longer than the call takes.
pub(crate) unsafe fn prepare_waited(lent: NonNull<Lent>, offset: u64, event: RawHandle) {
    // SAFETY: the caller's.
    unsafe { prepare(lent, offset) };
    let event = (event as usize | 1) as HANDLE;
    // SAFETY: a place in memory that is valid, by the caller.
    let place = unsafe { &raw mut (*name(lent)).hEvent };
    // SAFETY: valid and nobody else's, by the caller.
    unsafe { place.write(event) };
}

/// What the kernel has written of an operation's end so far.
///
/// # Safety
///
/// The memory is valid.
pub(crate) unsafe fn end(lent: NonNull<Lent>) -> End {
    let overlapped = name(lent);
    // SAFETY: a place in memory that is valid, by the caller.
    let status = unsafe { &raw const (*overlapped).Internal };
    // SAFETY: the same.
    let bytes = unsafe { &raw const (*overlapped).InternalHigh };
    // SAFETY: valid; the kernel may write it, so it is read as it stands.
    let status = unsafe { status.read_volatile() };
    // SAFETY: the same.
    let bytes = unsafe { bytes.read_volatile() };
    End { status: status as NTSTATUS, bytes }
}

/// The operation's name.
pub(crate) fn name(lent: NonNull<Lent>) -> *mut OVERLAPPED {
    lent.as_ptr().cast()
}

fn handle(source: RawSource) -> HANDLE {
    source.0 as usize as HANDLE
}

fn socket(source: RawSource) -> SOCKET {
    source.0 as SOCKET
}

/// Whether the end of every operation on the handle comes as a packet, also one at once.
pub(crate) fn packets_come(source: RawSource) -> bool {
    let mut block = IO_STATUS_BLOCK { Anonymous: IO_STATUS_BLOCK_0 { Status: 0 }, Information: 0 };
    let mut flags: u32 = 0;
    // SAFETY: the call writes a block and a number to the places for them, before it returns.
    let status = unsafe {
        NtQueryInformationFile(
            handle(source),
            &raw mut block,
            (&raw mut flags).cast(),
            size_of::<u32>() as u32,
            FileIoCompletionNotificationInformation,
        )
    };
    // A system that does not tell has it as it is by default.
    status < 0 || flags & FILE_SKIP_COMPLETION_PORT_ON_SUCCESS == 0
}

fn begun(succeeded: bool) -> io::Result<()> {
    if succeeded {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error().map(|code| code as u32) {
        Some(codes::ERROR_IO_PENDING) => Ok(()),
        _ => Err(error),
    }
}

fn buffer((start, len): Piece) -> WSABUF {
    WSABUF { len: length(len), buf: start }
}

/// The calls take 32 bits: of more than four gigabytes the first.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Receives into memory.
///
/// # Errors
///
/// Those of every call here: the system's, and then no packet comes, unless it is a warning.
///
/// # Safety
///
/// For every call here: `lent` was made ready by [`prepare`], and it and all memory that is named
/// by address are valid and nobody else's until the packet was taken, or the call has failed.
pub(crate) unsafe fn recv(source: RawSource, lent: NonNull<Lent>, memory: Piece) -> io::Result<()> {
    let buffer = buffer(memory);
    // SAFETY: the address of a field of a value that lives, without a look at it.
    let flags = unsafe { &raw mut (*lent.as_ptr()).flags };
    // SAFETY: the caller keeps what has to stay; the array is read before the call returns.
    let result = unsafe {
        WSARecv(socket(source), &raw const buffer, 1, ptr::null_mut(), flags, name(lent), None)
    };
    begun(result != SOCKET_ERROR)
}

/// Sends from memory.
///
/// # Safety
///
/// That of [`recv`].
pub(crate) unsafe fn send(source: RawSource, lent: NonNull<Lent>, memory: Piece) -> io::Result<()> {
    let buffer = buffer(memory);
    // SAFETY: the caller keeps what has to stay; the array is read before the call returns.
    let result = unsafe {
        WSASend(socket(source), &raw const buffer, 1, ptr::null_mut(), 0, name(lent), None)
    };
    begun(result != SOCKET_ERROR)
}

/// Receives a datagram as the header says, which notes the sender.
///
/// # Safety
///
/// That of [`recv`]; `header` is a [`Message`].
pub(crate) unsafe fn recv_from(
    source: RawSource,
    lent: NonNull<Lent>,
    header: Piece,
) -> io::Result<()> {
    let message = header.0.cast::<Message>();
    // SAFETY: the address of a field of a value that lives, without a look at it.
    let buffer = unsafe { &raw const (*message).buffer };
    // SAFETY: the same.
    let name_len = unsafe { &raw mut (*message).name_len };
    // SAFETY: the same.
    let flags = unsafe { &raw mut (*message).flags };
    // SAFETY: the same.
    let sender = unsafe { &raw mut (*message).name };
    // SAFETY: the caller keeps what has to stay.
    let result = unsafe {
        WSARecvFrom(
            socket(source),
            buffer,
            1,
            ptr::null_mut(),
            flags,
            sender.cast::<SOCKADDR>(),
            name_len,
            name(lent),
            None,
        )
    };
    begun(result != SOCKET_ERROR)
}

/// Notes in the header that the datagram was longer than the buffer, whose length is returned.
///
/// # Safety
///
/// `header` is a [`Message`] whose operation has ended, and nobody else's yet.
pub(crate) unsafe fn note_truncated(header: Piece) -> u32 {
    let message = header.0.cast::<Message>();
    // SAFETY: a place in memory that is valid, by the caller.
    let truncated = unsafe { &raw mut (*message).truncated };
    // SAFETY: valid and nobody else's, by the caller.
    unsafe { truncated.write(true) };
    // SAFETY: the same.
    unsafe { (*message).buffer.len }
}

/// Sends a datagram as the header says.
///
/// # Safety
///
/// That of [`recv`]; `header` is a [`Message`].
pub(crate) unsafe fn send_to(
    source: RawSource,
    lent: NonNull<Lent>,
    header: Piece,
) -> io::Result<()> {
    let message = header.0.cast::<Message>();
    // SAFETY: the address of a field of a value that lives, without a look at it.
    let buffer = unsafe { &raw const (*message).buffer };
    // SAFETY: a value that lives, and that nobody writes.
    let len = unsafe { (*message).name_len };
    // SAFETY: the address of a field, without a look at it.
    let target = unsafe { (&raw const (*message).name).cast::<SOCKADDR>() };
    let target = if len == 0 { ptr::null() } else { target };
    // SAFETY: the caller keeps what has to stay; array and address are read before it returns.
    let result = unsafe {
        WSASendTo(socket(source), buffer, 1, ptr::null_mut(), 0, target, len, name(lent), None)
    };
    begun(result != SOCKET_ERROR)
}

/// A socket for the next connection of a listener.
///
/// # Errors
///
/// `Unsupported` for a listener that is not of the internet; the system's.
pub(crate) fn socket_for(listener: RawSource) -> io::Result<Socket> {
    let domain = with_socket(listener, |listener| listener.local_addr())?.domain();
    if domain != Domain::IPV4 && domain != Domain::IPV6 {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let socket = Socket::new(domain, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The number of a socket that somebody else keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection(SOCKET);

impl Connection {
    pub(crate) fn of(socket: &Socket) -> Connection {
        Connection(socket.as_raw_socket() as SOCKET)
    }
}

fn with_socket<R>(source: RawSource, look: impl FnOnce(&Socket) -> R) -> R {
    // SAFETY: it is used for calls that fail if the number names no socket, and not closed.
    let borrowed = unsafe { BorrowedSocket::borrow_raw(source.0 as _) };
    look(&SockRef::from(&borrowed))
}

/// Takes a connection into a socket of [`socket_for`].
///
/// # Safety
///
/// That of [`recv`], also for the socket of `connection`.
pub(crate) unsafe fn accept(
    listener: RawSource,
    lent: NonNull<Lent>,
    connection: Connection,
) -> io::Result<()> {
    let mut received = 0;
    // SAFETY: the address of a field of a value that lives, without a look at it.
    let addresses = unsafe { &raw mut (*lent.as_ptr()).addresses };
    // SAFETY: the caller keeps what has to stay; there is room for two addresses of this length.
    let result = unsafe {
        AcceptEx(
            socket(listener),
            connection.0,
            addresses.cast(),
            0,
            ADDRESS as u32,
            ADDRESS as u32,
            &raw mut received,
            name(lent),
        )
    };
    begun(result != FALSE)
}

/// Makes a connection that was taken a socket like others, and gives its number away.
pub(crate) fn taken(listener: RawSource, taken: Socket) -> io::Result<u64> {
    let listener = socket(listener);
    // SAFETY: the option is a socket, and is read before the call returns.
    let result = unsafe {
        setsockopt(
            taken.as_raw_socket() as SOCKET,
            SOL_SOCKET,
            SO_UPDATE_ACCEPT_CONTEXT,
            (&raw const listener).cast(),
            size_of::<SOCKET>() as i32,
        )
    };
    if result == SOCKET_ERROR {
        return Err(io::Error::last_os_error());
    }
    Ok(number_of(taken.into_raw_socket()))
}

/// Connects to the address in memory. `ConnectEx` wants a socket that has a name: one that has none
/// is given any.
///
/// # Errors
///
/// `Unsupported` for an address that is not of the internet; those of [`recv`].
///
/// # Safety
///
/// That of [`recv`]; the memory is an address.
pub(crate) unsafe fn connect(
    source: RawSource,
    lent: NonNull<Lent>,
    address: Piece,
) -> io::Result<()> {
    let target = address.0.cast::<SOCKADDR>().cast_const();
    // SAFETY: a place in memory that is valid, by the caller.
    let family = unsafe { &raw const (*target).sa_family };
    // SAFETY: every address begins with its family; it need not be aligned.
    let family = unsafe { family.read_unaligned() };
    let any: SockAddr = match family {
        AF_INET => SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0).into(),
        AF_INET6 => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0).into(),
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    with_socket(source, |socket| match socket.local_addr() {
        Ok(_) => Ok(()),
        Err(_) => socket.bind(&any),
    })?;
    let Some(connect) = connect_function(source)? else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    // SAFETY: the provider's own function; the caller keeps what has to stay.
    let result = unsafe {
        connect(
            socket(source),
            target,
            address.1 as i32,
            ptr::null(),
            0,
            ptr::null_mut(),
            name(lent),
        )
    };
    begun(result != FALSE)
}

/// `ConnectEx` of the socket's provider.
fn connect_function(source: RawSource) -> io::Result<LPFN_CONNECTEX> {
    let identifier = WSAID_CONNECTEX;
    let mut function: LPFN_CONNECTEX = None;
    let mut bytes = 0;
    // SAFETY: the call reads an identifier and writes a function's address to the place for one,
    // before it returns: it is given no OVERLAPPED.
    let result = unsafe {
        WSAIoctl(
            socket(source),
            SIO_GET_EXTENSION_FUNCTION_POINTER,
            (&raw const identifier).cast(),
            size_of_val(&identifier) as u32,
            (&raw mut function).cast(),
            size_of::<LPFN_CONNECTEX>() as u32,
            &raw mut bytes,
            ptr::null_mut(),
            None,
        )
    };
    if result == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(function) }
}

/// Makes a connection that has come about a socket like others.
pub(crate) fn connected(source: RawSource) -> io::Result<()> {
    // SAFETY: an option without a value.
    let result = unsafe {
        setsockopt(socket(source), SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, ptr::null(), 0)
    };
    if result == SOCKET_ERROR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads a file or a pipe, at the offset that [`prepare`] was given.
///
/// # Safety
///
/// That of [`recv`].
pub(crate) unsafe fn read(source: RawSource, lent: NonNull<Lent>, memory: Piece) -> io::Result<()> {
    let (start, len) = (memory.0, length(memory.1));
    // SAFETY: the caller keeps what has to stay.
    let result = unsafe { ReadFile(handle(source), start, len, ptr::null_mut(), name(lent)) };
    begun(result != FALSE)
}

/// Writes to a file or a pipe, at the offset that [`prepare`] was given.
///
/// # Safety
///
/// That of [`recv`].
pub(crate) unsafe fn write(
    source: RawSource,
    lent: NonNull<Lent>,
    memory: Piece,
) -> io::Result<()> {
    let (start, len) = (memory.0, length(memory.1));
    // SAFETY: the caller keeps what has to stay.
    let result = unsafe { WriteFile(handle(source), start, len, ptr::null_mut(), name(lent)) };
    begun(result != FALSE)
}

/// Waits for a client of a pipe.
///
/// # Safety
///
/// That of [`recv`].
pub(crate) unsafe fn listen(source: RawSource, lent: NonNull<Lent>) -> io::Result<()> {
    // SAFETY: the caller keeps what has to stay.
    let result = unsafe { ConnectNamedPipe(handle(source), name(lent)) };
    begun(result != FALSE)
}

/// Asks the kernel to end an operation. That there is none of that name is no error: it has ended.
/// A number that was closed and names something else has none of that name either.
pub(crate) fn cancel(source: RawSource, lent: NonNull<Lent>) {
    // SAFETY: the pointer only says which operation is meant.
    unsafe { CancelIoEx(handle(source), name(lent)) };
}

/// A handle of a number, for one call.
///
/// # Safety
///
/// The handle is open, and stays so for the call.
pub(crate) unsafe fn borrow<'a>(source: RawSource) -> BorrowedHandle<'a> {
    // SAFETY: the caller's.
    unsafe { BorrowedHandle::borrow_raw(handle(source)) }
}

/// Whether a status is a warning: the operation was carried out, and there is something to say.
pub(crate) fn is_warning(status: NTSTATUS) -> bool {
    (status as u32) >> 30 == 2
}

/// The error of a file or a pipe.
pub(crate) fn handle_error(status: NTSTATUS) -> io::Error {
    // SAFETY: a number becomes another.
    let code = unsafe { codes::RtlNtStatusToDosError(status) };
    io::Error::from_raw_os_error(code as i32)
}

/// The error of a socket, in Winsock's numbers.
pub(crate) fn socket_error(status: NTSTATUS) -> io::Error {
    let code = match status {
        codes::STATUS_INVALID_HANDLE | codes::STATUS_OBJECT_TYPE_MISMATCH => winsock::WSAENOTSOCK,
        codes::STATUS_INSUFFICIENT_RESOURCES
        | codes::STATUS_PAGEFILE_QUOTA
        | codes::STATUS_COMMITMENT_LIMIT
        | codes::STATUS_WORKING_SET_QUOTA
        | codes::STATUS_NO_MEMORY
        | codes::STATUS_QUOTA_EXCEEDED
        | codes::STATUS_REMOTE_RESOURCES => winsock::WSAENOBUFS,
        codes::STATUS_TOO_MANY_ADDRESSES
        | codes::STATUS_SHARING_VIOLATION
        | codes::STATUS_ADDRESS_ALREADY_EXISTS => winsock::WSAEADDRINUSE,
        codes::STATUS_LINK_TIMEOUT | codes::STATUS_IO_TIMEOUT | codes::STATUS_TIMEOUT => {
            winsock::WSAETIMEDOUT
        }
        codes::STATUS_GRACEFUL_DISCONNECT => winsock::WSAEDISCON,
        codes::STATUS_REMOTE_DISCONNECT
        | codes::STATUS_CONNECTION_RESET
        | codes::STATUS_LINK_FAILED
        | codes::STATUS_CONNECTION_DISCONNECTED => winsock::WSAECONNRESET,
        codes::STATUS_LOCAL_DISCONNECT
        | codes::STATUS_TRANSACTION_ABORTED
        | codes::STATUS_CONNECTION_ABORTED => winsock::WSAECONNABORTED,
        codes::STATUS_BAD_NETWORK_PATH
        | codes::STATUS_NETWORK_UNREACHABLE
        | codes::STATUS_PROTOCOL_UNREACHABLE => winsock::WSAENETUNREACH,
        codes::STATUS_HOST_UNREACHABLE => winsock::WSAEHOSTUNREACH,
        // Of a datagram that was sent before. Winsock calls it a reset, and there is no connection.
        codes::STATUS_PORT_UNREACHABLE
        | codes::STATUS_REMOTE_NOT_LISTENING
        | codes::STATUS_CONNECTION_REFUSED => winsock::WSAECONNREFUSED,
        codes::STATUS_CANCELLED | codes::STATUS_REQUEST_ABORTED => winsock::WSA_OPERATION_ABORTED,
        codes::STATUS_BUFFER_OVERFLOW | codes::STATUS_INVALID_BUFFER_SIZE => winsock::WSAEMSGSIZE,
        codes::STATUS_BUFFER_TOO_SMALL | codes::STATUS_ACCESS_VIOLATION => winsock::WSAEFAULT,
        codes::STATUS_INVALID_CONNECTION => winsock::WSAENOTCONN,
        codes::STATUS_PIPE_DISCONNECTED => winsock::WSAESHUTDOWN,
        codes::STATUS_INVALID_ADDRESS | codes::STATUS_INVALID_ADDRESS_COMPONENT => {
            winsock::WSAEADDRNOTAVAIL
        }
        codes::STATUS_ACCESS_DENIED => winsock::WSAEACCES,
        codes::STATUS_UNEXPECTED_NETWORK_ERROR | codes::STATUS_DEVICE_NOT_READY => {
            winsock::WSAENETDOWN
        }
        status => return handle_error(status),
    };
    io::Error::from_raw_os_error(code)
}

/// How many handles the process has open: whether something leaks. From the system's list of all
/// handles, since `GetProcessHandleCount` says 0 under Wine, and a test would prove nothing.
#[cfg(test)]
pub(crate) fn handles_open() -> usize {
    use std::ffi::c_void;

    /// `NtQuerySystemInformation`.
    type Query = unsafe extern "system" fn(i32, *mut c_void, u32, *mut u32) -> NTSTATUS;
    /// `SystemExtendedHandleInformation`: every handle of every process.
    const HANDLES: i32 = 64;
    /// Words of the list before the first entry, of which the first is the number of entries.
    const HEAD: usize = 2;
    /// Words of an entry: object, process, handle, and 16 bytes of its rights and type.
    const ENTRY: usize = 3 + 16 / size_of::<usize>();

    let query = super::wait_packet::ntdll(c"NtQuerySystemInformation").expect("a call of ntdll's");
    // SAFETY: the function of this name has this signature.
    let query =
        unsafe { std::mem::transmute::<unsafe extern "system" fn() -> isize, Query>(query) };
    let (mut list, mut written) = (vec![0_usize; 64 * 1024], 0);
    loop {
        let len = u32::try_from(size_of_val(list.as_slice())).expect("some megabytes");
        // SAFETY: the call writes at most so many bytes to the list, which has them.
        match unsafe { query(HANDLES, list.as_mut_ptr().cast(), len, &raw mut written) } {
            codes::STATUS_INFO_LENGTH_MISMATCH => list.resize(2 * list.len(), 0),
            status => break assert!(status >= 0, "{status:#x}"),
        }
    }
    let entries = list[HEAD..].chunks_exact(ENTRY).take(list[0]);
    let count = entries.filter(|entry| entry[1] == std::process::id() as usize).count();
    assert_ne!(count, 0, "the list has none of ours");
    count
}

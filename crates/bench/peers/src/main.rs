//! Echo servers on the peers of Mainspring's ring, each at its best documented settings.
//!
//! `mainspring-peers NAME ADDRESS` serves until it is killed and prints the address;
//! `mainspring-bench echo --contenders raw-ring,mainspring-ring,monoio,compio` starts it from
//! beside itself.

mod compio_echo;
mod monoio_echo;

use std::env;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// Bytes a read may bring, as in the contenders that are beside these.
const BUFFER: usize = 4096;

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let (name, address) = (arguments.next(), arguments.next());
    let address: SocketAddr =
        address.as_deref().unwrap_or("127.0.0.1:0").parse().map_err(io::Error::other)?;
    let mut first = rustix::thread::CpuSet::new();
    first.set(0);
    rustix::thread::sched_setaffinity(None, &first)?;
    let listener = TcpListener::bind(address)?;
    rustix::net::listen(&listener, 4096)?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    match name.as_deref() {
        Some("monoio") => monoio_echo::serve(listener),
        Some("compio") => compio_echo::serve(listener),
        Some("compio-multi") => compio_echo::serve_multi(listener),
        _ => Err(io::Error::other("name one of monoio, compio, compio-multi")),
    }
}

//! An echo server: what comes in goes back.
//!
//! ```text
//! cargo run --release --example echo -- [ADDR] [--backend KIND] [--cores N]
//! ```
//!
//! Try it with `nc 127.0.0.1 7007`. With more cores than one, each has a thread, a driver and a
//! listener of its own, and the kernel spreads the connections over them (`SO_REUSEPORT`).

use std::io;

use futures::AsyncWriteExt;
use mainspring::net::{TcpListener, TcpStream};
use mainspring::rt::{SharedPort, per_core_with, spawn_local};
use mainspring::{Builder, Choice, Handle};

fn main() {
    if let Err(error) = arguments().map_err(io::Error::other).and_then(run) {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        eprintln!("echo {}: {error}", arguments.join(" "));
        std::process::exit(1);
    }
}

fn run((address, choice, cores): (String, Choice, usize)) -> io::Result<()> {
    let builder = Builder::new().choice(choice);
    if cores == 1 {
        let listener = std::net::TcpListener::bind(&address)?;
        return builder.pinned().build()?.block_on(serve(listener, true))?;
    }
    let port = SharedPort::bind(&address, cores)?;
    let cores = per_core_with(&builder, cores, move |core| {
        let listener = port.take(core.index()).expect("each core takes its own listener");
        serve(listener, core.index() == 0)
    })?;
    cores.join().into_iter().try_for_each(|ended| ended?)
}

/// Accepts for ever, also through times without a free descriptor.
async fn serve(listener: std::net::TcpListener, announces: bool) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?
        .report_shortage(|error| eprintln!("echo: new connections have to wait: {error}"));
    if announces {
        let (address, handle) = (listener.local_addr()?, Handle::current());
        let chosen = handle.backend();
        println!("echo on {address} by {}: {}", chosen.kind(), chosen.reason());
    }
    loop {
        let (stream, peer) = listener.accept_steadily().await?;
        let echo =
            async move { echo(stream).await.inspect_err(|e| eprintln!("echo: {peer}: {e}")) };
        spawn_local(echo).detach();
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count]).await?,
        }
    }
}

fn arguments() -> Result<(String, Choice, usize), String> {
    let (mut address, mut choice, mut cores) = ("127.0.0.1:7007".to_string(), Choice::Auto, 1);
    let mut rest = std::env::args().skip(1);
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or(format!("a value is missing after {argument}"));
        match argument.as_str() {
            "--backend" => choice = Choice::Exactly(value()?.parse().map_err(|e| format!("{e}"))?),
            "--cores" => cores = value()?.parse().map_err(|e| format!("--cores: {e}"))?,
            option if option.starts_with('-') => return Err(format!("no option {option}")),
            _ => address = argument,
        }
    }
    Ok((address, choice, cores))
}

//! An echo server: what comes in goes back. Try it with `nc 127.0.0.1 7007`.
//!
//! `cargo run --release --example echo -- [ADDR] [--backend KIND] [--cores N] [--completion]`
//!
//! With more cores than one, each has a driver and a listener of its own (`SO_REUSEPORT`). With
//! `--completion`, what comes lies in leased buffers and is sent from them by whole operations.

use std::{env, error::Error, io, net::TcpListener};

use futures::{AsyncWriteExt, StreamExt, TryFutureExt};
use mainspring::rt::{SharedPort, per_core_with, spawn_local};
use mainspring::{BufferGroup, Builder, Choice, Handle, net};

fn main() {
    if let Err(error) = run() {
        eprintln!("echo {}: {error}", env::args().skip(1).collect::<Vec<_>>().join(" "));
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let (mut address, mut choice) = ("127.0.0.1:7007".to_string(), Choice::Auto);
    let (mut cores, mut completion, mut rest) = (1, false, env::args().skip(1));
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or(format!("a value is missing after {argument}"));
        match argument.as_str() {
            "--backend" => choice = Choice::Exactly(value()?.parse()?),
            "--cores" => cores = value()?.parse()?,
            "--completion" => completion = true,
            option if option.starts_with('-') => return Err(format!("no option {option}").into()),
            _ => address = argument,
        }
    }
    let builder = Builder::new().choice(choice);
    if cores == 1 {
        let listener = TcpListener::bind(&address)?;
        return Ok(builder.pinned().build()?.block_on(serve(listener, completion, true))??);
    }
    let port = SharedPort::bind(&address, cores)?;
    let cores = per_core_with(&builder, cores, move |core| {
        let listener = port.take(core.index()).expect("each core takes its own listener");
        serve(listener, completion, core.index() == 0)
    })?;
    Ok(cores.join().into_iter().try_for_each(|ended| ended?)?)
}

/// Accepts for ever, also through times without a free descriptor.
async fn serve(listener: TcpListener, completion: bool, announces: bool) -> io::Result<()> {
    let listener = net::TcpListener::from_std(listener)?
        .report_shortage(|error| eprintln!("echo: new connections have to wait: {error}"));
    let (address, handle) = (listener.local_addr()?, Handle::current());
    if announces {
        println!("echo on {address} by {}: {}", handle.backend().kind(), handle.backend().reason());
    }
    let group = completion.then(|| handle.buffer_group(2048, 4096)).transpose()?;
    let mut connections = listener.accept_multi();
    while let Some((stream, peer)) = connections.next().await.transpose()? {
        let echo = echo(stream, group.clone()).inspect_err(move |e| eprintln!("echo: {peer}: {e}"));
        spawn_local(echo).detach();
    }
    Ok(())
}

async fn echo(mut stream: net::TcpStream, group: Option<BufferGroup>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(group) = group else {
        let mut buffer = vec![0; 16 * 1024];
        while let count @ 1.. = stream.read(&mut buffer).await? {
            stream.write_all(&buffer[..count]).await?;
        }
        return Ok(());
    };
    // Who does not read what goes back is not to keep all buffers from the others.
    let mut incoming = stream.recv_multi(&group).limit(1);
    while let Some(lease) = incoming.next().await.transpose()? {
        let (sent, lease) = stream.send(lease).await;
        (&stream).write_all(&lease[sent?..]).await?;
    }
    Ok(())
}

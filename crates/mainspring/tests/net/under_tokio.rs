//! The network types in a program of tokio's: its executor, its helpers, and our driver on a
//! thread of its own.

use mainspring::net::{TcpListener, TcpStream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::pattern;

/// More than the buffers of both sides hold, so that each side has to wait for the other.
const LEN: usize = 4_000_000;

/// An echo by `tokio::io::copy`, as a task, and a client that writes and reads at the same time.
async fn echo_there_and_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        let (mut read, mut write) = stream.into_split();
        let count = tokio::io::copy(&mut read, &mut write).await?;
        write.shutdown().await?;
        Ok::<u64, std::io::Error>(count)
    });
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let writer = tokio::spawn(async move {
        write.write_all(&pattern(LEN, 7)).await?;
        write.shutdown().await
    });
    let mut heard = Vec::new();
    read.read_to_end(&mut heard).await.unwrap();
    assert!(heard == pattern(LEN, 7), "{} bytes of {LEN}, or others", heard.len());
    writer.await.unwrap().unwrap();
    assert_eq!(server.await.unwrap().unwrap(), LEN as u64);
}

#[test]
fn tokios_copy_carries_both_ways_on_its_current_thread_runtime() {
    // Without I/O and timers of its own: only tasks.
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(echo_there_and_back());
}

#[test]
fn tokios_copy_carries_both_ways_on_its_many_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(echo_there_and_back());
}

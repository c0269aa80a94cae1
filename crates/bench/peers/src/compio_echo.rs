//! compio: its ring driver with the set-up flags that its builder takes; owned buffers, or buffers
//! of its pool that the kernel chooses.

use std::io;
use std::net::TcpListener;
use std::num::NonZero;

use compio::BufResult;
use compio::driver::ProactorBuilder;
use compio::io::{AsyncRead, AsyncReadMulti, AsyncWriteExt};
use compio::net::TcpStream;
use compio::runtime::{Runtime, RuntimeBuilder, spawn};
use futures_lite::StreamExt;

/// Owned buffers.
pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    serve_with(listener, |mut stream| async move {
        let mut buffer = Vec::with_capacity(crate::BUFFER);
        loop {
            let BufResult(count, read) = stream.read(buffer).await;
            if !matches!(count, Ok(1..)) {
                return;
            }
            let BufResult(sent, written) = stream.write_all(read).await;
            if sent.is_err() {
                return;
            }
            buffer = written;
            buffer.clear();
        }
    })
}

/// Buffers of the pool, received by one operation a connection.
pub(crate) fn serve_multi(listener: TcpListener) -> io::Result<()> {
    serve_with(listener, |stream| async move {
        let mut sending = stream.clone();
        let mut receiving = stream;
        loop {
            // It ends when the pool is empty, and is begun anew.
            let incoming = receiving.read_multi(0);
            let mut incoming = std::pin::pin!(incoming);
            loop {
                match incoming.next().await {
                    Some(Ok(buffer)) if !buffer.is_empty() => {
                        if sending.write_all(buffer).await.0.is_err() {
                            return;
                        }
                    }
                    Some(Err(error)) if error.raw_os_error() == Some(105) => break,
                    _ => return,
                }
            }
        }
    })
}

fn serve_with<F: Future<Output = ()> + 'static>(
    listener: TcpListener,
    echo: impl Fn(TcpStream) -> F,
) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = compio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            spawn(echo(stream)).detach();
        }
    })
}

fn runtime() -> io::Result<Runtime> {
    let mut proactor = ProactorBuilder::new();
    proactor
        .capacity(4096)
        .single_issuer(true)
        .defer_taskrun(true)
        .buffer_pool_size(NonZero::new(2048).expect("more than none"))
        .buffer_pool_buffer_len(crate::BUFFER);
    RuntimeBuilder::new().with_proactor(proactor).build()
}

//! The halves of a TCP stream; see `net/split.rs`.

use super::TcpStream;
use crate::net::split::halves;

halves!(
    TcpStream,
    "TCP stream",
    "# use mainspring::net::{TcpListener, TcpStream};
# futures::executor::block_on(async {
# let listener = TcpListener::bind(\"127.0.0.1:0\").await?;
# let right = TcpStream::connect(listener.local_addr()?).await?;
# #[allow(unused_mut)]
# let (mut left, _) = listener.accept().await?;"
);

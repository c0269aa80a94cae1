//! The halves of a Unix stream; see `net/split.rs`.

use super::UnixStream;
use crate::net::split::halves;

halves!(
    UnixStream,
    "Unix stream",
    "# use mainspring::net::UnixStream;
# futures::executor::block_on(async {
# #[allow(unused_mut)]
# let (mut left, right) = UnixStream::pair()?;"
);

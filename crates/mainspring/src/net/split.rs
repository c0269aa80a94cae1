//! The two directions of a stream as two values, for two tasks.
//!
//! Borrowed halves cost nothing and live as long as the borrow. Owned halves share the stream and
//! go where they like; dropping the owned writing half ends the writing side, so that the peer
//! sees the end of what this side has to say, and [`reunite`] makes the stream again.
//!
//! [`reunite`]: crate::net::tcp::OwnedReadHalf::reunite

/// Defines the four halves of a stream type with a method `bytes(&self) -> &ByteStream`, and the
/// error of a failed reunion. `$example` is code that makes `left`, a connected `$stream`, and
/// `right`, its peer.
macro_rules! halves {
    ($stream:ident, $kind:literal, $example:literal) => {
        #[doc = concat!("The reading half of a borrowed ", $kind, ";")]
        #[doc = concat!("see [`", stringify!($stream), "::split`].")]
        ///
        /// ```
        #[doc = $example]
        /// let (reader, _writer) = left.split();
        /// right.write(b"to the left").await?;
        /// let mut buffer = [0; 16];
        /// assert_eq!(reader.read(&mut buffer).await?, 11);
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        #[derive(Debug)]
        pub struct ReadHalf<'a>(&'a $stream);

        #[doc = concat!("The writing half of a borrowed ", $kind, ";")]
        #[doc = concat!("see [`", stringify!($stream), "::split`].")]
        ///
        /// ```
        #[doc = $example]
        /// let (_reader, writer) = left.split();
        /// assert_eq!(writer.write(b"to the right").await?, 12);
        /// let mut buffer = [0; 16];
        /// assert_eq!(right.read(&mut buffer).await?, 12);
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        #[derive(Debug)]
        pub struct WriteHalf<'a>(&'a $stream);

        #[doc = concat!("The reading half of a ", $kind, ";")]
        #[doc = concat!("see [`", stringify!($stream), "::into_split`].")]
        ///
        /// ```
        #[doc = $example]
        /// let (reader, writer) = left.into_split();
        /// right.write(b"to the left").await?;
        /// let mut buffer = [0; 16];
        /// assert_eq!(reader.read(&mut buffer).await?, 11);
        /// let _left = reader.reunite(writer).expect("halves of one stream");
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        #[derive(Debug)]
        pub struct OwnedReadHalf(std::sync::Arc<$stream>);

        #[doc = concat!("The writing half of a ", $kind, ";")]
        #[doc = concat!("see [`", stringify!($stream), "::into_split`].")]
        ///
        /// Dropping it ends the writing side of the connection; [`forget`](Self::forget) does not.
        ///
        /// ```
        #[doc = $example]
        /// let (_reader, writer) = left.into_split();
        /// assert_eq!(writer.write(b"all there is").await?, 12);
        /// drop(writer);
        /// let mut buffer = [0; 16];
        /// assert_eq!(right.read(&mut buffer).await?, 12);
        /// assert_eq!(right.read(&mut buffer).await?, 0, "the end");
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            stream: std::sync::Arc<$stream>,
            ends_on_drop: bool,
        }

        /// Two halves of different streams were to be reunited; here they are again.
        ///
        /// ```
        #[doc = $example]
        /// let (left_reader, _left_writer) = left.into_split();
        /// let (_right_reader, right_writer) = right.into_split();
        /// let error = left_reader.reunite(right_writer).unwrap_err();
        /// assert!(error.to_string().contains("different streams"));
        /// let (_left_reader, _right_writer) = (error.0, error.1);
        /// # Ok::<(), std::io::Error>(())
        /// # }).unwrap();
        /// ```
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl std::fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("these are halves of different streams: reunite each with its own")
            }
        }

        impl std::error::Error for ReuniteError {}

        impl $stream {
            /// The two directions, borrowed: for two tasks that are polled together.
            ///
            /// Where the `AsyncReadExt` of `futures` is in scope, its own `split` goes before this
            /// one in a method call; written as a path (`Type::split(&mut stream)`) it is
            /// this one, which takes no lock.
            pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
                (ReadHalf(self), WriteHalf(self))
            }

            /// The two directions, owned: for two tasks that go their own ways.
            #[must_use]
            pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
                let stream = std::sync::Arc::new(self);
                let read = OwnedReadHalf(std::sync::Arc::clone(&stream));
                (read, OwnedWriteHalf { stream, ends_on_drop: true })
            }
        }

        impl OwnedReadHalf {
            /// Makes the stream again.
            ///
            /// # Errors
            ///
            /// Both halves, if they are of different streams.
            pub fn reunite(self, mut write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                if !std::sync::Arc::ptr_eq(&self.0, &write.stream) {
                    return Err(ReuniteError(self, write));
                }
                write.ends_on_drop = false;
                drop(write);
                // Of the two owners there ever are, one has just gone.
                let stream = std::sync::Arc::into_inner(self.0);
                Ok(stream.expect("the other half was the only other owner"))
            }
        }

        impl OwnedWriteHalf {
            /// Makes the stream again.
            ///
            /// # Errors
            ///
            /// Both halves, if they are of different streams.
            pub fn reunite(self, read: OwnedReadHalf) -> Result<$stream, ReuniteError> {
                read.reunite(self)
            }

            /// Drops the half without ending the writing side, which then ends when the reading
            /// half is dropped.
            pub fn forget(mut self) {
                self.ends_on_drop = false;
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if self.ends_on_drop {
                    // An error says that there is no connection left to end.
                    let _ = self.stream.shutdown(std::net::Shutdown::Write);
                }
            }
        }

        $crate::net::split::halves!(@of $stream, ReadHalf<'_>, WriteHalf<'_>, OwnedReadHalf);

        impl OwnedWriteHalf {
            #[inline]
            pub(crate) fn bytes(&self) -> &$crate::net::byte_stream::ByteStream {
                self.stream.bytes()
            }
        }

        impl AsRef<$stream> for OwnedWriteHalf {
            fn as_ref(&self) -> &$stream {
                &self.stream
            }
        }

        $crate::net::methods::read_methods!(ReadHalf<'_>, OwnedReadHalf);
        $crate::net::methods::write_methods!(WriteHalf<'_>, OwnedWriteHalf);
        $crate::net::methods::ready_methods!(
            ReadHalf<'_>,
            WriteHalf<'_>,
            OwnedReadHalf,
            OwnedWriteHalf
        );
    };
    (@of $stream:ident, $($half:ty),*) => {
        $(
            impl $half {
                #[inline]
                pub(crate) fn bytes(&self) -> &$crate::net::byte_stream::ByteStream {
                    self.0.bytes()
                }
            }

            impl AsRef<$stream> for $half {
                fn as_ref(&self) -> &$stream {
                    &self.0
                }
            }
        )*
    };
}

pub(crate) use halves;

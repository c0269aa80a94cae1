//! What every stream and half can do, written once.
//!
//! The macros give a type with a method `bytes(&self) -> &ByteStream` its reading or writing
//! methods. They take `&self`: one task may read while another writes.

/// The reading methods of a stream or of its reading half.
macro_rules! read_methods {
    ($($type:ty),*) => {
        $(impl $type {
            /// Reads what has come, at most `buffer.len()` bytes, and waits if there is nothing.
            /// 0 is the end of the stream, or an empty buffer.
            ///
            /// # Errors
            ///
            /// The system's (`ConnectionReset` if the peer tore the connection down), and shutdown
            /// of the driver.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped has read nothing.
            #[inline]
            pub fn read(
                &self,
                buffer: &mut [u8],
            ) -> impl Future<Output = std::io::Result<usize>> {
                self.bytes().read(buffer)
            }

            /// Receives into a buffer that the operation owns meanwhile, and that comes back with
            /// the result: where the backend carries operations out, one call of the kernel's
            /// queue does all of it. 0 is the end of the stream, or a buffer without memory.
            ///
            /// # Errors
            ///
            /// Those of [`read`](Self::read), and `QuotaExceeded` at the limit of operations.
            ///
            /// # Cancel safety
            ///
            /// What a dropped future received after all is lost;
            /// [`Submission::cancel`](crate::Submission::cancel) loses nothing.
            pub fn recv<B: crate::completion::buf::IoBufMut>(
                &self,
                buffer: B,
            ) -> crate::driver::Prepared<'_, crate::op::Recv<B>> {
                crate::op::recv(self.bytes(), buffer)
            }

            /// What comes, in buffers of `group` that give themselves back, until the end of the
            /// stream or an error. Where the kernel can, it fills them without being asked each
            /// time; a connection on which nothing comes has no buffer.
            ///
            /// Received is what is awaited and not much more: when [`limit`] buffers hold what was
            /// not taken, receiving pauses until it was, and when the group has no free buffer,
            /// until one is given back.
            ///
            /// # Errors
            ///
            /// The items': those of [`read`](Self::read), and `InvalidInput` if the group is of
            /// another driver. The stream ends with the first.
            ///
            /// [`limit`]: crate::net::RecvMulti::limit
            pub fn recv_multi(
                &self,
                group: &crate::driver::BufferGroup,
            ) -> crate::net::RecvMulti<'_> {
                crate::net::RecvMulti::new(self.bytes(), group)
            }

            /// Like [`read`](Self::read), into several buffers, each filled before the next. More
            /// than 1024 buffers are used from the first on.
            ///
            /// # Errors
            ///
            /// Those of [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped has read nothing.
            pub fn read_vectored(
                &self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> impl Future<Output = std::io::Result<usize>> {
                self.bytes().read_vectored(buffers)
            }

            /// Like [`read`](Self::read), but what was read stays to be read again.
            ///
            /// # Errors
            ///
            /// Those of [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Dropping the future changes nothing.
            pub async fn peek(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.bytes().peek(buffer).await
            }

            /// Like [`peek`](Self::peek), for one task: the last caller is the one that is woken.
            ///
            /// # Errors
            ///
            /// Those of [`read`](Self::read).
            pub fn poll_peek(
                &self,
                cx: &mut std::task::Context<'_>,
                buffer: &mut [u8],
            ) -> std::task::Poll<std::io::Result<usize>> {
                self.bytes().poll_peek(cx, buffer)
            }

            /// Reads what is there now.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is nothing; those of [`read`](Self::read).
            pub fn try_read(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.bytes().try_read(buffer)
            }

            /// Reads what is there now into several buffers.
            ///
            /// # Errors
            ///
            /// Those of [`try_read`](Self::try_read).
            pub fn try_read_vectored(
                &self,
                buffers: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.bytes().try_read_vectored(buffers)
            }

            /// Looks at what is there now; it stays to be read.
            ///
            /// # Errors
            ///
            /// Those of [`try_read`](Self::try_read).
            pub fn try_peek(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.bytes().try_peek(buffer)
            }

            /// Waits until a read will not block: data, the end of the stream, or an error.
            ///
            /// Another task may be faster, so follow it with [`try_read`](Self::try_read) and wait
            /// again on `WouldBlock`.
            ///
            /// # Errors
            ///
            /// Shutdown of the driver, and what the kernel says when it is asked to watch.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no readiness.
            pub async fn readable(&self) -> std::io::Result<()> {
                self.bytes().ready($crate::interest::Interest::READABLE).await.map(drop)
            }

            /// Like [`readable`](Self::readable), for one task: the last caller of a `poll` method
            /// is the one that is woken.
            ///
            /// # Errors
            ///
            /// Those of [`readable`](Self::readable).
            pub fn poll_read_ready(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.bytes().poll_ready(cx, $crate::interest::Interest::READABLE)
            }
        })*
    };
}

/// The writing methods of a stream or of its writing half.
macro_rules! write_methods {
    ($($type:ty),*) => {
        $(impl $type {
            /// Writes as much of `bytes` as there is room for, and waits if there is none.
            ///
            /// # Errors
            ///
            /// The system's (`BrokenPipe` or `ConnectionReset` if nobody will read it), and
            /// shutdown of the driver.
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped has written nothing.
            #[inline]
            pub fn write(&self, bytes: &[u8]) -> impl Future<Output = std::io::Result<usize>> {
                self.bytes().write(bytes)
            }

            /// Sends from a buffer that the operation owns meanwhile, and that comes back with the
            /// result: what there is room for, which may be less than all.
            ///
            /// # Errors
            ///
            /// Those of [`write`](Self::write), and `QuotaExceeded` at the limit of operations.
            ///
            /// # Cancel safety
            ///
            /// A dropped future may have sent; [`Submission::cancel`](crate::Submission::cancel)
            /// tells.
            pub fn send<B: crate::completion::buf::IoBuf>(
                &self,
                buffer: B,
            ) -> crate::driver::Prepared<'_, crate::op::Send<B>> {
                crate::op::send(self.bytes(), buffer)
            }

            /// Like [`send`](Self::send) without copying, where the kernel can: it sends from the
            /// buffer itself, which therefore comes back only when the peer has the bytes.
            /// Elsewhere, and on sockets that cannot, this is [`send`](Self::send).
            ///
            /// Worth it from some kilobytes on, over a network card that can do it too.
            ///
            /// # Errors
            ///
            /// Those of [`send`](Self::send).
            ///
            /// # Cancel safety
            ///
            /// That of [`send`](Self::send). A dropped future's buffer is freed when the kernel has
            /// let go of it.
            pub fn send_zero_copy<B: crate::completion::buf::IoBuf>(
                &self,
                buffer: B,
            ) -> crate::driver::Prepared<'_, crate::op::send_zero_copy::SendZeroCopy<B>> {
                let bytes = self.bytes();
                let (registration, socket) = (bytes.registration(), bytes.socket());
                crate::op::send_zero_copy::SendZeroCopy::on(registration, socket, buffer)
            }

            /// Like [`write`](Self::write), from several buffers, one after the other. More than
            /// 1024 buffers are used from the first on.
            ///
            /// # Errors
            ///
            /// Those of [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped has written nothing.
            pub fn write_vectored(
                &self,
                buffers: &[std::io::IoSlice<'_>],
            ) -> impl Future<Output = std::io::Result<usize>> {
                self.bytes().write_vectored(buffers)
            }

            /// Writes as much as there is room for now.
            ///
            /// # Errors
            ///
            /// `WouldBlock` if there is none; those of [`write`](Self::write).
            pub fn try_write(&self, bytes: &[u8]) -> std::io::Result<usize> {
                self.bytes().try_write(bytes)
            }

            /// Writes as much of several buffers as there is room for now.
            ///
            /// # Errors
            ///
            /// Those of [`try_write`](Self::try_write).
            pub fn try_write_vectored(
                &self,
                buffers: &[std::io::IoSlice<'_>],
            ) -> std::io::Result<usize> {
                self.bytes().try_write_vectored(buffers)
            }

            /// Waits until a write will not block: room, or an error.
            ///
            /// Another task may be faster, so follow it with [`try_write`](Self::try_write) and
            /// wait again on `WouldBlock`.
            ///
            /// # Errors
            ///
            /// Shutdown of the driver, and what the kernel says when it is asked to watch.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no readiness.
            pub async fn writable(&self) -> std::io::Result<()> {
                self.bytes().ready($crate::interest::Interest::WRITABLE).await.map(drop)
            }

            /// Like [`writable`](Self::writable), for one task: the last caller of a `poll` method
            /// is the one that is woken.
            ///
            /// # Errors
            ///
            /// Those of [`writable`](Self::writable).
            pub fn poll_write_ready(
                &self,
                cx: &mut std::task::Context<'_>,
            ) -> std::task::Poll<std::io::Result<()>> {
                self.bytes().poll_ready(cx, $crate::interest::Interest::WRITABLE)
            }
        })*
    };
}

/// The methods about readiness in general, of a stream or of any half.
macro_rules! ready_methods {
    ($($type:ty),*) => {
        $(impl $type {
            /// Waits until the stream is ready for any of `interest`, and says for what.
            ///
            /// # Errors
            ///
            /// Shutdown of the driver, and what the kernel says when it is asked to watch.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses no readiness.
            pub async fn ready(
                &self,
                interest: $crate::interest::Interest,
            ) -> std::io::Result<$crate::ready::Ready> {
                self.bytes().ready(interest).await
            }
        })*
    };
}

pub(crate) use {read_methods, ready_methods, write_methods};

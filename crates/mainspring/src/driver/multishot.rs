//! An operation that brings many results, while it runs.
//!
//! Each result reaches the operation as a [part](Operation::part), on the thread that collects
//! completions; what it does with it is its own matter. The one who waits is woken for each part
//! that asks for it, and at the end.

use std::io;
use std::marker::PhantomData;
use std::task::{Context, Poll, ready};

use crate::backend::contract::{Cancel, Support};
use crate::completion::operation::Operation;
use crate::completion::operation_set::Abandoned;
use crate::error;
use crate::token::Token;

use super::handle::Handle;

/// An operation that the kernel has. Dropping it cancels it.
pub(crate) struct Running<O: Operation> {
    handle: Handle,
    token: Option<Token>,
    cancelled: bool,
    operation: PhantomData<fn() -> O>,
}

impl<O: Operation> Running<O> {
    /// Hands an operation to the kernel.
    ///
    /// # Errors
    ///
    /// `Unsupported` if it is to be carried out here; those of the queue, and of the driver's end.
    pub(crate) fn begin(handle: &Handle, operation: O) -> io::Result<Running<O>> {
        if handle.is_shutdown() {
            return Err(error::shut_down());
        }
        if handle.completion() == Support::Emulated {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let token = handle.begin(operation).map_err(|(error, _)| error)?;
        let (handle, token) = (handle.clone(), Some(token));
        let mut running = Running { handle, token, cancelled: false, operation: PhantomData };
        if running.handle.is_shutdown() {
            // Handed over while the driver was drained: what the drain did not see comes back.
            running.take_back();
        }
        Ok(running)
    }

    /// The end; the waker is woken for parts, too. Not to be asked again after it was ready.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<u64>>
    where
        O: Operation<Output = io::Result<u64>>,
    {
        let Some(token) = self.token else {
            let ended = !self.cancelled && self.handle.is_shutdown();
            return Poll::Ready(Err(if ended { error::shut_down() } else { error::cancelled() }));
        };
        let operations = &self.handle.shared().operations;
        let (operation, result) = ready!(operations.poll::<O>(token, cx.waker()));
        self.token = None;
        Poll::Ready(match operation.finish(result) {
            // Nobody here asked: it was the end of the driver.
            Err(error)
                if !self.cancelled && error::is_cancelled(&error) && self.handle.is_shutdown() =>
            {
                Err(error::shut_down())
            }
            result => result,
        })
    }

    /// Asks for the end, which is still to be awaited.
    pub(crate) fn cancel(&mut self) {
        if !std::mem::replace(&mut self.cancelled, true) {
            self.take_back();
        }
    }

    fn take_back(&mut self) {
        let Some(token) = self.token else { return };
        let shared = self.handle.shared();
        if shared.backend.cancel(token) == Cancel::Withdrawn {
            // The kernel never saw it. The next poll finds it at its end.
            self.token = None;
            drop(shared.operations.withdraw::<O>(token));
        }
    }
}

impl<O: Operation> Drop for Running<O> {
    fn drop(&mut self) {
        let Some(token) = self.token.take() else { return };
        let shared = self.handle.shared();
        // If it had ended, it is discarded by now.
        let Abandoned::Running(left) = shared.operations.abandon(token) else { return };
        // Once asked for, a cancel is on its way.
        if !self.cancelled && shared.backend.cancel(token) == Cancel::Withdrawn {
            shared.operations.discard(token, Err(error::cancelled()));
        }
        drop(left);
    }
}

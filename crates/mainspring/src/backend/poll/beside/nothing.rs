//! No operations: every one is carried out through readiness, or on the blocking pool.

use std::io;

use crate::backend::contract::{Cancel, InForce, Support};
use crate::completion::operation::RawOperation;
use crate::event::Events;
use crate::source::RawSource;
use crate::sync::Arc;
use crate::token::Token;

use super::super::Queue;

/// Nothing.
pub(in super::super) struct Beside;

impl Beside {
    pub(in super::super) const COMPLETION: Support = Support::Emulated;

    pub(in super::super) fn open() -> io::Result<Beside> {
        Ok(Beside)
    }

    pub(in super::super) fn in_force(&self) -> InForce {
        InForce::default()
    }

    pub(in super::super) fn adopt(&self, _source: RawSource) -> io::Result<()> {
        Ok(())
    }

    /// # Safety
    ///
    /// None is asked for: nothing is begun.
    pub(in super::super) unsafe fn submit(
        _queue: &Arc<Queue>,
        _token: Token,
        _operation: RawOperation,
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(in super::super) fn cancel(&self, _token: Token) -> Cancel {
        Cancel::Withdrawn
    }

    pub(in super::super) fn drain(_queue: &Queue, _events: &mut Events) -> usize {
        0
    }
}

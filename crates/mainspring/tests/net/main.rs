//! The network types against real sockets and, with the feature `sim`, simulated ones.

mod support;
mod tcp;
mod tcp_limits;
mod tcp_options;
mod tcp_traits;
mod tcp_waiting;

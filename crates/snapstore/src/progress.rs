//! How a caller watches and stops long passes.

/// Hears how far a pass has come and may end it.
///
/// Called on the thread that called the store, about once a MiB. `()` hears nothing and never cancels.
pub trait Progress {
    /// `done` of `total` bytes of the images are through; equal at the end of a pass that succeeded.
    fn report(&self, done: u64, total: u64);

    /// Answered `true`, the pass ends with [`Error::Cancelled`](crate::Error::Cancelled).
    fn cancelled(&self) -> bool {
        false
    }
}

impl Progress for () {
    fn report(&self, _done: u64, _total: u64) {}
}

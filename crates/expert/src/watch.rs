//! How long work hears that it is no longer wanted, and tells how far it is.

/// Asked and told between pieces of work of a few milliseconds.
pub trait Watch: Sync {
    fn cancelled(&self) -> bool;
    fn progress(&self, done: u64, total: u64);
}

/// For callers that neither cancel nor look.
pub struct Unwatched;

impl Watch for Unwatched {
    fn cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _done: u64, _total: u64) {}
}

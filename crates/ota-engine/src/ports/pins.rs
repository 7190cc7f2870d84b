use async_trait::async_trait;
use ota_core::PinKind;
use std::fmt;

use super::StoreError;

/// A PIN as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPin {
    /// PHC string. The PIN itself is kept nowhere.
    pub hash: String,
    /// Tries since the last right one, the running ones included.
    pub tries: u32,
}

/// The hash stays out of logs.
impl fmt::Debug for StoredPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredPin").field("tries", &self.tries).finish_non_exhaustive()
    }
}

/// Where PINs and the count of tries outlive a restart.
#[async_trait]
pub trait PinStore: Send + Sync {
    /// `None` when none was ever set.
    async fn pin(&self, kind: PinKind) -> Result<Option<StoredPin>, StoreError>;

    /// Counts a try, durably, and returns the tries since the last right one.
    async fn count_pin_try(&self, kind: PinKind) -> Result<u32, StoreError>;

    /// The PIN was right: the count starts over.
    async fn forget_pin_tries(&self, kind: PinKind) -> Result<(), StoreError>;
}

/// Compares a secret with a hash.
#[async_trait]
pub trait SecretCheck: Send + Sync {
    /// Whether `hash` was made of `secret`. Takes as long whatever the answer.
    async fn matches(&self, secret: String, hash: String) -> bool;
}

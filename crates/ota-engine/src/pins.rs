//! PINs: counted before they are compared, with a wait after wrong ones that nothing shortens.

use ota_core::{PinKind, wait_after_tries};
use std::{collections::BTreeMap, time::Duration};

use crate::{Ota, OtaError};

/// Since when this process has seen each kind of PIN locked. Only the count is durable: after a restart the wait begins again,
/// so that pulling the plug saves nothing, and the boot clock measures it, so that setting the clock does not either.
#[derive(Debug, Default)]
pub(crate) struct PinLocks(BTreeMap<PinKind, Lock>);

#[derive(Debug, Clone, Copy)]
struct Lock {
    tries: u32,
    since: Duration,
}

impl PinLocks {
    /// What is left to wait when `tries` were counted.
    fn left(&mut self, kind: PinKind, tries: u32, now: Duration) -> Option<Duration> {
        let Some(wait) = wait_after_tries(tries) else {
            // A lock of an earlier count must not answer for a later one.
            self.0.remove(&kind);
            return None;
        };
        let lock = self.0.entry(kind).or_insert(Lock { tries, since: now });
        if lock.tries != tries {
            *lock = Lock { tries, since: now };
        }
        Some(wait.saturating_sub(now.saturating_sub(lock.since))).filter(|left| !left.is_zero())
    }
}

impl Ota {
    /// At the start: waits that were not over begin again now, not when somebody asks.
    pub(crate) async fn lock_pins(&self) -> Result<(), crate::ports::StoreError> {
        let mut locks = self.pin_locks.lock().await;
        for kind in PinKind::ALL {
            if let Some(pin) = self.parts.pins.pin(kind).await? {
                locks.left(kind, pin.tries, self.parts.clock.boot());
            }
        }
        Ok(())
    }

    /// Lets the caller on when `pin` is right. Tries queue up, so a hundred at once are counted like a hundred in a row.
    ///
    /// # Errors
    /// [`OtaError::PinNotSet`], [`OtaError::PinLocked`], [`OtaError::WrongPin`].
    pub(crate) async fn demand_pin(&self, kind: PinKind, pin: &str) -> Result<(), OtaError> {
        let mut locks = self.pin_locks.lock().await;
        let stored = self.parts.pins.pin(kind).await?.ok_or(OtaError::PinNotSet(kind))?;
        if let Some(left) = locks.left(kind, stored.tries, self.parts.clock.boot()) {
            return Err(OtaError::PinLocked { kind, left });
        }
        let tries = self.parts.pins.count_pin_try(kind).await?;
        if self.parts.secrets.matches(pin.to_owned(), stored.hash).await {
            return Ok(self.parts.pins.forget_pin_tries(kind).await?);
        }
        let locked = locks.left(kind, tries, self.parts.clock.boot());
        Err(OtaError::WrongPin { kind, locked })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_runs_on_the_boot_clock_and_starts_over_with_the_process() {
        let mut locks = PinLocks::default();
        let at = Duration::from_secs;
        assert_eq!(locks.left(PinKind::Override, 4, at(100)), None);
        assert_eq!(locks.left(PinKind::Override, 5, at(100)), Some(at(60)));
        assert_eq!(locks.left(PinKind::Factory, 0, at(100)), None, "each PIN has its own count");
        assert_eq!(locks.left(PinKind::Override, 5, at(159)), Some(at(1)));
        assert_eq!(PinLocks::default().left(PinKind::Override, 5, at(159)), Some(at(60)), "restarted");
        assert_eq!(locks.left(PinKind::Override, 5, at(160)), None);
        assert_eq!(locks.left(PinKind::Override, 6, at(160)), None);
        assert_eq!(locks.left(PinKind::Override, 10, at(170)), Some(at(120)));
    }

    #[test]
    fn a_second_five_after_a_right_one_cost_as_much_as_the_first() {
        let mut locks = PinLocks::default();
        let at = Duration::from_secs;
        assert_eq!(locks.left(PinKind::Override, 5, at(100)), Some(at(60)));
        assert_eq!(locks.left(PinKind::Override, 0, at(200)), None, "it was right");
        assert_eq!(locks.left(PinKind::Override, 5, at(300)), Some(at(60)));
    }
}

//! The brake on guessing passwords. Pure: time comes in as an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Wrong tries for one name before the first wait.
const FREE_TRIES: u32 = 5;
/// The first wait; each further wrong try doubles it.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// After this long without a try a name starts over.
const FORGIVEN: Duration = Duration::from_secs(15 * 60);
/// Wrong tries in a minute, whatever the names.
const OVERALL: usize = 60;
const MINUTE: Duration = Duration::from_secs(60);
/// Names that are remembered; the overall limit holds for what does not fit.
const NAMES: usize = 1024;

/// Counts wrong tries. A right password ends the count of its name.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    names: HashMap<String, Tries>,
    recent: Vec<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    wrong: u32,
    last: Instant,
}

impl Throttle {
    /// Counts a try before it is compared, so that tries in parallel cannot outrun the count.
    ///
    /// # Errors
    /// How long to wait before the next one.
    pub(super) fn begin(&mut self, name: &str, now: Instant) -> Result<(), Duration> {
        self.forget(now);
        if let Some(wait) = self.wait(name, now) {
            return Err(wait);
        }
        self.recent.push(now);
        if self.names.len() < NAMES || self.names.contains_key(name) {
            let tries = self.names.entry(name.to_owned()).or_insert(Tries { wrong: 0, last: now });
            tries.wrong = tries.wrong.saturating_add(1);
            tries.last = now;
        }
        Ok(())
    }

    /// The try that was begun had the right password.
    pub(super) fn succeeded(&mut self, name: &str) {
        self.names.remove(name);
        self.recent.pop();
    }

    fn wait(&self, name: &str, now: Instant) -> Option<Duration> {
        let of_name = self.names.get(name).and_then(|tries| {
            let over = tries.wrong.checked_sub(FREE_TRIES)?;
            let wait = FIRST_WAIT.saturating_mul(1 << over.min(10)).min(LONGEST_WAIT);
            Some(wait.saturating_sub(now.saturating_duration_since(tries.last)))
        });
        let oldest = self.recent.first().filter(|_| self.recent.len() >= OVERALL);
        let overall = oldest.map(|oldest| MINUTE.saturating_sub(now.saturating_duration_since(*oldest)));
        of_name.into_iter().chain(overall).filter(|wait| !wait.is_zero()).max()
    }

    fn forget(&mut self, now: Instant) {
        self.recent.retain(|at| now.saturating_duration_since(*at) < MINUTE);
        self.names.retain(|_, tries| now.saturating_duration_since(tries.last) < FORGIVEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_with_the_right_password() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        for _ in 0..FREE_TRIES {
            assert_eq!(throttle.begin("operator", start), Ok(()));
        }
        assert_eq!(throttle.begin("operator", start), Err(FIRST_WAIT));
        assert_eq!(throttle.begin("viewer", start), Ok(()), "another name is not made to wait");
        let later = start + FIRST_WAIT;
        assert_eq!(throttle.begin("operator", later), Ok(()));
        assert_eq!(throttle.begin("operator", later), Err(FIRST_WAIT * 2));
        throttle.succeeded("operator");
        assert_eq!(throttle.begin("operator", later), Ok(()));
    }

    #[test]
    fn many_names_meet_the_overall_limit() {
        let mut throttle = Throttle::default();
        let start = Instant::now();
        let refused = (0..100).filter(|n| throttle.begin(&format!("user{n}"), start).is_err()).count();
        assert_eq!(refused, 100 - OVERALL);
        assert_eq!(throttle.begin("operator", start + MINUTE), Ok(()));
    }
}

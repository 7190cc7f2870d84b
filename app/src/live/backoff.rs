//! How long to wait before the next try to connect.

const FIRST_MS: f64 = 500.0;
const LONGEST_MS: f64 = 15_000.0;
/// While the gateway restarts, somebody is watching: ask often.
const RESTARTING_MS: f64 = 1_000.0;

/// Milliseconds before try number `attempt` (0 is the first). `random` in 0..1 spreads many pages over time.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 15 000")]
pub fn delay_ms(attempt: u32, restarting: bool, random: f64) -> u64 {
    let longest = if restarting { RESTARTING_MS } else { LONGEST_MS };
    let whole = (FIRST_MS * 2_f64.powi(attempt.min(10).cast_signed())).min(longest);
    (whole * (0.75 + 0.25 * random.clamp(0.0, 1.0))) as u64
}

#[cfg(test)]
mod tests {
    use super::delay_ms;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        let pauses: Vec<u64> = (0..8).map(|attempt| delay_ms(attempt, false, 1.0)).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
        assert_eq!(delay_ms(u32::MAX, false, 0.0), 11_250);
        assert_eq!(delay_ms(9, true, 1.0), 1000);
    }
}

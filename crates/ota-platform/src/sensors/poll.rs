//! Sources that are asked again and again.

use super::rule::Rule;
use super::source::{Answer, Source};
use async_trait::async_trait;
use backon::{BackoffBuilder, ExponentialBuilder};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// A source that does not answer is asked less and less often, but at least this often.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Something that is looked at in regular intervals.
#[async_trait]
pub(super) trait Polled: Send {
    /// Looks once and notes what is found. `false` when nothing could be seen.
    async fn look(&mut self) -> bool;
}

/// Looks for ever.
pub(super) async fn run(mut polled: impl Polled, interval: Duration) {
    let mut pauses = pauses(interval);
    loop {
        let began = Instant::now();
        let pause = if polled.look().await {
            pauses = self::pauses(interval);
            interval
        } else {
            pauses.next().unwrap_or(LONGEST_PAUSE)
        };
        sleep_until(began + pause).await;
    }
}

/// Growing pauses between attempts, the first about `first`.
pub(super) fn pauses(first: Duration) -> impl Iterator<Item = Duration> {
    let longest = LONGEST_PAUSE.max(first);
    let growing = ExponentialBuilder::default().with_min_delay(first).with_max_delay(longest);
    growing.without_max_times().with_jitter().build()
}

/// The far end of a source that is asked.
#[async_trait]
pub(super) trait Peer: Send {
    /// One answer for each rule, in their order; or why there is none for any. May be dropped at any point, when it takes too
    /// long: what is half said must not be gone on with the next time.
    async fn ask(&mut self, rules: &[Rule]) -> Result<Vec<Answer>, String>;
}

/// A peer and the rules that it is asked for.
pub(super) struct Asked<P> {
    pub(super) source: Source,
    pub(super) peer: P,
}

#[async_trait]
impl<P: Peer> Polled for Asked<P> {
    async fn look(&mut self) -> bool {
        let Source { max_age, rules, clock, .. } = &self.source;
        let asked = clock.boot();
        let answers = match timeout(*max_age, self.peer.ask(rules)).await {
            Ok(answers) => answers,
            Err(_) => Err(format!("no answer within {} s", max_age.as_secs_f64())),
        };
        match answers {
            Ok(answers) => {
                for (rule, answer) in rules.iter().zip(&answers) {
                    self.source.heard(rule, answer, asked);
                }
                true
            }
            Err(why) => {
                self.source.silent(&why);
                false
            }
        }
    }
}

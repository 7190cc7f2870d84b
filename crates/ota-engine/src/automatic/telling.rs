//! Saying once, in the activity log, why nothing is done.

use ota_core::{Decision, Reason};

use crate::{Ota, OtaError, ports::LogLevel};

/// What was said last.
#[derive(Debug, Default)]
pub(crate) struct Told {
    words: Vec<&'static str>,
    refusal: String,
}

impl Told {
    /// What was decided is done: the next refusal is news.
    pub(super) fn accepted(&mut self) {
        self.refusal.clear();
    }
}

impl Ota {
    /// Says what stands against the next step, when that is something else than before. What nobody has switched on needs no
    /// excuse.
    pub(super) async fn tell_reasons(&self, told: &mut Told, decision: &Decision) {
        let Decision::Wait { reasons, .. } = decision else {
            told.words.clear();
            return;
        };
        if !self.snapshot().settings.auto_update.enabled || reasons.is_empty() {
            told.words.clear();
            return;
        }
        let words = words(reasons);
        if words == told.words {
            return;
        }
        told.words = words;
        let sentences: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        let what = self.snapshot().outlook.waits_for().unwrap_or_else(|| "The next update".to_owned());
        self.log(LogLevel::Info, "schedule", format!("{what} waits: {}", sentences.join(" "))).await;
    }

    /// Says why what was decided was refused. It is tried again, and said again only when it is something else.
    pub(super) async fn tell_refusal(&self, told: &mut Told, error: &OtaError) {
        let refusal = format!("Not begun: {error}");
        if told.refusal != refusal {
            self.log(LogLevel::Warning, "schedule", refusal.as_str()).await;
            told.refusal = refusal;
        }
    }
}

/// The kinds of reasons. A machine that starts and stops says nothing new while something else is in the way as well.
fn words(reasons: &[Reason]) -> Vec<&'static str> {
    let all = reasons.iter().map(Reason::as_str);
    let lasting: Vec<_> = all.clone().filter(|word| *word != "gate").collect();
    if lasting.is_empty() { all.collect() } else { lasting }
}

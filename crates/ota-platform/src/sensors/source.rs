//! A source as people call it, and the rules that read from it.

use super::board::Board;
use super::rule::Rule;
use ota_core::ConstraintState;
use ota_engine::ports::Clock;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What a source says to one rule, or why it says nothing: a clause that ends a sentence.
pub(super) type Answer = Result<Value, String>;

/// Turns what a source says into readings.
pub(super) struct Source {
    /// Kind and name: `MQTT plc`.
    pub(super) label: String,
    /// Older readings count as unknown.
    pub(super) max_age: Duration,
    pub(super) rules: Vec<Rule>,
    pub(super) board: Arc<Board>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Source {
    /// Notes the answer to a question that was asked at `asked`. A value is as old as the question, however long the answer
    /// took; that there is none is known now.
    pub(super) fn heard(&self, rule: &Rule, answer: &Answer, asked: Duration) {
        let judgement = match answer {
            Ok(document) => rule.judge(document),
            Err(why) => rule.silent(&format!("{} gives no value: {why}.", rule.place(&self.label))),
        };
        let known = answer.is_ok() && judgement.state != ConstraintState::Unknown;
        // What is unknown does not grow older: its reason is to be read until something is known.
        let now = self.clock.boot();
        let (at, max_age) = if known { (asked, self.max_age) } else { (now, Duration::MAX) };
        self.board.put(rule.constraint(), judgement, rule.place(&self.label), (at, now), max_age);
    }

    /// Notes that the source says nothing to any rule.
    pub(super) fn silent(&self, why: &str) {
        let answer = Err(why.to_owned());
        for rule in &self.rules {
            self.heard(rule, &answer, Duration::ZERO);
        }
    }
}

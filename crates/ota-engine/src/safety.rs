//! The safety watch: takes in readings, keeps the verdict of the moment, and tells of changes.

use ota_core::{Assessment, ConstraintId, Phase};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{Event, Ota};

/// Time between two looks at the sensors.
const ROUND: Duration = Duration::from_millis(250);
/// A constraint that flaps is told of at most this often.
const QUIET: Duration = Duration::from_secs(1);

/// A constraint that stays as it is is told of this often all the same: the age of its reading does change.
const REPEAT: Duration = Duration::from_secs(5);

/// What a listener was last told about a constraint.
struct Told {
    at: Duration,
    words: (bool, String, Option<f64>),
}

impl Ota {
    pub(crate) async fn watch_safety(self: Arc<Self>) {
        let mut told = BTreeMap::new();
        loop {
            self.look_at_sensors(&mut told);
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(ROUND) => {}
            }
        }
    }

    fn look_at_sensors(&self, told: &mut BTreeMap<ConstraintId, Told>) {
        let now = self.parts.clock.boot();
        let readings = self.parts.sensors.latest();
        let verdict = {
            let mut monitor = self.safety_monitor();
            monitor.observe(readings, now);
            Arc::new(monitor.verdict(Phase::Start, now))
        };
        self.update(|snapshot| snapshot.safety = Arc::clone(&verdict));
        self.safety_round.send_modify(|round| *round = round.wrapping_add(1));
        for assessment in &verdict.assessments {
            let words = words(assessment);
            let pause = |last: &Told| if last.words == words { REPEAT } else { QUIET };
            match told.get(&assessment.constraint) {
                Some(last) if now.saturating_sub(last.at) < pause(last) => continue,
                _ => told.insert(assessment.constraint, Told { at: now, words }),
            };
            self.tell(Event::Safety(assessment.clone()));
        }
    }
}

/// What makes a difference to people; a load figure that moves in its last digits does not.
fn words(assessment: &Assessment) -> (bool, String, Option<f64>) {
    (assessment.is_blocking(), assessment.status.clone(), assessment.level.map(f64::round))
}

//! The job runner: applies an event, makes the state durable, performs the effect, and so on until the job rests.

mod components;
mod desk;
mod foreign;
mod install;
mod perform;
mod reconcile;
mod snapshot;
mod trial;
mod wait;

use ota_core::{Effect, JobEvent, JobId};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Ota, figures::Gauge, ports::ReadBack};

pub(crate) use desk::ApplyError;
pub(crate) use install::{record_of, verified};
pub(crate) use snapshot::known_content;
pub(crate) use wait::names;

/// Pause before a state that could not be made durable is tried again.
const STORE_RETRY: Duration = Duration::from_secs(2);

/// The jobs that somebody works on right now.
pub(crate) type Drivers = BTreeMap<JobId, Driver>;

/// One job's worker, seen from outside.
pub(crate) struct Driver {
    /// Ends the running step.
    pub cancel: CancellationToken,
    /// Triggered when the worker has ended.
    pub ended: CancellationToken,
    pub gauge: Arc<Gauge>,
}

/// What a worker carries from one effect to the next.
pub(crate) struct Course {
    pub id: JobId,
    pub cancel: CancellationToken,
    pub gauge: Arc<Gauge>,
    /// Made by the read-back, asked for by arming.
    pub proof: Option<ReadBack>,
    _ended: DropGuard,
}

impl Ota {
    /// Starts a worker that performs `effect` of job `id` and everything that follows from it.
    pub(crate) fn drive(self: &Arc<Self>, id: JobId, effect: Effect) {
        let (cancel, ended) = (self.stop.child_token(), CancellationToken::new());
        let gauge = Arc::new(Gauge::default());
        let driver = Driver { cancel: cancel.clone(), ended: ended.clone(), gauge: Arc::clone(&gauge) };
        let former = self.drivers().insert(id.clone(), driver);
        if let Some(former) = former {
            // Two never work on one job.
            former.cancel.cancel();
        }
        let course = Course { id, cancel, gauge, proof: None, _ended: ended.drop_guard() };
        self.tasks.spawn(Arc::clone(self).work(course, effect));
    }

    async fn work(self: Arc<Self>, mut course: Course, mut effect: Effect) {
        while let Some(event) = self.perform(&mut course, effect).await {
            match self.record(&course, event).await {
                Some(next) if !course.cancel.is_cancelled() => effect = next,
                _ => break,
            }
        }
        self.leave(&course);
        self.show(&course.id).await;
    }

    /// Takes the worker off the list, unless another one has taken its place already.
    fn leave(&self, course: &Course) {
        let mut drivers = self.drivers();
        if drivers.get(&course.id).is_some_and(|driver| Arc::ptr_eq(&driver.gauge, &course.gauge)) {
            drivers.remove(&course.id);
        }
    }

    /// Applies the event, trying again while the store cannot take it.
    async fn record(&self, course: &Course, event: JobEvent) -> Option<Effect> {
        loop {
            match self.apply(&course.id, event.clone()).await {
                Ok(next) => return next,
                Err(ApplyError::Store(error)) => {
                    tracing::error!(%error, job = %course.id, "the job's state cannot be saved; trying again");
                }
                Err(error) => {
                    tracing::warn!(%error, job = %course.id, "the job went another way");
                    return None;
                }
            }
            tokio::select! {
                () = course.cancel.cancelled() => return None,
                () = tokio::time::sleep(STORE_RETRY) => {}
            }
        }
    }
}

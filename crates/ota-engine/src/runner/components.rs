//! The turns of the components: planned, written, compared, activated, checked, put back.

use ota_core::{
    ArmGate, Bundle, ComponentTurn, FailureCode, ImageFacts, Job, JobEvent, TrialVerdict, TurnState,
    WriteGate,
};
use std::time::Duration;

use super::{Course, install::verified, wait::names};
use crate::{
    Ota,
    ports::{ComponentImage, ImageSource, LogLevel, StepError},
    safety::asker,
};

/// Pause before a component that could not be put back is put back again.
const PUT_BACK_PAUSE: Duration = Duration::from_secs(10);

impl Ota {
    /// What of `bundle` this gateway has no place for beside the slots: a slot must have one for all of it.
    pub(crate) fn beside_components(&self, bundle: &Bundle) -> Bundle {
        bundle.without(self.parts.components.names())
    }

    /// Checks that the bundle brings something that this gateway has a place for.
    pub(crate) async fn check_fit(&self, job: &Job, bundle: &Bundle) -> Result<(), StepError> {
        let system = self.beside_components(bundle);
        if system.images.is_empty() {
            // Components alone: the installation says whether they come one by one.
            return Ok(());
        }
        self.parts.slots.check_fit(job.target, &system).await
    }

    /// The components that the bundle brings, in the order of the configuration, each with what is there of it.
    pub(super) async fn plan_components(&self, job: &Job) -> Result<JobEvent, StepError> {
        let bundle = verified(job)?;
        let mut turns = Vec::new();
        for view in self.parts.components.list().await? {
            let Some(image) = bundle.images.iter().find(|image| image.class == view.name) else { continue };
            let into =
                view.current.as_ref().map_or(ota_core::ComponentPlace::A, |current| current.place.other());
            let image = component_image(bundle, image, into);
            self.parts.components.check_fit(&image).await?;
            // An installation that stopped half-way goes on where it did.
            let is_there = view.sha256.as_ref() == Some(&image.image.sha256)
                && view.current.as_ref().is_some_and(|current| current.version == bundle.version);
            let state = if is_there { TurnState::New } else { TurnState::Old };
            turns.push(ComponentTurn { name: view.name, from: view.current, into, state });
        }
        Ok(JobEvent::Planned(turns))
    }

    pub(super) async fn write_component(&self, course: &Course, job: &Job) -> Result<JobEvent, StepError> {
        let image = self.image_of_turn(job)?;
        let ImageSource::Bundle(source) = self.source(course, job).await? else {
            let message = "Components come in bundles only.";
            return Err(StepError::failed(FailureCode::InstallFailed, message, &job.id));
        };
        let clearance = match self.clearance::<WriteGate>(asker(job)) {
            Ok(clearance) => clearance,
            Err(blocked) => return Ok(JobEvent::GateClosed { reasons: names(&blocked) }),
        };
        course.gauge.begin_step(image.image.size);
        let (meter, cancel) = (&course.gauge.meter, &course.cancel);
        self.parts.components.write(&image, source, clearance, meter, cancel).await?;
        Ok(JobEvent::Written)
    }

    pub(super) async fn read_back_component(
        &self,
        course: &Course,
        job: &Job,
    ) -> Result<JobEvent, StepError> {
        let image = self.image_of_turn(job)?;
        course.gauge.begin_step(image.image.size);
        self.parts.components.read_back(&image, &course.gauge.meter, &course.cancel).await?;
        Ok(JobEvent::ReadBackMatched)
    }

    /// The last moment at which a moving crane stops it: clearance first, then one switch.
    pub(super) async fn activate_component(&self, job: &Job) -> Result<JobEvent, StepError> {
        let image = self.image_of_turn(job)?;
        let clearance = match self.clearance::<ArmGate>(asker(job)) {
            Ok(clearance) => clearance,
            Err(blocked) => return Ok(JobEvent::GateClosed { reasons: names(&blocked) }),
        };
        self.parts.components.activate(&image, clearance).await?;
        Ok(JobEvent::Activated)
    }

    pub(super) async fn check_component(&self, course: &Course, job: &Job) -> Option<JobEvent> {
        let name = job.turn().map_or("", |(turn, _)| job.turn_name(turn));
        let checked = self.ask_checks(course, self.parts.components.checks(name)).await?;
        let checks = checked.reports().cloned().collect();
        Some(match checked.verdict() {
            Some(TrialVerdict::Passed) => JobEvent::HealthPassed(checks),
            Some(TrialVerdict::Failed { reason }) => JobEvent::HealthFailed { reason, checks },
            None => {
                let reason = "a health check could not be carried out".to_owned();
                JobEvent::HealthFailed { reason, checks }
            }
        })
    }

    /// Until it is done: a component that failed is never left current.
    pub(super) async fn put_back_component(&self, course: &Course, job: &Job) -> Option<JobEvent> {
        let turn = turn_of(job).ok()?;
        let clearance = match self.clearance::<ArmGate>(asker(job)) {
            Ok(clearance) => clearance,
            Err(blocked) => return Some(JobEvent::GateClosed { reasons: names(&blocked) }),
        };
        let former = turn.from.as_ref().map(|former| former.place);
        match self.parts.components.put_back(&turn.name, former, clearance).await {
            Ok(started) => Some(JobEvent::PutBack { complaint: started.err() }),
            Err(error) => {
                let text = format!("{}: {} is not put back: {error}", job.id, turn.name);
                self.log(LogLevel::Error, "ota", text).await;
                tokio::select! {
                    () = course.cancel.cancelled() => None,
                    () = tokio::time::sleep(PUT_BACK_PAUSE) => {
                        Some(JobEvent::GateClosed { reasons: vec!["putting back failed".to_owned()] })
                    }
                }
            }
        }
    }

    fn image_of_turn(&self, job: &Job) -> Result<ComponentImage, StepError> {
        let (turn, bundle) = (turn_of(job)?, verified(job)?);
        let image = bundle.images.iter().find(|image| image.class == turn.name);
        let image = image.ok_or_else(|| no_turn(job))?;
        Ok(component_image(bundle, image, turn.into))
    }
}

fn component_image(bundle: &Bundle, image: &ImageFacts, place: ota_core::ComponentPlace) -> ComponentImage {
    ComponentImage { image: image.clone(), version: bundle.version.clone(), place }
}

fn turn_of(job: &Job) -> Result<&ComponentTurn, StepError> {
    let turn = job.turn().and_then(|(turn, _)| job.turns.as_ref()?.get(turn));
    turn.ok_or_else(|| no_turn(job))
}

fn no_turn(job: &Job) -> StepError {
    let message = "The components of the bundle are not known.";
    StepError::failed(FailureCode::InstallFailed, message, &job.id)
}

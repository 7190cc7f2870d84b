//! Figures for Prometheus.

use metrics::{describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use ota_core::{ConstraintState, SlotId};
use ota_engine::Snapshot;

/// Renders what was counted. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl Metrics {
    /// Becomes the process's recorder.
    ///
    /// # Errors
    /// When the process has one already.
    pub fn install() -> Result<Self, BuildError> {
        let handle = PrometheusBuilder::new().install_recorder()?;
        describe();
        Ok(Self(handle))
    }

    /// The text of `/metrics`: what was counted so far, and the gauges as they are now.
    #[must_use]
    pub fn render(&self, snapshot: &Snapshot, ready: bool) -> String {
        read(snapshot, ready);
        self.0.run_upkeep();
        self.0.render()
    }
}

fn describe() {
    describe_gauge!("gateway_ota_ready", "1 as soon as /readyz answers 200");
    describe_gauge!("gateway_ota_info", "Always 1; gateway, version and the booted slot are in the labels");
    describe_gauge!("gateway_ota_slot_tries_left", "Attempts that the boot loader has for a slot");
    describe_gauge!(
        "gateway_ota_slot_good",
        "1 when what was last written to the slot was read back as signed"
    );
    describe_gauge!(
        "gateway_ota_constraint_clear",
        "1 when a safety constraint is clear, 0 when it blocks or is unknown"
    );
    describe_gauge!(
        "gateway_ota_job_percent",
        "Progress of the open or last job from its start to the commit"
    );
    describe_gauge!(
        "gateway_ota_last_update_seconds",
        "When an update was last committed, in seconds since 1970"
    );
    describe_counter!("gateway_ota_http_requests_total", "Requests answered, by method and status");
}

/// Gauges are read when somebody asks, so nothing has to remember to write them.
fn read(snapshot: &Snapshot, ready: bool) {
    gauge!("gateway_ota_ready").set(f64::from(u8::from(ready)));
    let labels = [
        ("gateway", snapshot.site.id.clone()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("booted", snapshot.running.to_string()),
    ];
    for slot in SlotId::ALL {
        let name = slot.as_str();
        gauge!("gateway_ota_slot_tries_left", "slot" => name).set(f64::from(*snapshot.boot.left.get(slot)));
        let good = snapshot.slots.get(slot).record.as_ref().is_some_and(|record| record.good);
        gauge!("gateway_ota_slot_good", "slot" => name).set(f64::from(u8::from(good)));
    }
    gauge!("gateway_ota_info", &labels).set(1.0);
    for assessment in &snapshot.safety.assessments {
        let clear = assessment.state == ConstraintState::Clear;
        gauge!("gateway_ota_constraint_clear", "constraint" => assessment.constraint.as_str())
            .set(f64::from(u8::from(clear)));
    }
    if let Some(job) = &snapshot.job {
        gauge!("gateway_ota_job_percent").set(job.figures.overall);
    }
    if let Some(at) = snapshot.last_ota {
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a double")]
        gauge!("gateway_ota_last_update_seconds").set(at.as_second() as f64);
    }
}

//! `boot-apply`: what was ordered for the next start of the gateway.

use super::{Failure, output};
use crate::boot_orders::carry_out;
use crate::config::Config;
use crate::reset;
use ota_engine::Started;

/// Exit status: the boot loader has to choose again before anything is mounted.
pub(super) const RESTART: u8 = 4;

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let outcome = carry_out(config).await.map_err(Failure::failed)?;
    match &outcome.reset {
        reset::Outcome::Nothing if outcome.slot.is_some() => {}
        reset::Outcome::Nothing => output::line("Nothing was ordered."),
        reset::Outcome::Dropped(job) => output::line(format!(
            "The order of {job} was dropped: the job has ended, or the gateway has been in use since."
        )),
        reset::Outcome::NotYet(job) => output::line(format!("{job} is carried out after the next restart.")),
        reset::Outcome::CarriedOut(job) => {
            output::line(format!("{job} is carried out: the gateway waits for its set-up."));
        }
    }
    match &outcome.slot {
        None => {}
        Some((job, Started::Dropped)) => {
            output::line(format!("The order of {job} was dropped: the job has ended."));
        }
        Some((job, Started::Waits)) => {
            output::line(format!("{job} is carried out after the next restart, before the slot is mounted."));
        }
        Some((job, Started::GoesOn)) => {
            output::line(format!("{job}: nothing more is to be done before the slot is mounted."));
        }
        Some((job, Started::Restart)) => {
            output::line(format!("{job} has written the slot: restart before anything is mounted."));
            return Err(Failure { status: RESTART, message: String::new() });
        }
    }
    Ok(())
}

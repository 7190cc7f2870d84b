//! `boot-apply`: what was ordered for the next start of the gateway.

use super::{Failure, output};
use crate::config::Config;
use crate::reset::{Outcome, carry_out};

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let outcome = carry_out(config).await.map_err(Failure::failed)?;
    output::line(match outcome {
        Outcome::Nothing => "Nothing was ordered.".to_owned(),
        Outcome::Dropped(job) => format!(
            "The order of {job} was dropped: the job has ended, or the gateway has been in use since."
        ),
        Outcome::NotYet(job) => format!("{job} is carried out after the next restart."),
        Outcome::CarriedOut(job) => format!("{job} is carried out: the gateway waits for its set-up."),
    });
    Ok(())
}

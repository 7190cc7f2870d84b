//! What the page hears, beside what it reads.

use crate::sample::page;
use app::live::{Assessed, Heard, Live, Restart};
use leptos::prelude::Owner;
use ota_api::safety::Constraint;

#[test]
fn interlocks_that_were_read_are_never_older_than_what_was_heard() {
    Owner::new().with(|| {
        let read = page("idle").safety;
        let live = Live::new(page("idle"));
        let current = Constraint { status: "moving".into(), ..read.constraints.crane_motion.clone() };
        let assessed = Assessed { constraint: "crane_motion".into(), current: Some(current.clone()) };
        live.receive((2, Heard::Safety(Box::new(assessed))));
        // The answer to a question from before.
        live.set_safety(read);
        assert_eq!(live.safety.get().constraints.crane_motion, current);
    });
}

#[test]
fn an_announced_restart_stands_until_the_gateway_has_started() {
    Owner::new().with(|| {
        let live = Live::new(page("idle"));
        let announced = Restart::Announced { version: "v5.0.5".into() };
        live.restart.set(announced.clone());
        let status = page("idle").system;
        live.set_status(status.clone());
        assert_eq!(live.restart.get(), announced);
        let mut other = status;
        other.partitions.active.id = other.partitions.active.id.other();
        live.set_status(other);
        assert!(matches!(live.restart.get(), Restart::Returned { .. }));
    });
}

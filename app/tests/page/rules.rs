//! Which button can be pressed in which situation, and the reason that stands beside it when it cannot.

use crate::sample::page;
use app::rules::{self, Facts, Refusal};
use ota_api::{auth::Role, monitor::Progress, page::PageData, updates::Update};

fn facts(data: &PageData) -> Facts {
    let (blocking, blocking_restart) = rules::blocking(&data.safety);
    Facts {
        role: data.live.role,
        connected: true,
        restarting: false,
        ordering: false,
        checking: false,
        holder: data.live.job.as_ref().and_then(rules::holder),
        blocking,
        blocking_restart,
        target: data.system.partitions.inactive.id,
        running: data.system.gateway.os_version.clone(),
    }
}

fn update(data: &PageData) -> &Update {
    &data.updates[0]
}

fn job(data: &PageData) -> &Progress {
    data.live.job.as_ref().unwrap()
}

fn because(text: &str) -> Refusal {
    Some(text.to_owned())
}

#[test]
fn an_idle_gateway_offers_everything() {
    let data = page("idle");
    let facts = facts(&data);
    assert_eq!(rules::check_updates(&facts), None);
    assert_eq!(rules::install_update(update(&data), &facts), None);
    assert_eq!(rules::download_update(update(&data), &facts), None);
}

#[test]
fn what_holds_for_all_comes_first() {
    let data = page("blocked");
    let base = facts(&data);
    let cases = [
        (Facts { role: Role::Viewer, ..base.clone() }, "Your role is viewer: you can look, but not operate."),
        (Facts { connected: false, ..base.clone() }, "The gateway cannot be reached."),
        (Facts { restarting: true, connected: false, ..base.clone() }, "The gateway is restarting."),
        (Facts { ordering: true, ..base.clone() }, "Your last order is on its way."),
    ];
    for (facts, reason) in cases {
        assert_eq!(rules::check_updates(&facts), because(reason));
        assert_eq!(rules::install_update(update(&data), &facts), because(reason));
        assert_eq!(rules::restart(&facts), because(reason));
    }
    assert_eq!(
        rules::check_updates(&Facts { checking: true, ..base }),
        because("The update server is being asked.")
    );
}

#[test]
fn a_restart_is_not_kept_back_by_network_and_load() {
    let mut data = page("idle");
    data.safety.update_allowed = false;
    data.safety.constraints.network.blocking = true;
    let facts = facts(&data);
    assert_eq!(rules::install_update(update(&data), &facts), because("Blocked by safety: network."));
    assert_eq!(rules::restart(&facts), None);
}

#[test]
fn a_disabled_constraint_blocks_nothing() {
    let mut data = page("idle");
    data.safety.update_allowed = false;
    data.safety.constraints.network.blocking = true;
    data.safety.constraints.network.enabled = false;
    assert_eq!(rules::blocking(&data.safety), (Vec::new(), Vec::new()));
}

#[test]
fn a_running_update_keeps_others_out_and_a_waiting_download_does_not() {
    let data = page("downloading");
    let occupied = because("Another operation runs: the update to v5.0.5 is downloading.");
    assert_eq!(rules::install_update(update(&data), &facts(&data)), occupied);
    assert_eq!(rules::download_update(update(&data), &facts(&data)), occupied);
    let data = page("downloaded");
    assert_eq!(rules::install_update(update(&data), &facts(&data)), None);
    let data = page("restart");
    assert!(rules::install_update(update(&data), &facts(&data)).is_some());
    assert_eq!(rules::download_update(update(&data), &facts(&data)), None);
    let data = page("rolled-back");
    assert_eq!(rules::install_update(update(&data), &facts(&data)), None);
}

#[test]
fn an_update_for_another_gateway_says_so() {
    let mut data = page("idle");
    data.updates[0].compatible = false;
    data.updates[0].incompatible_reason = Some("It is made for Univa-GW-Lite.".into());
    assert_eq!(
        rules::download_update(update(&data), &facts(&data)),
        because("It is made for Univa-GW-Lite.")
    );
}

#[test]
fn cancel_is_possible_until_the_new_system_starts() {
    let data = page("held");
    assert_eq!(rules::cancel(job(&data), &facts(&data)), None);
    let data = page("trial");
    assert_eq!(rules::cancel(job(&data), &facts(&data)), because("The new system has already been started."));
}

#[test]
fn an_override_is_an_administrators_and_frees_what_it_covers() {
    let data = page("overridden");
    let base = facts(&data);
    assert_eq!(
        rules::override_safety(&base),
        because("Your role is operator: only an administrator overrides interlocks.")
    );
    assert_eq!(rules::override_safety(&Facts { role: Role::Admin, ..base.clone() }), None);
    assert_eq!(rules::install_update(update(&data), &base), None);
    assert_eq!(base.blocking, Vec::<String>::new());
}

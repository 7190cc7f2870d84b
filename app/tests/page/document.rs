//! The rendered page: complete, readable without a script, and the source of the same data again.

use crate::sample::{SITUATIONS, assets, page};
use app::{page::Embedded, render_login, render_page};
use ota_api::auth::Role;

fn html(situation: &str) -> String {
    render_page(page(situation), assets(), "n0nce".to_owned()).unwrap()
}

#[test]
fn the_document_has_title_sections_and_data() {
    let html = html("idle");
    assert!(html.starts_with("<!DOCTYPE html>"), "{}", &html[..80]);
    assert!(html.contains("<title>OTA &amp; System Updates - Univa Gateway</title>"));
    assert!(html.contains(r#"lang="en""#) && html.contains(r#"name="viewport""#));
    let order: Vec<usize> = ["status", "updates", "upload", "settings", "recovery", "safety", "monitor"]
        .iter()
        .map(|id| html.find(&format!(r#"<section id="{id}""#)).unwrap())
        .collect();
    assert!(order.is_sorted());
    for name in ["system", "updates", "settings", "safety", "live"] {
        assert!(html.contains(&format!("data-{name}=\"")), "data-{name}");
    }
    assert!(!html.contains("data-updates=\"{"), "the updates are an array");
}

#[test]
fn nothing_in_the_document_needs_inline_styles_or_handlers() {
    for situation in SITUATIONS {
        let html = html(situation);
        assert!(!html.contains(" style="), "{situation}");
        assert!(!html.contains(" onclick="), "{situation}");
        for script in html.split("<script").skip(1) {
            assert!(script.split('>').next().unwrap().contains(r#"nonce="n0nce""#), "{situation}");
        }
    }
}

#[test]
fn the_recovery_system_is_called_by_its_name_and_no_snapshot_is_taken_of_it() {
    let mut data = page("idle");
    data.system.gateway.in_recovery = true;
    data.system.gateway.os_version = "v4.9.0".into();
    let back = app::strings::words::returned(&data.system);
    assert_eq!(back, "The gateway is back: running its recovery system v4.9.0.");
    assert!(!html("idle").contains(app::strings::status::NO_SNAPSHOT));
    let html = render_page(data, assets(), "n".into()).unwrap();
    assert!(html.contains(app::strings::status::NO_SNAPSHOT));
}

#[test]
fn texts_from_outside_are_escaped() {
    let mut data = page("idle");
    data.updates[0].description = "</div><script>alert(1)</script>".into();
    data.live.logs[0].message = "<img src=x onerror=alert(1)>".into();
    data.updates[0].changelog = vec!["\"quoted\" & <b>".into()];
    let html = render_page(data, assets(), "n".into()).unwrap();
    assert!(!html.contains("<script>alert"));
    assert!(!html.contains("<img src=x"));
}

#[test]
fn the_embedded_data_is_read_back_as_it_was_written() {
    for situation in SITUATIONS {
        let data = page(situation);
        let Embedded { system, updates, settings, safety, live } = Embedded::write(&data).unwrap();
        let read = Embedded::read(|name| {
            Some(match name {
                "data-system" => system.clone(),
                "data-updates" => updates.clone(),
                "data-settings" => settings.clone(),
                "data-safety" => safety.clone(),
                _ => live.clone(),
            })
        });
        assert_eq!(read.unwrap(), data);
    }
    assert!(Embedded::read(|_| None).is_err());
}

#[test]
fn every_situation_is_told_in_words() {
    let expected = [
        ("idle", "Updates allowed"),
        ("idle", "crane-app"),
        ("viewer", "Your role is viewer: you can look, but not operate."),
        ("blocked", "Blocked by safety: crane motion and UPS battery."),
        ("downloading", "The bundle comes from the update server."),
        ("downloaded", "v5.0.5 is downloaded and verified."),
        ("held", "waits for crane motion and anti-collision system"),
        ("restart", "v5.0.5 starts from slot B at the next restart."),
        ("trial", "Running v5.0.5 on slot B."),
        (
            "trial",
            "pump &lt;1&gt; (TCP, wanted, 00:12 left). 127.0.0.1:502 takes no connection: connection refused.",
        ),
        ("rolled-back", "v5.0.5 did not prove itself. The gateway runs v5.0.4 again."),
    ];
    for (situation, text) in expected {
        assert!(html(situation).contains(text), "{situation}: {text}");
    }
}

#[test]
fn the_login_form_works_without_a_script() {
    let html = render_login(Some("No.".into()), Some("/ota-system-updates".into()), assets());
    assert!(html.contains(r#"method="post""#) && html.contains(r#"action="/login""#));
    assert!(html.contains(r#"name="username""#) && html.contains(r#"name="password""#));
    assert!(html.contains(r#"role="alert""#) && !html.contains("<script"));
}

#[test]
fn the_audit_list_is_for_those_who_may_read_it() {
    for (role, shown) in [(Role::Viewer, false), (Role::Operator, true), (Role::Admin, true)] {
        let mut data = page("idle");
        data.live.role = role;
        let html = render_page(data, assets(), "n0nce".to_owned()).unwrap();
        assert_eq!(html.contains(r#"id="audit""#), shown, "{role:?}");
        assert_eq!(html.contains("/api/v1/ota/audit/export"), shown, "{role:?}");
    }
}

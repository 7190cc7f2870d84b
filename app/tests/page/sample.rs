//! A gateway with data in every place of the page, and an update in each state that people have to understand.

use app::Assets;
use ota_api::{
    AutoUpdate, CheckKind, CheckState, ConstraintState, ErrorCode, MaintenanceWindow, Schedule, Settings,
    Severity, SlotHealth, SlotId, Strategy, UpdateKind,
    auth::Role,
    monitor::{HealthCheck, LogLine, Monitor, Outcome, Progress, ProgressFigures, Resources, UpdateName},
    page::{LiveData, PageData},
    safety::{Constraint, Constraints, Force, Safety},
    settings::{Automation, HeldBack, Plan, PlannedAction, PlannedWindow},
    status::{Component, Gateway, Partition, Partitions, Status, StrategyOffer},
    updates::{CheckSummary, Update},
};

/// Names of the situations that [`page`] knows.
pub const SITUATIONS: [&str; 10] = [
    "idle",
    "viewer",
    "blocked",
    "overridden",
    "downloading",
    "downloaded",
    "held",
    "restart",
    "trial",
    "rolled-back",
];

pub fn assets() -> Assets {
    Assets {
        stylesheet: "pkg/gateway-ota.css".into(),
        script: "./pkg/gateway-ota.js".into(),
        wasm: "./pkg/gateway-ota.wasm".into(),
        favicon: "favicon.svg".into(),
    }
}

pub fn page(situation: &str) -> PageData {
    let mut page = idle();
    match situation {
        "viewer" => page.live.role = Role::Viewer,
        "blocked" => {
            let crane = &mut page.safety.constraints.crane_motion;
            (crane.blocking, crane.state) = (true, ConstraintState::Blocking);
            (crane.status, crane.reason) = ("moving".into(), "The crane moves.".into());
            let ups = &mut page.safety.constraints.ups_battery;
            (ups.blocking, ups.state, ups.status) = (true, ConstraintState::Unknown, "unknown".into());
            (ups.reason, ups.age_seconds) =
                ("The last reading is 41 s old: the source has fallen silent.".into(), 41);
            page.safety.update_allowed = false;
            page.live.check.error = Some("The update server answered 503.".into());
        }
        "overridden" => {
            let crane = &mut page.safety.constraints.crane_motion;
            (crane.blocking, crane.state, crane.overridden) = (true, ConstraintState::Unknown, true);
            (crane.status, crane.reason) = ("unknown".into(), "The sensor gives no value.".into());
            page.safety.force_override = true;
            page.safety.force = Some(Force {
                active: true,
                by: "admin".into(),
                confirmed_by: None,
                reason: "The sensor is broken & the crane is locked".into(),
                constraints: vec!["crane_motion".into()],
                job_id: None,
                expires_at: "2025-03-15T12:05:00Z".into(),
                remaining_seconds: 874,
            });
        }
        "downloading" => page.live.job = Some(job("downloading", "downloading", 65.5, 32.7)),
        "downloaded" => page.live.job = Some(job("downloaded", "none", 100.0, 50.0)),
        "held" => {
            let mut job = job("held", "waiting_for_safety", 90.0, 95.0);
            job.waiting_for = vec!["crane_motion".into(), "acs_collision".into()];
            job.held_before = Some("arm".into());
            page.live.job = Some(job);
        }
        "restart" => {
            let mut job = job("awaiting_reboot", "waiting_for_reboot", 90.0, 95.0);
            (job.armed, job.reboot_after) = (true, Some(false));
            page.live.job = Some(job);
            page.system.partitions.inactive.next_boot = true;
            page.system.partitions.active.next_boot = false;
        }
        "trial" => page.live.job = Some(trial()),
        "rolled-back" => {
            let mut job = job("rolled_back", "none", 0.0, 97.5);
            job.ended_at = Some("2025-03-15T12:09:41Z".into());
            job.outcome = Some(Outcome {
                code: Some(ErrorCode::OtaInstallFailed),
                message: "The required check “health-check” failed: exit status 1.".into(),
            });
            page.live.job = Some(job);
            page.system.partitions.inactive.status = SlotHealth::Bad;
        }
        _ => {}
    }
    if let Some(job) = &page.live.job {
        page.live.monitor.system_status.clone_from(&job.status);
        page.live.monitor.current_operation.clone_from(&job.progress.current_operation);
        page.live.monitor.job_id = Some(job.job_id.clone());
    }
    page
}

fn trial() -> Progress {
    let mut job = job("trial", "health_checks", 95.0, 97.5);
    (job.can_cancel, job.trial_seconds_left, job.armed) = (false, Some(12), true);
    job.checks = vec![HealthCheck {
        name: "pump <1>".into(),
        kind: CheckKind::Tcp,
        required: false,
        state: CheckState::Waiting,
        reason: Some("127.0.0.1:502 takes no connection: connection refused.".into()),
        seconds_left: Some(12),
    }];
    job.cancel_refused = Some("the new system has already been started".into());
    job
}

fn job(status: &str, operation: &str, percentage: f64, overall: f64) -> Progress {
    Progress {
        status: status.into(),
        job_id: "OTA-JOB-8821X".into(),
        kind: "update".into(),
        snapshot_id: None,
        strategy: Some(Strategy::Seamless),
        back_to: None,
        checks: Vec::new(),
        components: Vec::new(),
        progress: ProgressFigures {
            percentage,
            overall_percentage: overall,
            current_operation: operation.into(),
            speed: "8.2 MB/s".into(),
            speed_bytes_per_second: 8_200_000,
            downloaded: "295 MB".into(),
            downloaded_bytes: 295_000_000,
            total: "452 MB".into(),
            total_bytes: 452_000_000,
            eta: Some("00:30".into()),
            eta_seconds: Some(30),
        },
        update: UpdateName { id: "update-001".into(), version: "v5.0.5".into() },
        elapsed_time: "00:05:30".into(),
        elapsed_seconds: 330,
        target_partition: SlotId::B,
        from_version: "v5.0.4".into(),
        reboot_after: Some(true),
        armed: false,
        can_cancel: true,
        cancel_refused: None,
        waiting_for: Vec::new(),
        held_before: None,
        trial_seconds_left: None,
        outcome: None,
        started_at: "2025-03-15T11:58:00Z".into(),
        ended_at: None,
    }
}

fn idle() -> PageData {
    PageData {
        system: system(),
        updates: vec![
            update("update-001", "v5.0.5", UpdateKind::Security, Severity::Critical),
            update("update-002", "v5.1.0", UpdateKind::Feature, Severity::Medium),
        ],
        settings: Settings {
            auto_update: AutoUpdate {
                enabled: true,
                auto_download: true,
                auto_security: true,
                auto_reboot: false,
                ..AutoUpdate::default()
            },
            maintenance_window: MaintenanceWindow {
                enabled: true,
                schedule: Schedule::Daily,
                time: "02:00".into(),
                ..MaintenanceWindow::default()
            },
            update_strategy: Strategy::Seamless,
        },
        safety: Safety {
            constraints: constraints(),
            force_override: false,
            update_allowed: true,
            force: None,
            overridable: ["crane_motion", "acs_collision", "network", "system_load"]
                .map(str::to_owned)
                .into(),
            second_person: false,
        },
        live: live(),
    }
}

fn live() -> LiveData {
    LiveData {
        username: "operator".into(),
        role: Role::Operator,
        notice: Some("Demonstration: the plant and the boot loader are simulated.".into()),
        check: CheckSummary {
            server: "https://ota.example.com/repository".into(),
            running: false,
            last_check: Some("2025-03-15T10:30:00Z".into()),
            next_check: Some("2025-03-15T18:30:00Z".into()),
            error: None,
        },
        monitor: Monitor {
            system_status: "idle".into(),
            current_operation: "none".into(),
            last_update_check: None,
            next_check: None,
            resources: Resources { cpu_usage: 15.2, memory_usage: "52.5%".into() },
            job_id: None,
            automation: automation(),
        },
        job: None,
        recovery: ota_api::recovery::Recovery::default(),
        debug: ota_api::debug::DebugBundles::default(),
        heard: 1_795_535_949_125,
        uploads: ota_api::upload::Uploads::default(),
        logs: [
            ("12:01:07", "info", "ota", "Download of v5.0.5 continues at 295 MB"),
            ("12:00:58", "warning", "download", "The connection was lost; trying again in 2 s"),
            ("11:58:00", "info", "ota", "operator started the update to v5.0.5"),
            ("10:30:00", "info", "repository", "2 updates are offered"),
            ("10:29:59", "error", "safety", "The signal of the UPS is silent"),
        ]
        .map(|(time, level, source, message)| LogLine {
            timestamp: format!("2025-03-15T{time}Z"),
            level: level.into(),
            source: source.into(),
            message: message.into(),
            id: None,
        })
        .into(),
    }
}

fn automation() -> Automation {
    Automation {
        auto_check_enabled: true,
        timezone: "Europe/Berlin".into(),
        next_maintenance_window: Some("2025-03-16T01:00:00Z".into()),
        next_maintenance_window_local: Some("2025-03-16T02:00:00+01:00".into()),
        window: Some(PlannedWindow {
            opens_at: "2025-03-16T01:00:00Z".into(),
            closes_at: "2025-03-16T03:00:00Z".into(),
            local: "Sun 02:00–04:00".into(),
            opens_in_seconds: 18_000,
            plan: Plan {
                action: PlannedAction::InstallAndRestart,
                version: Some("v5.1.0".into()),
                reasons: vec![],
            },
        }),
        restart: None,
        last_run: None,
    }
}

fn system() -> Status {
    Status {
        gateway: Gateway {
            id: "GW-3920A9".into(),
            model: "Univa-GW-Pro".into(),
            os_version: "v5.0.4".into(),
            kernel: "6.1.33-LTS".into(),
            uptime: "19d 3h 12m".into(),
            uptime_seconds: 1_653_120,
            bootloader: "U-Boot 2024.01".into(),
            last_ota: Some("2025-03-10T14:32:11Z".into()),
            in_recovery: false,
        },
        partitions: Partitions {
            active: slot(SlotId::A, "v5.0.4", SlotHealth::Healthy, true),
            inactive: slot(SlotId::B, "v5.0.3", SlotHealth::Ready, false),
            auto_rollback: true,
            rollback_retries: 3,
        },
        strategies: vec![StrategyOffer { strategy: Strategy::Seamless, refused: None }],
        components: vec![Component {
            name: "crane-app".into(),
            version: Some("v5.0.4".into()),
            place: None,
            installed_at: None,
            former_version: None,
        }],
    }
}

fn slot(id: SlotId, version: &str, status: SlotHealth, booted: bool) -> Partition {
    Partition {
        id,
        version: version.into(),
        status,
        size: "8GB".into(),
        used: "3.2GB".into(),
        size_bytes: 8_000_000_000,
        used_bytes: 3_200_000_000,
        booted,
        next_boot: booted,
        tries_left: 3,
        kernel: "6.1.33-LTS".into(),
        installed_at: Some("2025-03-10T14:32:11Z".into()),
    }
}

fn update(id: &str, version: &str, kind: UpdateKind, severity: Severity) -> Update {
    Update {
        id: id.into(),
        version: version.into(),
        kind,
        severity,
        size: "452 MB".into(),
        size_bytes: 452_000_000,
        released: "2025-03-15".into(),
        description: "Closes two holes in the kernel's network stack & hardens the fieldbus bridge.".into(),
        changelog: vec![
            "Fixed CVE-2025-1234".into(),
            "Fixed CVE-2025-5678".into(),
            "Improved <system> stability".into(),
        ],
        signature: "verified".into(),
        compatible: true,
        incompatible_reason: None,
        sha256: "00".repeat(32),
        kernel: None,
        last_failure: None,
        eligible: false,
        reasons: vec![HeldBack {
            code: "window".into(),
            message: "The maintenance window is closed. The next one opens at 2025-03-16 01:00 UTC.".into(),
        }],
        next_attempt_at: Some("2025-03-16T01:00:00Z".into()),
    }
}

fn constraints() -> Constraints {
    let clear = |status: &str, source: &str, reason: &str| Constraint {
        enabled: true,
        status: status.into(),
        level: None,
        blocking: false,
        state: ConstraintState::Clear,
        reason: reason.into(),
        source: source.into(),
        age_seconds: 1,
        threshold: None,
        estimated_clear: None,
        overridden: false,
    };
    let ups = clear("ok", "plant", "On mains, battery above the limit.");
    let load = clear("ok", "kernel", "The load is below the limit.");
    Constraints {
        crane_motion: clear("idle", "plant", "The crane stands still."),
        acs_collision: clear("clear", "plant", "No risk of collision."),
        ups_battery: Constraint { level: Some(85.0), threshold: Some(30.0), ..ups },
        network: clear("connected", "gateway", "The update server can be reached."),
        system_load: Constraint { level: Some(0.42), threshold: Some(16.0), ..load },
    }
}

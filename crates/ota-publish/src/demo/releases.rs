//! The releases of the demo.

use super::components::{COMPONENTS, component_image};
use crate::announcement::{Kind, Severity};
use crate::release::Release;
use jiff::civil::date;

/// With every component of the gateway in its bundle.
fn with_components(release: Release) -> Release {
    let version = release.announcement().version.clone();
    COMPONENTS
        .iter()
        .fold(release, |release, name| release.component(name, component_image(name, &version, true)))
}

/// What the factory wrote into the slots; not in the repository.
pub(super) fn factory() -> [Release; 2] {
    [
        Release::new("factory-b", "v5.0.3")
            .released(date(2025, 1, 20))
            .kernel("6.1.32-LTS")
            .notes("State of the gateway as delivered, fallback slot.", &[]),
        with_components(
            Release::new("factory-a", "v5.0.4")
                .released(date(2025, 3, 10))
                .kernel("6.1.33-LTS")
                .notes("State of the gateway as delivered.", &[]),
        ),
    ]
}

/// What the repository offers.
pub(super) fn offered() -> [Release; 2] {
    [
        Release::new("update-001", "v5.0.5")
            .kind(Kind::Security, Severity::Critical)
            .released(date(2025, 3, 15))
            .kernel("6.1.34-LTS")
            .notes(
                "Security patches for the kernel's network stack and the gateway's own services. Recommended for every \
                 gateway that is reachable from the terminal network.",
                &[
                    "Fixed CVE-2025-1234",
                    "Fixed CVE-2025-5678",
                    "Kernel updated to 6.1.34-LTS",
                    "The Modbus service drops malformed frames instead of restarting",
                    "Failed logins are delayed for each address, not for everybody",
                    "Improved system stability when the UPS connection is lost",
                ],
            ),
        with_components(
        Release::new("update-002", "v5.1.0")
            .kind(Kind::Feature, Severity::Medium)
            .released(date(2025, 4, 2))
            .kernel("6.1.38-LTS")
            .notes(
                "Telemetry for spreader and hoist encoders, and shorter start-up. Contains all fixes of v5.0.5.",
                &[
                    "Encoder channels of spreader and hoist are sampled at 100 Hz",
                    "Telemetry is buffered for up to 72 hours while the terminal network is down",
                    "Start-up takes 9 seconds less: services start in parallel",
                    "Kernel updated to 6.1.38-LTS",
                    "Time synchronisation accepts a second server as fallback",
                    "Fixed a rare wrong unit in exported calibration tables",
                ],
            )),
    ]
}

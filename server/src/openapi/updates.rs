//! Section 2: what the repository offers, and starting a download.

use super::{example::published, route::Route, settings};
use ota_api::{
    ErrorCode,
    settings::{AutoUpdateRequest, AutoUpdateSwitched},
    updates::{CheckRequest, CheckStarted, DownloadRequest, DownloadStarted, Updates},
};

pub(super) fn routes() -> Vec<Route> {
    let auto_update = Route::order("auto-update", "Switches whether updates are installed without a person")
        .takes::<AutoUpdateRequest>(published!("auto-update.post.request"))
        .answers::<AutoUpdateSwitched>(published!("auto-update.post.response"));
    vec![
        Route::read("updates", "Releases newer than the running system")
            .answers::<Updates>(published!("updates.get.response", added)),
        Route::order("check-updates", "Asks the repository")
            .takes::<CheckRequest>(published!("check-updates.post.request"))
            .answers::<CheckStarted>(published!("check-updates.post.response", added))
            .fails([ErrorCode::OtaDownloadFailed]),
        settings::guarded(auto_update),
        Route::order("download", "Starts the download of an update")
            .about("With `install_after` also its installation, and with `reboot_after` the restart into it.")
            .takes::<DownloadRequest>(published!("download.post.request"))
            .answers::<DownloadStarted>(published!("download.post.response", added))
            .leads_on()
            .starts_a_job()
            .fails([ErrorCode::NotFound, ErrorCode::OtaInvalidImage, ErrorCode::OtaInstallFailed])
            .fails([ErrorCode::OtaDownloadFailed, ErrorCode::OtaRecoveryFailed])
            .conflicts(ErrorCode::OtaInstallFailed),
    ]
}

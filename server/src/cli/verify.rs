//! `verify`: everything that an installation would verify, on any file.

use super::{Failure, output};
use crate::config::Config;
use crate::wiring;
use ota_core::{Bundle, FailureCode};
use ota_engine::ports::{Bundles, Meter, StepError};
use serde_json::json;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

pub(super) async fn run(config: &Config, file: PathBuf, as_json: bool) -> Result<(), Failure> {
    // Absence is no verdict about a bundle.
    std::fs::File::open(&file)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", file.display())))?;
    let bundles = wiring::bundles(config).map_err(Failure::failed)?;
    match bundles.verify(file, &Meter::default(), &CancellationToken::new()).await {
        Ok(bundle) => accepted(&bundle, as_json),
        Err(error) => Err(refused(&error, as_json)),
    }
}

fn accepted(bundle: &Bundle, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&json!({ "valid": true, "bundle": bundle }));
    }
    output::line("The bundle is complete and trusted.");
    output::line(format!("Version     {}", bundle.version));
    output::line(format!("Compatible  {}", bundle.compatible));
    output::line(format!("Kernel      {}", bundle.kernel.as_deref().unwrap_or("unknown")));
    output::line(format!("Signer      {}", bundle.signer));
    for image in &bundle.images {
        output::line(format!("Image       {}: {} bytes, sha256 {}", image.class, image.size, image.sha256));
    }
    Ok(())
}

fn refused(error: &StepError, as_json: bool) -> Failure {
    let StepError::Failed { code, message, detail } = error else { return Failure::failed(error) };
    if !matches!(code, FailureCode::InvalidImage | FailureCode::SignatureFailed) {
        return Failure::failed(error);
    }
    let object = json!({ "valid": false, "code": code, "message": message, "detail": detail });
    if as_json && output::json(&object).is_ok() {
        return Failure::refused("");
    }
    Failure::refused(format!("the bundle is refused: {message} ({detail})"))
}

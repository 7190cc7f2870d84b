//! What a browser loads the first time.

use crate::row;
use std::path::{Path, PathBuf};

/// `setup/build release` puts the site beside the optimized program.
pub fn run() {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_gateway-ota"));
    let site = program.parent().unwrap_or(Path::new(".")).join("site/pkg");
    let Ok(files) = std::fs::read_dir(&site) else {
        row("Page over the wire", "not built");
        return;
    };
    let mut all = 0;
    for file in files.flatten().filter(|file| is_loaded(&file.file_name().to_string_lossy())) {
        all += file.metadata().unwrap().len();
    }
    row("WASM + JS + CSS, brotli (kB)", format!("{:.0}", all as f64 / 1000.0));
}

/// Beside them lie declarations of types, which no browser asks for.
fn is_loaded(name: &str) -> bool {
    [".wasm.br", ".js.br", ".css.br"].iter().any(|end| name.ends_with(end))
}

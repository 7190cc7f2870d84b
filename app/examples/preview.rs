//! Writes the page in each of its situations, and the login page, as HTML files: for work on its looks without a gateway
//! that is just in that situation.
//!
//! `cargo run -p app --example preview --features ssr -- DIRECTORY`; the stylesheet is looked for in `DIRECTORY/pkg/`.

#[path = "../tests/page/sample.rs"]
mod sample;

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::args_os().nth(1).ok_or("the directory to write to is missing")?);
    fs::create_dir_all(&directory)?;
    for situation in sample::SITUATIONS {
        let html = app::render_page(sample::page(situation), sample::assets(), "preview".to_owned())?;
        fs::write(directory.join(format!("{situation}.html")), html)?;
    }
    let error = Some("The user name or the password is wrong.".to_owned());
    fs::write(directory.join("login.html"), app::render_login(error, None, sample::assets()))?;
    Ok(())
}

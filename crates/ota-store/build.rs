//! A new file among the migrations is compiled in, too.

fn main() {
    #![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]
    println!("cargo:rerun-if-changed=migrations");
}

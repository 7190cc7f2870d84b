//! `gateway-ota`: the gateway's server and its command line.

fn main() -> std::process::ExitCode {
    server::cli::run()
}

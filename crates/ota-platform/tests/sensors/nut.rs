//! NUT: `upsd` with the driver `dummy-ups`.

use crate::peers::{Authority, Running, free_port, program, run};
use crate::{TICK, battery, becomes, start};
use ConstraintId::UpsBattery;
use ConstraintState::{Blocking, Clear, Unknown};
use ota_core::{ConstraintId, ConstraintState};
use ota_platform::{
    BatteryRule, Credentials, HostPort, NutConfig, SensorsConfig, Signal, SourceConfig, SourceKind, TlsFiles,
};
use rustix::process::{Pid, Signal as Posix, kill_process};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A server with a UPS named `rack`.
struct Ups {
    directory: TempDir,
    port: u16,
    driver: Option<Running>,
    server: Option<Running>,
}

impl Ups {
    fn start() -> Self {
        Self::with("")
    }

    /// `settings` go into `upsd.conf`.
    fn with(settings: &str) -> Self {
        let (directory, port) = (tempfile::tempdir().unwrap(), free_port());
        let mut ups = Self { directory, port, driver: None, server: None };
        let values = ups.path("rack.dev").display().to_string();
        ups.says("ups.status: OL\nbattery.charge: 85\nbattery.runtime: 1200\n");
        ups.file("ups.conf", &format!("[rack]\ndriver = dummy-ups\nmode = dummy-loop\nport = {values}\n"));
        ups.file("upsd.conf", &format!("LISTEN 127.0.0.1 {port}\nMAXAGE 2\n{settings}"));
        ups.file("upsd.users", "[gateway]\npassword = s3cret-one\nupsmon secondary\n");
        ups.start_driver();
        ups.start_server();
        ups
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The driver reads its values again when the file has changed.
    fn says(&self, values: &str) {
        self.file("rack.new", values);
        fs::rename(self.path("rack.new"), self.path("rack.dev")).unwrap();
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name, "nut-server"));
        for variable in ["NUT_CONFPATH", "NUT_STATEPATH", "NUT_ALTPIDPATH"] {
            command.env(variable, self.directory.path());
        }
        command.arg("-F");
        if rustix::process::geteuid().is_root() {
            // Otherwise they would become another user, who may not read the test's files.
            command.args(["-u", "root"]);
        }
        command
    }

    fn start_driver(&mut self) {
        let mut command = self.command("dummy-ups");
        command.args(["-a", "rack", "-i", "1"]);
        let mut driver = Running::start(&mut command, self.path("driver.log"));
        let socket = self.path("dummy-ups-rack");
        driver.wait_until("its socket is there", || socket.exists());
        self.driver = Some(driver);
    }

    fn start_server(&mut self) {
        let mut server = Running::start(&mut self.command("upsd"), self.path("server.log"));
        server.wait_for_port(self.port);
        self.server = Some(server);
    }

    fn signal_driver(&self, signal: Posix) {
        let process = self.driver.as_ref().unwrap().id();
        kill_process(Pid::from_raw(process.try_into().unwrap()).unwrap(), signal).unwrap();
    }

    fn nut(&self) -> NutConfig {
        let address = HostPort { host: "127.0.0.1".into(), port: self.port };
        NutConfig { address, ups: "rack".into(), credentials: None, tls: None }
    }
}

fn config(nut: NutConfig) -> SensorsConfig {
    let (name, max_age) = ("rack-ups".to_owned(), Duration::from_secs(10));
    SensorsConfig {
        sources: vec![SourceConfig { name, interval: TICK, max_age, kind: SourceKind::Nut(nut) }],
        ups_battery: Some(BatteryRule {
            minimum_runtime: Some(Duration::from_secs(600)),
            ..battery("rack-ups", Signal::Ups)
        }),
        ..SensorsConfig::default()
    }
}

#[tokio::test]
async fn status_charge_and_runtime_are_followed_and_nonsense_is_unknown() {
    let ups = Ups::start();
    let sensors = start(config(ups.nut()));
    let clear = becomes(&sensors, UpsBattery, Clear, "85 %").await;
    assert_eq!((clear.source.as_str(), clear.threshold), ("NUT rack-ups", Some(30.0)));
    for (values, state, said) in [
        (
            "ups.status: OB DISCHRG\nbattery.charge: 80\nbattery.runtime: 900\n",
            Blocking,
            "Mains power is out",
        ),
        (
            "ups.status: OL CHRG\nbattery.charge: 29\nbattery.runtime: 900\n",
            Blocking,
            "29 %, below the minimum of 30 %",
        ),
        (
            "ups.status: OL\nbattery.charge: 90\nbattery.runtime: 599\n",
            Blocking,
            "599 s, less than the minimum of 600 s",
        ),
        (
            "ups.status: OL LB\nbattery.charge: 90\nbattery.runtime: 900\n",
            Blocking,
            "its battery is low (LB)",
        ),
        ("ups.status: OL FSD\nbattery.charge: 90\nbattery.runtime: 900\n", Blocking, "shut down (FSD)"),
        ("ups.status: DANCING\nbattery.charge: 90\nbattery.runtime: 900\n", Unknown, "neither OL nor OB"),
        (
            "ups.status: OL\nbattery.charge: lots\nbattery.runtime: 900\n",
            Unknown,
            "“lots”, which is no number",
        ),
        ("ups.status: OL\nbattery.charge: 900\nbattery.runtime: 900\n", Unknown, "a charge from 0 to 100"),
        ("ups.status: OL\nbattery.charge: 90\nbattery.runtime: 900\n", Clear, "90 %"),
    ] {
        ups.says(values);
        becomes(&sensors, UpsBattery, state, said).await;
    }
}

#[tokio::test]
async fn a_driver_that_stops_is_stale_and_one_that_ends_is_not_connected() {
    let mut ups = Ups::start();
    let sensors = start(config(ups.nut()));
    becomes(&sensors, UpsBattery, Clear, "85 %").await;
    ups.signal_driver(Posix::STOP);
    let stale = becomes(&sensors, UpsBattery, Unknown, "stopped reporting (DATA-STALE)").await;
    assert_eq!(stale.level, Some(85.0), "the last charge stays");
    ups.signal_driver(Posix::CONT);
    becomes(&sensors, UpsBattery, Clear, "85 %").await;
    ups.driver = None;
    becomes(&sensors, UpsBattery, Unknown, "driver does not run (DRIVER-NOT-CONNECTED)").await;
    ups.start_driver();
    becomes(&sensors, UpsBattery, Clear, "85 %").await;
}

#[tokio::test]
async fn a_server_that_goes_away_is_unknown_and_comes_back() {
    let mut ups = Ups::start();
    let sensors = start(config(ups.nut()));
    becomes(&sensors, UpsBattery, Clear, "85 %").await;
    ups.server = None;
    becomes(&sensors, UpsBattery, Unknown, "connection refused").await;
    ups.start_server();
    becomes(&sensors, UpsBattery, Clear, "85 %").await;
}

#[tokio::test]
async fn wrong_names_and_passwords_are_told() {
    let ups = Ups::start();
    let sensors = start(config(NutConfig { ups: "other".into(), ..ups.nut() }));
    becomes(&sensors, UpsBattery, Unknown, "no UPS of this name (UNKNOWN-UPS)").await;
    let password = ups.path("password");
    ups.file("password", "s3cret-two\n");
    let credentials = Some(Credentials { username: "gateway".into(), password_file: password });
    let sensors = start(config(NutConfig { credentials, ..ups.nut() }));
    let refused =
        becomes(&sensors, UpsBattery, Unknown, "refuses this gateway’s login (ACCESS-DENIED)").await;
    assert!(!refused.reason.contains("s3cret"));
    ups.file("password", "s3cret-one\n");
    becomes(&sensors, UpsBattery, Clear, "85 %").await;
    let authority = Authority::new();
    let tls = Some(TlsFiles { ca: Some(authority.path("ca.pem")), identity: None });
    let sensors = start(config(NutConfig { tls, ..ups.nut() }));
    becomes(&sensors, UpsBattery, Unknown, "the server offers no TLS").await;
}

/// Debian's `upsd` keeps its certificate in a database of NSS.
fn with_tls(authority: &Authority) -> Ups {
    let shown = |name: &str| authority.path(name).display().to_string();
    fs::create_dir(authority.path("nss")).unwrap();
    fs::write(authority.path("nss-password"), "s3cret-nss\n").unwrap();
    let database = format!("sql:{}", shown("nss"));
    let mut pack = Command::new("openssl");
    pack.args([
        "pkcs12",
        "-export",
        "-name",
        "server",
        "-passout",
        "pass:s3cret-p12",
        "-in",
        &shown("server.pem"),
    ]);
    run(pack.args([
        "-inkey",
        &shown("server.key"),
        "-certfile",
        &shown("ca.pem"),
        "-out",
        &shown("server.p12"),
    ]));
    let package = "libnss3-tools";
    let mut make = Command::new(program("certutil", package));
    run(make.args(["-N", "-d", &database, "-f", &shown("nss-password")]));
    let mut trust = Command::new(program("certutil", package));
    trust.args(["-A", "-d", &database, "-f", &shown("nss-password"), "-n", "ca", "-t", "CT,,"]);
    run(trust.args(["-i", &shown("ca.pem")]));
    let mut unpack = Command::new(program("pk12util", package));
    unpack.args([
        "-i",
        &shown("server.p12"),
        "-W",
        "s3cret-p12",
        "-d",
        &database,
        "-k",
        &shown("nss-password"),
    ]);
    run(&mut unpack);
    Ups::with(&format!("CERTPATH {}\nCERTIDENT \"server\" \"s3cret-nss\"\nCERTREQUEST 0\n", shown("nss")))
}

#[tokio::test]
async fn over_tls_the_server_proves_who_it_is() {
    let authority = Authority::new();
    let ups = with_tls(&authority);
    let secure =
        |ca| start(config(NutConfig { tls: Some(TlsFiles { ca: Some(ca), identity: None }), ..ups.nut() }));
    let sensors = secure(authority.path("ca.pem"));
    becomes(&sensors, UpsBattery, Clear, "85 %").await;
    let stranger = Authority::new();
    let sensors = secure(stranger.path("ca.pem"));
    becomes(&sensors, UpsBattery, Unknown, "the TLS connection is refused: invalid peer certificate").await;
}

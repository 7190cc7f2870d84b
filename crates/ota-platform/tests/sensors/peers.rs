//! The real programs that sources talk to, each in a directory of its own, on a free port, ended by its process id.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Programs of servers are not on everybody's `PATH`.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/lib/nut", "/usr/lib/nut"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        // What stands in the administrators' directories under this name starts nothing before it is enabled there.
        .find(|path| path.is_file() && !(name == "upsd" && path.ends_with("sbin/upsd")))
        .unwrap_or_else(|| {
            panic!("{name} is missing: install the Debian package {package}, or run `make setup`")
        })
}

pub fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A program that ends with the test.
pub struct Running {
    child: Child,
    log: PathBuf,
}

impl Running {
    pub fn start(command: &mut Command, log: PathBuf) -> Self {
        let file = fs::File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log }
    }

    /// For a program that takes orders on its standard input.
    pub fn start_with_input(command: &mut Command, log: PathBuf) -> (Self, ChildStdin) {
        let file = fs::File::create(&log).unwrap();
        command.stdin(Stdio::piped()).stdout(file.try_clone().unwrap()).stderr(file);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let input = child.stdin.take().unwrap();
        (Self { child, log }, input)
    }

    pub fn wait_until(&mut self, what: &str, yes: impl Fn() -> bool) {
        let start = Instant::now();
        while !yes() {
            let log = || fs::read_to_string(&self.log).unwrap_or_default();
            assert!(self.child.try_wait().unwrap().is_none(), "it ended before {what}: {}", log());
            assert!(start.elapsed() < PATIENCE, "waited for {what}: {}", log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn wait_for_port(&mut self, port: u16) {
        self.wait_until("its port is open", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A certificate authority with a certificate for a server on loopback and one for a client.
pub struct Authority {
    pub directory: TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let authority = Self { directory: tempfile::tempdir().unwrap() };
        authority.openssl(&[
            "req",
            "-x509",
            "-keyout",
            "ca.key",
            "-out",
            "ca.pem",
            "-subj",
            "/CN=Test CA",
            "-days",
            "2",
        ]);
        authority.issue("server", "subjectAltName=IP:127.0.0.1,DNS:localhost");
        authority.issue("gateway", "extendedKeyUsage=clientAuth");
        authority
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn issue(&self, name: &str, extension: &str) {
        let (key, request, certificate) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"));
        fs::write(self.path("extensions"), extension).unwrap();
        let subject = format!("/CN={name}");
        self.openssl(&["req", "-keyout", &key, "-out", &request, "-subj", &subject]);
        let mut sign = Command::new("openssl");
        sign.args(["x509", "-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]);
        sign.args(["-out", &certificate, "-days", "2", "-extfile", "extensions"]);
        run(sign.current_dir(self.directory.path()));
    }

    /// `req` with a new key.
    fn openssl(&self, arguments: &[&str]) {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        run(Command::new("openssl").args(arguments).args(key).current_dir(self.directory.path()));
    }
}

/// A mosquitto that can be stopped and started again.
pub struct Broker {
    directory: TempDir,
    pub port: u16,
    running: Option<Running>,
    /// What `mosquitto_pub` needs to be let in.
    login: Vec<String>,
}

impl Broker {
    pub fn start() -> Self {
        Self::with("allow_anonymous true\n", &[])
    }

    /// `settings` go into its configuration, `login` to `mosquitto_pub`.
    pub fn with(settings: &str, login: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut broker =
            Self { directory, port, running: None, login: login.iter().map(|s| (*s).to_owned()).collect() };
        // Started by root, it would become another user, who may not read the test's files.
        let text = format!("user root\npersistence false\nlistener {port} 127.0.0.1\n{settings}");
        fs::write(broker.path("mosquitto.conf"), text).unwrap();
        broker.up();
        broker
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn up(&mut self) {
        let mut command = Command::new(program("mosquitto", "mosquitto"));
        command.arg("-c").arg(self.path("mosquitto.conf"));
        let mut running = Running::start(&mut command, self.path("log"));
        running.wait_for_port(self.port);
        self.running = Some(running);
    }

    pub fn kill(&mut self) {
        self.running = None;
    }

    pub fn process(&self) -> u32 {
        self.running.as_ref().unwrap().id()
    }

    pub fn publish(&self, topic: &str, message: &str) {
        self.publish_with(topic, message, &[]);
    }

    pub fn publish_retained(&self, topic: &str, message: &str) {
        self.publish_with(topic, message, &["-r"]);
    }

    fn publish_with(&self, topic: &str, message: &str, more: &[&str]) {
        let mut command = Command::new(program("mosquitto_pub", "mosquitto-clients"));
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &self.port.to_string(),
            "-q",
            "1",
            "-t",
            topic,
            "-m",
            message,
        ]);
        run(command.args(more).args(&self.login));
    }
}

/// Puts `mosquitto_passwd`'s file for one user at `path`.
pub fn password_file(path: &Path, user: &str, password: &str) {
    let mut command = Command::new(program("mosquitto_passwd", "mosquitto"));
    run(command.arg("-b").arg("-c").arg(path).args([user, password]));
}

//! A gateway's hardware on files: boot environment, slots and signed bundles.

#![allow(dead_code, reason = "each test file uses its part")]

use ota_core::{
    BootSelection, Bundle, BySlot, Clearance, ConstraintId, Gate, ImageFacts, SafetyMonitor, SlotId,
};
use ota_engine::ports::Clock;
use ota_platform::{FlagScheme, SlotsConfig, SystemClock, UbootConfig};
use raucb::{BundleSpec, Compression, ImageSource, Keyring, Policy, Purpose, SigningKey};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use tempfile::TempDir;
use uboot_env::{Config, Environment, Location, Store};

/// Runs a program that must succeed and returns what it printed.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether loop devices and mounts are to be had; says so where not.
pub fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        // Past the harness, which shows nothing of a test that passes.
        std::io::stderr()
            .write_all(format!("skipped: {test}: it needs root for loop devices and mounts\n").as_bytes())
            .unwrap();
    }
    root
}

/// Bytes that do not compress well and differ by `seed`.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A clearance, given as the engine gets it: by a monitor without enabled constraints.
pub fn clearance<G: Gate>() -> Clearance<G> {
    clearance_at(SystemClock.boot())
}

/// One that was given at a moment of the boot clock.
pub fn clearance_at<G: Gate>(now: Duration) -> Clearance<G> {
    let disabled = ConstraintId::ALL.map(|id| (id, false));
    SafetyMonitor::new(disabled, Duration::ZERO).clearance(None, now).unwrap()
}

pub struct Gateway {
    pub directory: TempDir,
}

static SIGNER: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
    let directory = TempDir::new().unwrap();
    let (certificate, key) = (directory.path().join("certificate"), directory.path().join("key"));
    let (out, keyout) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let curve = "ec_paramgen_curve:prime256v1";
    let subject = ["-subj", "/CN=test", "-days", "2", "-out", out, "-keyout", keyout];
    let request = ["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", curve];
    run("openssl", &[&request[..], &subject[..]].concat());
    (fs::read(&certificate).unwrap(), fs::read(&key).unwrap())
});

impl Gateway {
    /// Two empty slots of `size` bytes filled with 0xAA; A runs.
    pub fn new(size: usize) -> Self {
        let gateway = Self { directory: TempDir::new().unwrap() };
        for slot in SlotId::ALL {
            fs::write(gateway.slot(slot), vec![0xaa; size]).unwrap();
        }
        gateway.boot_from(SlotId::A);
        gateway
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn slot(&self, slot: SlotId) -> PathBuf {
        self.path(&format!("slot-{slot}.img"))
    }

    pub fn boot_from(&self, slot: SlotId) {
        fs::write(self.path("cmdline"), format!("console=ttyS0 rauc.slot={slot} ro\n")).unwrap();
    }

    pub fn slots(&self) -> SlotsConfig {
        self.slots_at(&self.slot(SlotId::A), &self.slot(SlotId::B))
    }

    pub fn slots_at(&self, a: &Path, b: &Path) -> SlotsConfig {
        let place = |path: &Path| BTreeMap::from([("rootfs".to_owned(), path.to_owned())]);
        let mut policy = Policy::new(Keyring::from_pem(&SIGNER.0).unwrap());
        policy.purpose = Purpose::Any;
        SlotsConfig {
            places: BySlot { a: place(a), b: place(b) },
            cmdline: self.path("cmdline"),
            policy,
            writable: false,
            snapshots: None,
        }
    }

    /// Makes a signed bundle of images by class and returns the facts that a verifier would record.
    pub fn bundle(&self, name: &str, images: &[(&str, &[u8])]) -> (PathBuf, Bundle) {
        let out = self.path(name);
        let source = |(class, content): &(&str, &[u8])| {
            let path = self.path(&format!("{name}.{class}.img"));
            fs::write(&path, content).unwrap();
            ImageSource { slot_class: (*class).to_owned(), filename: format!("{class}.img"), path }
        };
        let spec = BundleSpec {
            compatible: "Univa-GW-Pro".to_owned(),
            version: "v5.0.5".to_owned(),
            description: None,
            build: None,
            images: images.iter().map(source).collect(),
            compression: Compression::Zstd { level: 1 },
            meta: BTreeMap::new(),
        };
        let key = SigningKey::from_pem(&SIGNER.0, &SIGNER.1, b"").unwrap();
        let manifest = raucb::write_bundle(&spec, &key, &out).unwrap();
        let facts = |image: &raucb::Image| ImageFacts {
            class: image.slot_class.clone(),
            size: image.size,
            sha256: hex::encode(image.sha256),
        };
        let bundle = Bundle {
            version: manifest.version.clone(),
            compatible: manifest.compatible.clone(),
            kernel: None,
            signer: "CN=test".to_owned(),
            images: manifest.images.iter().map(facts).collect(),
        };
        (out, bundle)
    }

    /// Writes a boot environment with two copies and its `fw_env.config`.
    pub fn environment(&self, variables: &[(&str, &str)]) -> UbootConfig {
        let file = self.path("uboot.env");
        let mut environment = Environment::new();
        for (name, value) in variables {
            environment.set(name, value).unwrap();
        }
        let copies = [0, 0x1_0000].map(|offset| Location::new(&file, offset, 0x4000));
        let config = Config::new(copies.to_vec()).unwrap().with_lock_file(self.path("lock"));
        Store::create(config, &environment).unwrap();
        let config = self.path("fw_env.config");
        let place = file.display();
        fs::write(&config, format!("{place} 0x0 0x4000\n{place} 0x10000 0x4000\n")).unwrap();
        UbootConfig { environment: config, scheme: FlagScheme::Counter, lock_file: self.path("lock") }
    }

    /// All variables as the stock tool shows them.
    pub fn printenv(&self) -> BTreeMap<String, String> {
        let text = run("fw_printenv", &["-c", self.path("fw_env.config").to_str().unwrap()]);
        text.lines()
            .filter_map(|line| line.split_once('='))
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect()
    }

    pub fn selection(&self) -> BootSelection {
        let variables = self.printenv();
        let get = |name: &str| variables.get(name).map(String::as_str);
        let order = get("BOOT_ORDER");
        BootSelection::from_variables(order, get("BOOT_A_LEFT"), get("BOOT_B_LEFT"))
            .with_recovery(order, get("BOOT_R_LEFT"))
    }

    /// Puts an ext4 file system into a slot.
    pub fn format(&self, slot: SlotId) {
        let path = self.slot(slot);
        File::options().write(true).open(&path).unwrap().set_len(8 << 20).unwrap();
        run("mkfs.ext4", &["-q", "-F", path.to_str().unwrap()]);
    }
}

/// A loop device; detached when dropped.
pub struct Loop(pub PathBuf);

impl Loop {
    pub fn attach(file: &Path) -> Self {
        Self(run("losetup", &["-f", "--show", file.to_str().unwrap()]).into())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("-d").arg(&self.0).status();
    }
}

/// A mounted file system; unmounted when dropped.
pub struct Mount(pub PathBuf);

impl Mount {
    pub fn new(arguments: &[&str], at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        run("mount", &[arguments, &[at.to_str().unwrap()]].concat());
        Self(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
